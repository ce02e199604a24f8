"""Times of day as people write them."""

import contextlib
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from node.cli.exits import Unable
from node.cli.when import shown, wall_ms

EAST = timezone(timedelta(hours=2))
NOW = datetime(2030, 5, 1, 13, 30, 20, tzinfo=EAST)


def at(text: str) -> str:
    return datetime.fromtimestamp(wall_ms(text, NOW) / 1000, EAST).strftime("%d %H:%M:%S")


@pytest.mark.parametrize(
    ("text", "means"),
    [
        ("+3h", "01 16:30:20"),
        ("in 90s", "01 13:31:50"),
        ("14:00", "01 14:00:00"),
        ("9:05", "02 09:05:00"),
        ("tomorrow 14:00", "02 14:00:00"),
        ("  Tomorrow   7:00 ", "02 07:00:00"),
        ("today 23:59", "01 23:59:00"),
        ("2030-05-03 08:00", "03 08:00:00"),
        ("2030-05-03T08:00:05Z", "03 10:00:05"),
    ],
)
def test_a_time_means_what_a_person_would_take_it_for(text: str, means: str) -> None:
    assert at(text) == means


@pytest.mark.parametrize(
    "text",
    ["", "soon", "25:00", "14:60", "today 9:00", "2001-01-01 00:00", "+", "+3 bananas", "٣:٠٠"],
)
def test_what_is_no_time_or_past_is_said_so(text: str) -> None:
    with pytest.raises(Unable):
        wall_ms(text, NOW)


@settings(max_examples=60, deadline=None)
@given(st.text(max_size=24))
@example("in 99999999999d")
@example("9999-12-31 23:59")
def test_no_text_is_taken_for_a_time_that_is_past(text: str) -> None:
    with contextlib.suppress(Unable):  # said by name
        assert wall_ms(text, NOW) > NOW.timestamp() * 1000


def test_a_moment_is_shown_as_short_as_it_can_be() -> None:
    noon = datetime(2030, 5, 1, 12, tzinfo=UTC)
    assert shown(int(noon.timestamp() * 1000), NOW) == "14:00"
    assert shown(int((noon + timedelta(days=3)).timestamp() * 1000), NOW) == "Sat 04 May 14:00"
    assert shown(2**62, NOW) == f"{2**62} ms after 1970"
