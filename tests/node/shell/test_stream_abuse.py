"""Those who mean harm at the stream port: what each of them gets, and that others are served."""

import pytest

from node.shell.dialler import StreamFailed
from node.shell.frames import FRAME_BYTES_MAX
from tests.node.shell.test_streams import stage


async def test_what_no_frame_holds_is_refused_both_ways_and_the_connection_lives() -> None:
    async def wordy(_who: object, _service: str, body: bytes) -> bytes:
        return body * 1_000

    async with stage(wordy) as at:
        with pytest.raises(StreamFailed, match="more than a frame holds"):
            await at.ask(body=bytes(1_100))
        with pytest.raises(StreamFailed, match="too long"):
            await at.ask(body=bytes(FRAME_BYTES_MAX))
        assert await at.ask(body=b"x") == b"x" * 1_000
        assert at.counts.refused == 1
