"""The matrix: what two tellings of one pair say about the ways between the two.

A single node can't tell a question that was lost from an answer that was lost. Two nodes can: if B
heard from A after A began to wait for B, then A's words arrive and B's do not. That comparison
(`delivered`) is all there is to it, made with ages only, each counted by its own teller.

For every failing way there is one plain sentence, with the firewall named where its machine told us
of one. Nothing here changes anything, and nothing is decided by it.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Any, Final, NamedTuple

from node.core.phrases import listed
from node.core.picture.evidence import Airway
from node.core.reachability.links import Link, Telling
from node.core.reachability.places import airway_of, host_of

PATIENCE_MS: Final = 1_500
"""A question younger than this may still be answered: a probe is tried for a second."""
FRESH_MS: Final = 150_000
"""Beacons come at least every two minutes; one older than this no longer says that any come."""
PAIRS_TOLD_MAX: Final = 4_096
"""Rows in one answer; of a larger mesh the failing ones come first."""


class Way(Enum):
    """Whether what leaves at one end arrives at the other."""

    OK = "ok"
    LOST = "lost"
    UNKNOWN = "unknown"


class Clock(NamedTuple):
    """How far another's wall clock is ahead of ours, and how far that may be wrong."""

    ahead_ms: int
    within_ms: int


@dataclass(frozen=True, slots=True)
class Survey:
    """Everything that one survey brought, by node id as text. `us` is among the tellings."""

    us: str
    tellings: Mapping[str, Telling]
    streams: Mapping[str, bool] = field(default_factory=dict)
    """Whether our own request to it was answered; nobody that is not in here was asked."""
    clocks: Mapping[str, Clock] = field(default_factory=dict)


class Fault(NamedTuple):
    """What is wrong on one way. `ok` None: perhaps nothing, for a machine may be switched off."""

    ok: bool | None
    sentence: str


class Ends(NamedTuple):
    """One pair, seen from `here` towards `there`."""

    here: str
    there: str
    out: Link | None
    """What `here` has seen of `there`."""
    back: Link | None


def rows(survey: Survey) -> list[dict[str, Any]]:
    """One row per teller and peer: what fails first, then by name. At most PAIRS_TOLD_MAX."""
    found = [(ends, _fault(survey, ends)) for ends in _every(survey)]
    # The failing ones first; and no row is written out that is cut off again.
    found.sort(key=lambda one: (one[1] is None, _names(survey, one[0])))
    return [_row(survey, ends, fault) for ends, fault in found[:PAIRS_TOLD_MAX]]


def _names(survey: Survey, ends: Ends) -> tuple[str, str]:
    assert ends.out is not None, "a row is made of what its teller saw"
    return survey.tellings[ends.here].name, ends.out.name


def sentences(survey: Survey) -> list[str]:
    """One for each failing way, each once."""
    told = [row["sentence"] for row in rows(survey) if row["sentence"] is not None]
    return list(dict.fromkeys(told))


def delivered(sender: Link | None, receiver: Link | None) -> Way:
    """Whether datagrams arrive, by what the sender saw of the receiver and the other way round."""
    waiting = None if sender is None else sender.waiting_ms
    came = _newest(receiver)
    since = waiting
    if sender is None and receiver is not None:
        since = receiver.waiting_ms  # who owes an answer may have been cut off since its last word
    if came is not None and (since is None or came <= since):
        return Way.OK
    if waiting is None or waiting < PATIENCE_MS:
        answered = sender is not None and sender.answered_ms is not None
        return Way.OK if answered else Way.UNKNOWN  # what it owes now may still come
    return Way.UNKNOWN if receiver is None else Way.LOST


def _newest(receiver: Link | None) -> int | None:
    """How long ago the receiver last heard anything of the sender's own, proven or not."""
    if receiver is None:
        return None
    heard = [age for age in (receiver.heard_ms, receiver.knocked_ms) if age is not None]
    return min(heard, default=None)


def silent(link: Link | None) -> bool:
    """Whether it owes an answer for longer than one may take."""
    return link is not None and link.waiting_ms is not None and link.waiting_ms >= PATIENCE_MS


