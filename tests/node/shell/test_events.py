"""Events: one line each, for people or for programs, and no stranger's word obeyed."""

import datetime as dt
import io
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.shell.telling.events import EventWriter, harmless, json_line, pretty_line

AT = dt.datetime(2020, 2, 3, 4, 5, 6, 789000, tzinfo=dt.UTC)


def test_a_program_gets_one_json_object_per_line() -> None:
    out = io.StringIO()
    EventWriter(out, wall=lambda: AT).write("peer.alive", "b is\nalive", {"peer": "b", "n": 1})
    assert json.loads(out.getvalue()) == {
        "at": "2020-02-03T04:05:06.789+00:00",
        "kind": "peer.alive",
        "sentence": "b is\nalive",
        "body": {"peer": "b", "n": 1},
    }
    assert out.getvalue().count("\n") == 1


def test_a_terminal_gets_a_line_to_read() -> None:
    out = io.StringIO()
    EventWriter(out, pretty=True, wall=lambda: AT).write("peer.alive", "b is alive", {})
    assert out.getvalue().rstrip().endswith("b is alive")
    assert "peer.alive" in out.getvalue()


@given(st.text())
def test_nothing_that_a_stranger_chose_steers_a_terminal(text: str) -> None:
    line = pretty_line(AT, text, text)
    assert line.isprintable()
    assert harmless("\x1b[2J\r\n\u202e") == "\\x1b[2J\\r\\n\\u202e"


@given(st.text(alphabet=st.characters()), st.binary(max_size=5))
def test_any_text_makes_one_line_of_json(text: str, data: bytes) -> None:
    line = json_line(AT, "kind", text + "\udc80", {"file": text, "n": len(data)})
    assert "\n" not in line
    assert json.loads(line)["body"]["file"] == text


@pytest.mark.parametrize("closed", [True, False])
def test_a_reader_that_went_away_is_counted_not_fatal(closed: bool) -> None:
    class Gone(io.StringIO):
        def write(self, _text: str) -> int:
            raise BrokenPipeError

    out = io.StringIO() if closed else Gone()
    if closed:
        out.close()
    writer = EventWriter(out, pretty=False)
    writer.write("a", "b", {})
    assert writer.lost == 1
