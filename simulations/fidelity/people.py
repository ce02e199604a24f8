"""People: they knock at the local door of a machine, ask, and wait for the answer.

The line on the door is the very one of the command. Whoever's agent dies, or who has no patience
left, knows nothing: neither yes nor no.
"""

from typing import Any, NamedTuple

import msgspec
import trio

from simulations.fidelity.pipe import knock
from simulations.fidelity.resident import Resident
from simulations.fidelity.village import Village

READ_BYTES = 64 * 1024


class Answer(NamedTuple):
    """What one question came to."""

    ok: bool
    body: dict[str, Any]


async def ask(
    village: Village, resident: Resident, plain: dict[str, Any], patience_seconds: float
) -> Answer | None:
    """Put one request; None when no answer came. Cancelling hangs up."""
    try:
        with trio.move_on_after(patience_seconds):
            stream = await knock(village.air, resident.station)
            async with stream:
                await stream.send_all(msgspec.json.encode(plain) + b"\n")
                answer = await _read(stream)
            village.trace.put("answer", resident.name, msgspec.json.encode(answer))
            return answer
    except (OSError, trio.BrokenResourceError, trio.ClosedResourceError):
        return None
    return None


async def _read(stream: trio.abc.Stream) -> Answer:
    kept = b""
    while True:
        data = bytes(await stream.receive_some(READ_BYTES))
        if not data:
            raise trio.BrokenResourceError("closed without an answer")
        *lines, kept = (kept + data).split(b"\n")
        for line in lines:
            said: dict[str, Any] = msgspec.json.decode(line)
            if "ok" in said:
                return Answer(True, said["ok"])
            if "refused" in said:
                return Answer(False, said["refused"])