# Rows -------------------------------------------------------------------------------------------


def _every(survey: Survey) -> Iterator[Ends]:
    seen = {node: {link.id: link for link in telling.links}
            for node, telling in survey.tellings.items()}  # fmt: skip
    for here in survey.tellings:
        for there, link in seen[here].items():
            if link.liveness != "left":
                yield Ends(here, there, link, seen.get(there, {}).get(here))


def _row(survey: Survey, ends: Ends, fault: Fault | None) -> dict[str, Any]:
    link = ends.out
    assert link is not None, "a row is made of what its teller saw"
    here, there = survey.tellings[ends.here], survey.tellings.get(ends.there)
    out, back = ways(ends)
    clock = _between(survey, ends)
    return {
        "from": {"id": here.id, "name": here.name},
        "to": {"id": link.id, "name": link.name},
        "liveness": link.liveness,
        "address": link.address,
        "interfaces": _interfaces(here, link),
        "probe_out": out.value,
        "probe_back": back.value,
        "stream": _stream(survey, ends).value,
        "round_trip_ms": None if link.round_trip_us is None else link.round_trip_us / 1_000,
        "clock_offset_ms": None if clock is None else clock.ahead_ms,
        "clock_within_ms": None if clock is None else clock.within_ms,
        "key_id": None if there is None else there.key_id,
        "ok": None if fault is None else fault.ok,
        "sentence": None if fault is None else fault.sentence,
    }


def ways(ends: Ends) -> tuple[Way, Way]:
    """There and back, as far as both tellers together can say."""
    out, back = delivered(ends.out, ends.back), delivered(ends.back, ends.out)
    if out is Way.OK and back is Way.UNKNOWN and silent(ends.out):
        back = Way.LOST  # it heard us, and we have no answer
    return out, back


def _interfaces(here: Telling, link: Link) -> list[dict[str, Any]]:
    used = None if link.address is None else airway_of(
        host_of(link.address), here.evidence.airways)  # fmt: skip
    kinds = {airway.name: airway.kind for airway in here.evidence.airways}
    names = dict.fromkeys([*([used.name] if used else []), *sorted(link.beacons)])
    return [
        {
            "name": name,
            "kind": kinds.get(name),
            "beacon_ms": link.beacons.get(name),
            "in_use": used is not None and used.name == name,
        }
        for name in names
    ]


def _stream(survey: Survey, ends: Ends) -> Way:
    if ends.here == survey.us and ends.there in survey.streams:
        return Way.OK if survey.streams[ends.there] else Way.LOST
    came = None if ends.back is None else ends.back.streamed_ms
    return Way.UNKNOWN if came is None else Way.OK


def _between(survey: Survey, ends: Ends) -> Clock | None:
    ours = Clock(0, 0)
    here = ours if ends.here == survey.us else survey.clocks.get(ends.here)
    there = ours if ends.there == survey.us else survey.clocks.get(ends.there)
    if here is None or there is None:
        return None
    return Clock(there.ahead_ms - here.ahead_ms, there.within_ms + here.within_ms)


# Sentences --------------------------------------------------------------------------------------


def _fault(survey: Survey, ends: Ends) -> Fault | None:
    """What is wrong on the way from `here` to `there` and back; None: nothing that we can see."""
    out, back = ways(ends)
    if ends.there not in survey.tellings:
        return _of_a_silent_one(survey, ends) if silent(ends.out) else None
    here, there = survey.tellings[ends.here], survey.tellings[ends.there]
    if out is Way.LOST and delivered(ends.back, ends.out) is Way.LOST:
        if here.id > there.id:
            return None  # said once, from the other end
        return Fault(False, _neither(survey, ends, here, there))
    if out is Way.LOST:
        return Fault(False, _one_way(there, here, ends.back, ends.out))
    if back is Way.LOST:
        return Fault(False, _one_way(here, there, ends.out, ends.back))
    if _stream(survey, ends) is Way.LOST:
        return Fault(
            False,
            f"{there.name} answers {here.name}'s datagrams but no stream: TCP {there.port} is "
            f"blocked inbound on {there.name}{_walls(there)}",
        )
    return None


