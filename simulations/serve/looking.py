"""What the commands do that change nothing: states, checks, transcripts, hashes, scripts."""

from typing import Any, Final

from mesh.identity import id_text
from mesh.instant import MILLISECOND
from simulations.invented.host import Host
from simulations.serve import commands as say
from simulations.serve.cluster import Served
from simulations.serve.no import No

Said = dict[str, Any]
SCRIPT_PAGE: Final = 1000
"""Lines of a script in one answer."""

Looks = say.State | say.Check | say.Calm | say.Transcript | say.Trace | say.Script


def look(served: Served, command: Looks) -> Said:
    """Carry `command` out. Raises No, and what a promise that is broken raises."""
    match command:
        case say.State():
            hosts = served.world.hosts.values() if command.node is None else ()
            named = () if command.node is None else (served.host(command.node),)
            return {"nodes": [_state(served, host) for host in (*hosts, *named)]}
        case say.Check():
            served.cluster.checks.look_at_all(served.world)
            return {"looked": _looked(served)}
        case say.Calm():
            served.calm()
            return {"looked": _looked(served)}
        case say.Transcript():
            return {"lines": list(served.transcript.lines)[-command.last :]}
        case say.Trace():
            return trace(served)
        case say.Script():
            return _script(served, command)


def trace(served: Served) -> Said:
    """What two lives of one history have in common."""
    by = served.cluster.diary.endings + served.misfortune.endings
    states = served.coverage.seen + served.cluster.checks.seen
    return {
        "trace_hash": served.world.trace.hexdigest(),
        "operations": {name: by[name] for name in ("granted", "refused", "unknown")},
        "faults": served.misfortune.counts,
        "states": dict(sorted(states.items())),
    }


def _looked(served: Served) -> dict[str, int]:
    return dict(sorted(served.cluster.checks.looked.items()))


def _script(served: Served, command: say.Script) -> Said:
    page = served.script[command.first : command.first + SCRIPT_PAGE]
    if command.first and not page:
        raise No("not_found", f"the script has {len(served.script)} lines")
    return {"lines": [line.decode() for line in page], "of": len(served.script)}


def _state(served: Served, host: Host) -> Said:
    """A node from outside: what a person with a lamp would see, and what its agent believes."""
    said: Said = {
        "name": host.name,
        "id": id_text(host.id),
        "up": host.agent is not None,
        "paused": host.stalled_until > served.world.now,
        "boots": host.boots,
        "commits": host.disk.commits,
        "clock_ms": host.clock.read(served.world.now) // MILLISECOND,
        "ram": host.ram,
        "foreign": host.ram_foreign,
        "cards": [
            {"pool": card.pool, "vram": card.vram, "present": card.present} for card in host.cards
        ],
        "processes": sorted(host.work),
        "standing": None,
        "epoch": None,
        "holds": None,
        "rooms": None,
        "sees": None,
    }
    if host.agent is not None:
        said |= _believes(served, host)
    return said


def _believes(served: Served, host: Host) -> Said:
    agent = host.alive
    return {
        "standing": agent.ledger.standing[0],
        "epoch": agent.birth.epoch.counter,
        "holds": [hold.id.hex() for hold in agent.ledger.books.live_holds()],
        "rooms": dict(sorted(agent.ledger.rooms().items())),
        "sees": {
            other.name: agent.knowledge.liveness_of(other.id)
            for other in served.world.hosts.values()
            if other is not host
        },
    }
