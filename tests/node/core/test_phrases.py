"""The small change of sentences."""

from datetime import UTC, datetime

from hypothesis import given
from hypothesis import strategies as st

from node.core.phrases import utc

FIRST, LAST = (datetime(year, 1, 1, tzinfo=UTC) for year in (1970, 2400))


@given(st.datetimes(FIRST.replace(tzinfo=None), LAST.replace(tzinfo=None)))
def test_a_moment_is_told_as_calendars_tell_it(moment: datetime) -> None:
    moment = moment.replace(tzinfo=UTC)
    wall = (moment - FIRST) // (LAST - FIRST).resolution * 1000
    assert utc(wall) == moment.strftime("%Y-%m-%d %H:%M UTC")