def _one_way(deaf: Telling, other: Telling, seen: Link | None, heard: Link | None) -> str:
    """`other` hears `deaf`, and `deaf` never hears `other`."""
    told = f"{other.name} hears {deaf.name}{_where(heard, other)} but {deaf.name} never hears "
    told += f"{other.name}: UDP {deaf.port} is blocked inbound on {deaf.name}{_walls(deaf)}"
    if seen is not None and _beacon_since(seen):
        # The port of beacons is open, and the one at which it was answered is not.
        told += f"; beacons of {other.name} do arrive, so its answers alone are dropped"
    return told


def _neither(survey: Survey, ends: Ends, here: Telling, there: Telling) -> str:
    sides = [f"{one.name} has {', '.join(one.evidence.firewalls)}"
             for one in (here, there) if one.evidence.firewalls]  # fmt: skip
    known = f" ({'; '.join(sides)})" if sides else ""
    streams = ", though streams pass" if _streams_pass(survey, ends) else ""
    return (
        f"no datagram passes between {here.name} and {there.name}, either way{streams}: UDP is "
        f"blocked between them{known}"
    )


def _streams_pass(survey: Survey, ends: Ends) -> bool:
    turned = Ends(ends.there, ends.here, ends.back, ends.out)
    return Way.OK in (_stream(survey, ends), _stream(survey, turned))


def _of_a_silent_one(survey: Survey, ends: Ends) -> Fault | None:
    """`there` told us nothing; what the others know of it must do."""
    link, here = ends.out, survey.tellings[ends.here]
    assert link is not None, "it was found to be silent"
    reaching = [
        telling.name
        for node, telling in survey.tellings.items()
        if node not in (ends.here, ends.there) and _reaches(telling, ends.there)
    ]
    if not reaching and link.helper_ms is not None and link.helper_ms <= (link.waiting_ms or 0):
        reaching = [other.name for other in here.links if other.id == link.helper]
    if link.heard_ms is not None and link.heard_ms < (link.waiting_ms or 0):
        helped = f"; {link.name} is reachable only by helper {listed(reaching)}" if reaching else ""
        return Fault(
            False,
            f"{here.name} hears {link.name}{_where(link, here)} but {link.name} answers nothing: "
            f"what {here.name} sends does not arrive there{helped}",
        )
    if reaching:
        return Fault(
            False,
            f"{here.name} gets no answer from {link.name}, which is reachable only by helper "
            f"{listed(reaching)}: the way between {here.name} and {link.name} is cut",
        )
    if _beacon_since(link):
        # Its beacons prove that it lives and sends.
        told = f"{here.name} hears the beacons of {link.name}{_where(link, here)} but gets no "
        told += f"answer: UDP {_port(link)} is blocked inbound on {link.name}, or its answers are "
        return Fault(False, told + f"blocked inbound on {here.name}{_walls(here)}")
    if ends.here != survey.us:
        return None  # that nobody reaches it is said once, from here
    return Fault(None, f"nobody that we can ask reaches {link.name}: it is off, or cut off")


def _beacon_since(link: Link) -> bool:
    """Whether a beacon of it came in after the question that it owes an answer to."""
    return any(age < min(FRESH_MS, link.waiting_ms or 0) for age in link.beacons.values())


def _reaches(telling: Telling, node: str) -> bool:
    return any(
        link.id == node and link.liveness == "alive" and not silent(link) for link in telling.links
    )


def _where(link: Link | None, telling: Telling) -> str:
    """` on wlan0`: where the teller hears it, or would."""
    if link is None:
        return ""
    fresh = sorted((age, name) for name, age in link.beacons.items() if age <= FRESH_MS)
    if fresh:
        return f" on {fresh[0][1]}"
    used: Airway | None = None
    if link.address is not None:
        used = airway_of(host_of(link.address), telling.evidence.airways)
    return "" if used is None else f" on {used.name}"


def _walls(telling: Telling) -> str:
    active = telling.evidence.firewalls
    return f" ({', '.join(active)} active)" if active else ""


def _port(link: Link) -> str:
    return link.address.rpartition(":")[2] if link.address else "4653"
