"""Health: what `doctor` answers. The mesh's side is worked out here, the machine's is the shell's.

A check is one sentence that is true, false, or neither (null: not known, or nobody's fault), with
what to do about it. A peer's `problem` is the first thing that keeps it from being of use to us.
"""

from typing import Any

from ledger.owner.standings import DISK_FULL, OPEN, OUTCAST, QUARANTINED
from mesh.identity import id_text
from mesh.instant import MILLISECOND, SECOND
from mesh.roll.membership import Liveness, Member, Trust
from node.core import answers, logbook
from node.core.phrases import WAY_BACK
from node.core.picture.knowledge import Knowledge
from node.core.picture.reports import Check
from node.core.reachability import matrix
from node.core.reachability.diagnoses import diagnose
from node.core.reachability.findings import Scene
from node.core.reachability.matrix import Survey
from node.core.reachability.reach import trouble
from node.core.trust import keyholders, naming

SECONDS_TO_OPEN = "`holdfast status` shows how long; `holdfast ledger open` is a person's way out"
MAY_HAVE_FORGOTTEN = "this disk may have forgotten promises"
MAKE_ROOM = "free some space there: the agent goes on by itself, and nothing was lost"


def doctor(knowledge: Knowledge, survey: Survey) -> dict[str, Any]:
    """Everything that can be said from inside the agent, and by those who answered a survey."""
    scene = Scene(survey, housemates(knowledge))
    checks = [
        _grants(knowledge), _peers_answer(knowledge), _names(knowledge), _ledgers(knowledge),
        _owners(knowledge), _versions(knowledge), _keys(knowledge), *knowledge.news.checks,
    ]  # fmt: skip
    return {
        "checks": [_plain(check) for check in checks],
        "rejections": rejections(knowledge),
        "interfaces": interfaces(knowledge),
        "peers": [_peer(knowledge, member) for member in knowledge.mesh.roll.members()],
        "links": matrix.rows(survey),
        "diagnoses": [finding.body for finding in diagnose(scene)],
        "surveyed": {
            "asked": len(survey.streams),
            "told": sorted(one.name for one in survey.tellings.values() if one.id != survey.us),
        },
    }


def housemates(knowledge: Knowledge) -> dict[str, str]:
    """Other live nodes of this kernel's boot: id → name."""
    ours = knowledge.inventory(knowledge.us)
    boot = None if ours is None else ours.boot
    if boot is None:
        return {}
    return {
        id_text(member.id): member.name
        for member in knowledge.members()
        if member.liveness is Liveness.ALIVE
        and (theirs := knowledge.inventory(member.id)) is not None
        and theirs.boot == boot
    }


def rejections(knowledge: Knowledge) -> dict[str, int]:
    """Refused datagrams and streams by cause, ours and the shell's."""
    counted: dict[str, int] = {
        cause if isinstance(cause, str) else cause.value: count
        for cause, count in knowledge.mesh.rejections.items()
    }
    for cause, count in knowledge.news.refused.items():
        counted[cause] = counted.get(cause, 0) + count
    return dict(sorted(counted.items()))


def interfaces(knowledge: Knowledge) -> list[dict[str, Any]]:
    """The shell's rows, with the kind of each interface as our own inventory has it."""
    inventory = knowledge.inventory(knowledge.us)
    kinds = {a.interface: a.kind for a in inventory.addresses} if inventory else {}
    return [{**row, "kind": kinds.get(str(row["name"]))} for row in knowledge.news.interfaces]


def _grants(knowledge: Knowledge) -> Check:
    state, reason, opens_at = knowledge.ledger.standing
    hint = {DISK_FULL: MAKE_ROOM, OUTCAST: WAY_BACK}.get(state, SECONDS_TO_OPEN)
    told = state.replace("_", " ")
    if state == OUTCAST:
        reason = reason.removesuffix(f" {WAY_BACK}")  # said below it
    if state == QUARANTINED and opens_at is not None:
        left = max(0, opens_at - knowledge.now) // SECOND
        told, reason = f"quarantined {left} s more", f"{MAY_HAVE_FORGOTTEN} ({reason})"
    return Check("grants", state == OPEN, f"{told}: {reason}" if reason else told, hint)


def _peers_answer(knowledge: Knowledge) -> Check:
    known = _present(knowledge)
    gone = knowledge.members()
    if not known and gone:
        sentence = f"nobody else is there: {len(gone)} said good-bye"
        return Check("peers", None, sentence, "`holdfast up` there comes back")
    if not known:
        sentence = "no other node has joined yet"
        return Check("peers", None, sentence, "`holdfast invite` here, `holdfast join` there")
    silent = sorted(m.name for m in known if not _answers(knowledge, m))
    sentence = f"{len(known) - len(silent)} of {len(known)} answer"
    if not silent:
        return Check("peers", True, sentence)
    # One that is switched off is nobody's fault; when nobody answers, it is more likely us.
    ok = None if len(silent) < len(known) else False
    hint = "the list of peers below says why"
    return Check("peers", ok, f"{sentence}; no word from {', '.join(silent)}", hint)


