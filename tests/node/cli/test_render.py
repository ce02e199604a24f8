"""What people read."""

import io
import shutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.instant import SECOND
from node.cli.progress import ProgressLine
from node.cli.render import (
    Ink,
    age,
    amount,
    clean,
    legs,
    metric,
    narrowed,
    or_unknown,
    pairs,
    span,
    table,
    width_of,
)


def test_an_unknown_figure_is_written_unknown_and_never_zero() -> None:
    assert amount(None, "bytes") == "unknown"
    assert span(None) == "unknown"
    assert age(None) == "unknown"
    assert or_unknown(None) == "unknown"
    assert metric(None) == "unknown"
    assert metric({"value": None, "unit": "C", "note": "no sensor"}) == "unknown (no sensor)"


def test_a_known_zero_is_not_called_unknown() -> None:
    assert or_unknown(0) == "0"
    assert amount(0, "bytes") == "0 B"
    assert span(0) == "0 ms"


def test_every_amount_carries_its_unit() -> None:
    assert amount(4 << 30, "bytes") == "4 GiB"
    assert amount(1500, "millicores") == "1.5 cores"
    assert legs([{"pool": "ram", "amount": 1 << 30, "unit": "bytes"}]) == "ram 1 GiB"
    assert metric({"value": 12.5, "unit": "percent"}) == "12.5 %"
    assert metric({"value": 1, "unit": "flag"}) == "yes"


def test_durations_show_their_two_largest_units() -> None:
    assert span(7_380_000) == "2 h 3 min"
    assert span(32_000) == "32 s"
    assert span(3_600_000) == "1 h"
    assert span(90_061_000) == "1 d 1 h"
    assert age(3_400) == "3 s ago"
    assert age(20) == "just now"


def test_columns_align_and_numbers_stand_on_the_right() -> None:
    lines = table(("NAME", "ROOM"), [["ann", "12 GiB"], ["bartholomew", "3 GiB"]])
    assert lines == ["NAME           ROOM", "ann          12 GiB", "bartholomew   3 GiB"]
    assert table(("NAME",), []) == []


def test_wide_letters_keep_the_columns_straight() -> None:
    lines = table(("NAME", "ON"), [["名前", "x"], ["abcd", "y"]])
    assert [line[-1] for line in lines[1:]] == ["x", "y"]
    assert lines[1] == "名前  x"


@given(st.text())
def test_no_name_can_steer_the_terminal(name: str) -> None:
    shown = clean(name)
    assert all(mark.isprintable() or mark in " \u3000\xa0" or not mark.isascii() for mark in shown)
    assert "\x1b" not in shown
    assert "\n" not in shown


@given(st.lists(st.tuples(st.text(), st.text())))
def test_tables_take_any_text_and_give_one_line_per_row(rows: list[tuple[str, str]]) -> None:
    assert len(table(("A", "B"), rows)) == (len(rows) + 1 if rows else 0)
    assert len(pairs(rows)) == len(rows)


@given(st.integers(min_value=0, max_value=10**15))
def test_every_duration_can_be_said(ms: int) -> None:
    assert span(ms)
    assert not span(ms).startswith("0 ") or ms == 0


class _Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_colour_is_for_terminals_and_no_color_turns_it_off() -> None:
    assert Ink.of(_Terminal(), {}).good("yes") == "\x1b[32myes\x1b[0m"
    assert Ink.of(_Terminal(), {"NO_COLOR": "1"}).good("yes") == "yes"
    assert Ink.of(_Terminal(), {"TERM": "dumb"}).good("yes") == "yes"
    assert Ink.of(io.StringIO(), {}).good("yes") == "yes"


def test_progress_on_a_terminal_is_one_line_that_rewrites_itself() -> None:
    stream = _Terminal()
    line = ProgressLine(stream)
    line({"sentence": "waiting for bob", "remaining_ms": 21_000})
    line({"sentence": "asking bob"})
    line.done()
    assert stream.getvalue() == ("\r\x1b[Kwaiting for bob (21 s)\r\x1b[Kasking bob\r\x1b[K")


def test_progress_in_a_log_is_one_plain_line_per_sentence() -> None:
    stream = io.StringIO()
    line = ProgressLine(stream)
    for _second in range(3):
        line({"sentence": "waiting for bob", "remaining_ms": 3_000})
    line({"sentence": "asking bob"})
    line.done()
    assert stream.getvalue() == "waiting for bob\nasking bob\n"


def test_a_countdown_is_said_once_and_not_counted_twice() -> None:
    stream = _Terminal()
    ProgressLine(stream)({"sentence": "oak waits: 33 s more", "remaining_ms": 32_900})
    assert stream.getvalue() == "\r\x1b[Koak waits: 33 s more"


def test_a_countdown_in_a_log_is_repeated_every_ten_seconds_at_most() -> None:
    stream, seconds = io.StringIO(), iter(range(100))
    line = ProgressLine(stream, lambda: next(seconds) * SECOND)
    for left in range(25, 0, -1):
        turn = f"its turn within {left + 40}s; waits {left}s more"
        line({"sentence": f"oak place 1 of 2, {turn} (elm now)", "remaining_ms": left * 1000})
    line({"sentence": "asking oak"})
    assert stream.getvalue().splitlines() == [
        *(
            f"oak place 1 of 2, its turn within {left + 40}s; waits {left}s more (elm now)"
            for left in (25, 15, 5)
        ),
        "asking oak",
    ]


@pytest.mark.parametrize(
    ("width", "headers"),
    [(None, "ID  FOR       ROOM"), (18, "ID  FOR       ROOM"), (17, "ID   ROOM"), (3, "ID")],
    ids=str,
)
def test_the_least_important_columns_give_way_on_a_narrow_terminal(
    width: int | None, headers: str
) -> None:
    rows = [["a", "nightly", "1 GiB"]]
    lines, dropped = narrowed(("ID", "FOR", "ROOM"), rows, ("FOR", "ROOM"), width)
    assert lines[0] == headers
    assert [name for name in ("FOR", "ROOM") if name not in headers] == dropped


def test_the_width_is_the_terminals_or_the_one_named_and_a_pipe_has_none() -> None:
    assert width_of(io.StringIO(), {}) is None
    assert width_of(io.StringIO(), {"COLUMNS": "70"}) == 70
    assert width_of(io.StringIO(), {"COLUMNS": "wide"}) is None
    assert width_of(_Terminal(), {}) == shutil.get_terminal_size().columns
