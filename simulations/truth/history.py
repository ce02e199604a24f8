"""What was asked and answered, and whether the answers can all be true.

Every process is on one machine, so one monotonic clock dates every asking and every answer, and
only certainties count. A grant is surely relied on from the moment its asker has the answer until
it first says that it needs it no longer, or until a careful holder stops believing, counted from
its first send. Two claims are then decided from outside, with no look at how the agents decide:

- *no double grant*: at no instant do the grants that are surely relied on exceed what their owner
  ever had;
- *no lost lease*: an owner that was open before and after it showed its books has every grant in
  them that was surely relied on all the while.

A gang is a grant on each of its nodes, from one answer and until one release. When all is calm two
more are decided: *no part of a gang* stands without the rest, and *no second one* for a wish that
was asked for again because its agent died.

What ended unknown is relied on by nobody, and may or may not stand in the books.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import Final, NamedTuple

from ledger.leases import holder_span
from mesh.instant import SECOND, Duration, Instant
from node.core.gangs.kept import MARK_BYTES

FOREVER: Final[Instant] = 1 << 62
LIVE: Final = frozenset({"pending", "posted", "ending"})


class Asked(NamedTuple):
    """One request of a person to an agent, and how it ended."""

    asker: str
    kind: str
    """"reserve", "hold", "post" or "release"."""
    began: Instant
    ended: Instant
    outcome: str
    """"granted", "refused", or "unknown": whether it was done, nobody could say."""
    hold: str = ""
    owner: str = ""
    amount: int = 0
    term: Duration = 0


class Belief(NamedTuple):
    """A grant that its asker surely relies on, from `since` until before `until`."""

    hold: str
    owner: str
    asker: str
    amount: int
    since: Instant
    until: Instant
    posted: bool

    def __str__(self) -> str:
        what = "" if self.posted else ", held"
        return f"{self.hold[:8]} ({self.amount >> 20} MiB at {self.owner} for {self.asker}{what})"


class Shown(NamedTuple):
    """An owner's own books between `began` and `ended`; it was open at both, in one life."""

    owner: str
    began: Instant
    ended: Instant
    states: Mapping[str, str]
    gangs: Mapping[str, "Membership"] = MappingProxyType({})
    """Of which gang a hold is one."""


class Membership(NamedTuple):
    """What an owner shows of the gang of one of its holds. `members`: how many there are; None:
    it is over, as its asker's log says, or nothing is known of it."""

    gang: str
    members: int | None


def beliefs(history: Iterable[Asked], pending_term: Duration) -> list[Belief]:
    """Who surely relies on what, and when. `pending_term`: how long a bare hold may last."""
    ordered = sorted(history, key=lambda one: one.began)
    over: dict[tuple[str, bool], Instant] = {}
    for one in ordered:
        if one.kind == "release":
            over.setdefault((one.hold, True), one.began)
        if one.kind in ("post", "release"):
            # Whoever confirms a hold relies on it no longer: a short grant in its place ends
            # sooner, and a confirmation that failed may have ended both.
            over.setdefault((one.hold, False), one.began)
    return [
        belief
        for one in ordered
        if one.outcome == "granted" and one.kind != "release"
        for belief in [
            _belief(one, over.get((one.hold, one.kind != "hold"), FOREVER), pending_term)
        ]
        if belief.since < belief.until
    ]


def _belief(one: Asked, over: Instant, pending_term: Duration) -> Belief:
    posted = one.kind != "hold"
    span = holder_span(one.term if posted else pending_term)
    until = min(one.began + span, over)
    return Belief(one.hold, one.owner, one.asker, one.amount, one.ended, until, posted)


def double_grants(relied_on: Sequence[Belief], capacity: Mapping[str, int]) -> Iterator[str]:
    """A sentence for the first instant at which an owner had answered for more than it has."""
    for owner, most in sorted(capacity.items()):
        own = [one for one in relied_on if one.owner == owner]
        for at in sorted({one.since for one in own}):
            now = _by_hold(one for one in own if one.since <= at < one.until)
            if sum(one.amount for one in now) > most:
                told = "; ".join(map(str, now))
                yield f"{owner} has {most >> 20} MiB, and answered at once for {told}"
                break


def _by_hold(relied_on: Iterable[Belief]) -> list[Belief]:
    """One belief per hold: a hold that was confirmed is the same room."""
    return [*{one.hold: one for one in relied_on}.values()]


def lost_leases(relied_on: Sequence[Belief], seen: Iterable[Shown]) -> Iterator[str]:
    """A sentence for each grant that an open owner's books had not."""
    told = set[str]()
    for shown in seen:
        for one in relied_on:
            if one.owner != shown.owner or one.hold in told:
                continue
            if not (one.since <= shown.began and shown.ended < one.until):
                continue
            state = shown.states.get(one.hold, "gone")
            if state != "posted" if one.posted else state not in LIVE:
                told.add(one.hold)
                yield f"{one} was answered, and {one.owner}'s books say {state}"


def revived(history: Iterable[Asked], at_the_end: Iterable[Shown]) -> Iterator[str]:
    """A sentence for each hold that was given back with a yes, and stands in the books since."""
    back = {
        one.hold: one
        for one in history
        if one.kind == "release" and one.outcome == "granted"
    }  # fmt: skip
    for shown in at_the_end:
        for hold, state in sorted(shown.states.items()):
            one = back.get(hold)
            if one is not None and one.ended < shown.began and state != "ending":
                after = (shown.began - one.ended) / SECOND
                yield f"{hold[:8]} was given back to {shown.owner}, and {after:.1f} s later {state}"


def broken_gangs(at_the_end: Iterable[Shown]) -> Iterator[str]:
    """A sentence for each gang of which only a part stands, and for each wish that has two."""
    owners: dict[str, list[str]] = {}
    members: dict[str, int | None] = {}
    for shown in at_the_end:
        for hold, (gang, count) in sorted(shown.gangs.items()):
            if shown.states[hold] in LIVE - {"ending"}:
                owners.setdefault(gang, []).append(shown.owner)
                members[gang] = count
    wishes: dict[str, list[str]] = {}
    for gang, there in sorted(owners.items()):
        wishes.setdefault(gang[-2 * MARK_BYTES :], []).append(gang)
        if members[gang] != len(there):
            of = "one that is over" if members[gang] is None else f"{members[gang]}"
            yield f"of gang {gang[:8]} there stands {', '.join(there)}, and it is {of}"
    for gangs in wishes.values():
        if len(gangs) > 1:
            yield f"two gangs stand for one wish: {', '.join(gang[:8] for gang in gangs)}"
