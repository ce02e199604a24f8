"""What the commands do with which people ask, and let time pass."""

from collections.abc import Callable
from typing import Any, Final, TypeVar

from mesh.roll.membership import Liveness
from node.core import requests
from node.core.requests import Refused, Request, read_request
from simulations.scenarios.cluster import Asked
from simulations.serve import commands as say
from simulations.serve.cluster import Served, size, span
from simulations.serve.no import No

Said = dict[str, Any]
T = TypeVar("T")
WORK_MAX: Final = 1000
LIVENESS: Final = (*(one.value for one in Liveness), "unknown")

KINDS: Final[dict[type[Request], str]] = {
    requests.Reserve: "reserve",
    requests.Post: "post",
    requests.Release: "release",
}
"""What may change a book, as the diary calls it."""

Doings = say.Advance | say.RunUntil | say.Ask | say.Answer | say.HangUp | say.Work | say.EndWork


def do(served: Served, command: Doings) -> Said:
    """Carry `command` out. Raises No before anything has changed."""
    match command:
        case say.Advance():
            served.cluster.wait(span(command.time, "time"))
            return {}
        case say.RunUntil():
            return _run_until(served, command)
        case say.Ask():
            return _ask(served, command)
        case say.Answer():
            return _told(_found(served, command.node, command.asked))
        case say.HangUp():
            return _hang_up(served, command)
        case say.Work():
            return _work(served, command)
        case say.EndWork():
            return _end_work(served, command)


# Asking -------------------------------------------------------------------------------------------


def _ask(served: Served, command: say.Ask) -> Said:
    host, limit = served.up(command.node), span(command.limit, "limit")
    try:
        request = read_request(command.request)
    except Refused as refused:
        raise No("bad_request", refused.sentence) from refused
    if isinstance(request, requests.Events):
        raise No("bad_request", "events never end: `transcript` has what happened")
    kind = KINDS.get(type(request))
    if isinstance(request, requests.Reserve) and request.hold_only:
        kind = "hold"
    asked = served.cluster.ask(host.name, request, kind)
    served.asked[host.name, asked.token] = asked
    if command.wait:
        served.until(lambda: asked.over, limit, at_every_event=True)
    return _told(asked)


def _told(asked: Asked) -> Said:
    said: Said = {"asked": asked.token}
    if asked.reply is not None:
        said["answer"] = {"ok": asked.reply.ok, "body": asked.reply.body}
    elif asked.unheard:
        said["unheard"] = True
    return said


def _hang_up(served: Served, command: say.HangUp) -> Said:
    asked = _found(served, command.node, command.asked)
    if not asked.over:
        served.world.hang_up(asked.host.name, asked.token)
    return {}


def _found(served: Served, node: str, token: int) -> Asked:
    served.host(node)
    asked = served.asked.get((node, token))
    if asked is None:
        raise No("not_found", f"{node} was never asked {token}")
    return asked


# Waiting ------------------------------------------------------------------------------------------


def _run_until(served: Served, command: say.RunUntil) -> Said:
    limit = span(command.limit, "limit")
    done, cheap = _condition(served, command)
    return {"reached": served.until(done, limit, at_every_event=cheap)}


def _condition(served: Served, command: say.RunUntil) -> tuple[Callable[[], bool], bool]:
    """What is waited for, and whether asking is cheap enough to ask at every event."""
    cluster = served.cluster
    match command.condition:
        case "agree":
            return cluster.all_agree, False
        case "open":
            return cluster.all_open, False
        case "quiet":
            return lambda: all(one.over for one in served.asked.values()), False
        case "answered":
            node, token = _named(command.node, "node"), _named(command.asked, "asked")
            asked = _found(served, node, token)
            return lambda: asked.over, True
        case "sees":
            return _sees(served, command), True
        case "up":
            host = served.host(_named(command.node, "node"))
            return lambda: host.agent is not None, True
        case "down":
            host = served.host(_named(command.node, "node"))
            return lambda: host.agent is None, True
        case other:
            known = "agree, open, quiet, answered, sees, up, down"
            raise No("bad_value", f"condition: {other[:40]!r} is not one of {known}")


def _sees(served: Served, command: say.RunUntil) -> Callable[[], bool]:
    beholder = served.host(_named(command.node, "node"))
    of = served.host(_named(command.of, "of"))
    if command.liveness not in LIVENESS:
        known = ", ".join(LIVENESS)
        raise No("bad_value", f"liveness: {command.liveness[:40]!r} is not one of {known}")
    return lambda: (
        beholder.agent is not None
        and served.cluster.liveness(beholder.name, of.name) == command.liveness
    )


def _named(value: T | None, field: str) -> T:
    if value is None:
        raise No("bad_value", f"{field}: this condition needs one")
    return value


# Processes ----------------------------------------------------------------------------------------


def _work(served: Served, command: say.Work) -> Said:
    host, ram = served.host(command.node), size(command.ram, "ram", least=0)
    if host.dark:
        raise No("down", f"{host.name} is without power")
    if len(host.work) >= WORK_MAX:
        raise No("too_many", f"{WORK_MAX} processes run on {host.name}")
    pid = served.pids[host.name] = served.pids.get(host.name, 100_000) + 1
    started = served.world.run_work(host.name, pid, ram)
    return {"pid": pid, "pid_started": started}


def _end_work(served: Served, command: say.EndWork) -> Said:
    host = served.host(command.node)
    if command.pid not in host.work:
        raise No("not_found", f"no process {command.pid} runs on {host.name}")
    served.world.end_work(host.name, command.pid)
    return {}