def _answers(knowledge: Knowledge, member: Member) -> bool:
    """Whether it answers *us*: what a helper hears of it is no use from here."""
    return member.liveness is Liveness.ALIVE and trouble(knowledge, member) is None


def _names(knowledge: Knowledge) -> Check:
    told = "; ".join(naming.shared(knowledge))
    return Check(
        "names", None if told else True, told or "no two nodes share a name", naming.REMEDY
    )


def _present(knowledge: Knowledge) -> list[Member]:
    return [m for m in knowledge.members() if m.liveness is not Liveness.LEFT]


def _ledgers(knowledge: Knowledge) -> Check:
    logs = logbook.verify(knowledge)["logs"]
    broken = [f"{log['author']['name']}: {log['problem']}" for log in logs if not log["ok"]]
    sentence = "; ".join(broken) or f"all {len(logs)} that are kept here add up"
    hint = "nothing is placed on a node whose ledger does not add up; `holdfast ledger verify`"
    return Check("ledgers", not broken, sentence, hint)


def _owners(knowledge: Knowledge) -> Check:
    """Whether anybody else says that what is ours is theirs, or speaks where nobody should."""
    told = "; ".join([*knowledge.contests, *knowledge.outcasts])
    hint = "only a person knows which of them is right: the sentence says what to do in each case"
    return Check("owners", not told, told or "nobody else claims what this machine has", hint)


def _versions(knowledge: Knowledge) -> Check:
    running = {
        name: inventory.version
        for node, name in sorted(knowledge.names().items(), key=lambda row: row[1])
        if (inventory := knowledge.inventory(node)) is not None
    }
    if passed_over := _passed_over(knowledge):
        hint = "it is of a later version: what both know goes on; upgrade this node"
        return Check("versions", None, passed_over, hint)
    if len({*running.values()}) <= 1:
        same = next(iter(running.values()), "an unknown version")
        return Check("versions", True, f"every node runs {same}")
    told = ", ".join(f"{name} runs {version}" for name, version in running.items())
    return Check("versions", None, told, "they understand each other; upgrade the older ones soon")


def _passed_over(knowledge: Knowledge) -> str:
    """What peers of later versions said that we could not read."""
    novelties = knowledge.mesh.novelties
    return "; ".join(
        f"{knowledge.name_of(node)} said {count} {novelty.value}"
        for node in novelties.peers()
        for novelty, count in novelties.of(node).items()
    )


def _keys(knowledge: Knowledge) -> Check:
    told = keyholders.amiss(knowledge)
    off = keyholders.absent(knowledge)
    key = knowledge.keys.primary.key_id.hex()
    if told:
        return Check("keys", False, "; ".join(told), "`holdfast keys list` shows who has which")
    if off:
        return Check("keys", None, "; ".join(off), "`holdfast keys list` shows who has which")
    return Check("keys", True, f"everybody has key {key}, under which we speak")


def _peer(knowledge: Knowledge, member: Member) -> dict[str, Any]:
    mesh, node = knowledge.mesh, member.id
    beacon, trip = mesh.sightings.last_beacon(node), mesh.sightings.round_trip(node)
    address = member.address or next(iter(member.addresses), None)
    return {
        "name": member.name,
        "id": id_text(node),
        "beacon_heard": None if beacon is None else (knowledge.now - beacon) // MILLISECOND,
        "session": mesh.has_session(node),
        "last_probe_ms": answers.ms(trip),
        "address": None if address is None else address.text,
        "passed_over": {sort.value: count for sort, count in mesh.novelties.of(node).items()},
        "problem": problem_of(knowledge, member),
    }


def problem_of(knowledge: Knowledge, member: Member) -> str | None:
    """The first thing that keeps this peer from being of use, in one plain sentence."""
    frozen = knowledge.replicas.problem(member.id)
    if member.liveness is Liveness.LEFT:
        return "it has left the mesh"
    if not member.met:
        return "it has not answered our hello: is its port open for UDP, has it the same secret?"
    if (wrong := trouble(knowledge, member)) is not None:
        return wrong
    if knowledge.kept_out and not knowledge.mesh.has_session(member.id):
        return "it does not hear this node, which was revoked"
    if member.liveness is Liveness.DEAD:
        return "it stopped answering: is it switched off, or cut off?"
    if member.liveness is Liveness.SUSPECT:
        return "it did not answer the last look; we go on looking"
    if member.trust is not Trust.TRUSTED:
        why = naming.objection(knowledge, member)
        return f"it has proven who it is, and does not count here: {why}"
    if not knowledge.mesh.has_session(member.id):
        return "it is remembered from before, and has not answered since our start"
    if frozen is not None:
        return f"its ledger does not add up, so nothing is placed there: {frozen}"
    if knowledge.standing(member.id) is None:
        return "it has not told us yet whether it takes bookings"
    return None


def _plain(check: Check) -> dict[str, Any]:
    hint = "" if check.ok is True else check.hint
    return {"name": check.name, "ok": check.ok, "sentence": check.sentence, "hint": hint}
