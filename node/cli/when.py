"""Times of day as people write them, on the machine where they are written.

`+3h` counts from now; `14:00` is the next time that the clock here shows it; `today` and `tomorrow`
go before a time; a date with a time (`2030-05-01 14:00`) may name its zone (`…Z`, `…+02:00`). What
comes out is a moment, in milliseconds since 1970.
"""

import re
from argparse import Namespace
from datetime import datetime, timedelta, tzinfo
from typing import Any

from node.cli.asks import term_ms
from node.cli.exits import wrong_usage
from node.cli.render import span

FORMS = "write +3h, 14:00, 'tomorrow 14:00' or '2030-05-01 14:00'"
_DAY = re.compile(r"(?:(today|tomorrow)\s+)?(\d{1,2}):(\d{2})", re.ASCII)


def wall_ms(text: str, now: datetime | None = None) -> int:
    """The moment that `text` means, for `--start`. Raises wrong usage."""
    here = _here() if now is None else now
    said = " ".join(text.split()).lower()
    zone = None if now is None else now.tzinfo
    moment = _counted(said, here) or _of_the_clock(said, here, zone) or _dated(said, zone)
    if moment is None:
        raise wrong_usage(f"--start: {text!r} is no time", FORMS)
    if moment <= here:
        shown_as = moment.strftime("%Y-%m-%d %H:%M")
        raise wrong_usage(f"--start: {text!r} is past ({shown_as} here)", FORMS)
    return int(moment.timestamp() * 1000)


def shown(wall: int, now: datetime | None = None) -> str:
    """A moment, by the clock here: the time alone when it is today."""
    here = _here() if now is None else now
    try:
        moment = datetime.fromtimestamp(wall / 1000, here.tzinfo)
    except (OverflowError, ValueError, OSError):
        return f"{wall} ms after 1970"
    if moment.date() == here.date():
        return moment.strftime("%H:%M")
    return moment.strftime("%a %d %b %Y %H:%M" if moment.year != here.year else "%a %d %b %H:%M")


def about(flags: Namespace) -> dict[str, Any]:
    """The time that is asked about, if one is."""
    if flags.duration is not None:
        term_ms(flags.duration)
    if flags.duration is None and flags.start is None:
        return {}
    start = {} if flags.start is None else {"start_at_ms": wall_ms(flags.start)}
    return {"asked_at_ms": int(_here().timestamp() * 1000), **start}


def told(body: dict[str, Any]) -> dict[str, Any]:
    """The answer, with the time that it is about before it."""
    when = body.get("when")
    if when is None:
        return body
    lasts = "for good" if when["span_ms"] is None else f"for {span(when['span_ms'])}"
    first = f"From {shown(when['start_at_ms'])} on, {lasts}, with all that owners have planned:"
    return {**body, "text": [first, *body["text"]]}


def _counted(said: str, here: datetime) -> datetime | None:
    from mesh.instant import MILLISECOND
    from placement.amounts import AmountError, parse_duration

    if not said.startswith(("+", "in ")):
        return None
    try:
        span = parse_duration(said.removeprefix("+").removeprefix("in ").strip())
        return here + timedelta(milliseconds=span // MILLISECOND)
    except (AmountError, OverflowError) as error:
        raise wrong_usage(f"--start: {error}", FORMS) from error


def _of_the_clock(said: str, here: datetime, zone: tzinfo | None) -> datetime | None:
    found = _DAY.fullmatch(said)
    if found is None or int(found[2]) > 23 or int(found[3]) > 59:
        return None
    # Without its zone, so that the clock is read as people do where it goes back or forward.
    naive = here.replace(tzinfo=None, minute=int(found[3]), hour=int(found[2]))
    naive = naive.replace(second=0, microsecond=0)
    days = 1 if found[1] == "tomorrow" else 0
    if found[1] is None and naive <= here.replace(tzinfo=None):
        days = 1
    return _with_zone(naive + timedelta(days=days), zone)


def _dated(said: str, zone: tzinfo | None) -> datetime | None:
    try:
        moment = datetime.fromisoformat(said.upper())
        return moment if moment.tzinfo else _with_zone(moment, zone)
    except (ValueError, OverflowError):
        return None


def _with_zone(naive: datetime, zone: tzinfo | None) -> datetime:
    """`zone` None: this machine's, by its rules of that day."""
    return naive.astimezone() if zone is None else naive.replace(tzinfo=zone)


def _here() -> datetime:
    return datetime.now().astimezone()  # noqa: TID251 - a person says when by the clock on the wall
