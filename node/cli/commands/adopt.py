"""`holdfast adopt PID --hold ID`: what runs already is what a hold was taken for."""

from argparse import Namespace

from node.cli.asking import Body, answer, show
from node.cli.asks import group_of, process
from node.cli.exits import YES
from node.cli.render import legs, short


def run(flags: Namespace) -> int:
    """Tie it; the next look at the machine counts its use, and its children's."""
    pid, started = process(flags.process, "PID")
    request: Body = {"type": "adopt", "hold": flags.hold, "pid": pid, "pid_started": started}
    if flags.group:
        request["group"] = group_of(pid)
    body = answer(flags, request)
    show(flags, body, lambda _ink: [_said(body), _fate(body)])
    return YES


def _said(body: Body) -> str:
    counts = "counts already" if body["again"] else "counts from now on"
    under = f"under {short(body['id'])} ({legs(body['legs'])})"
    return f"adopted: process {body['pid']}, with its children, {counts} {under}"


def _fate(body: Body) -> str:
    if body["kind"] == "carried":
        return "the lease ends when its carrier does; this process is only counted"
    return "the booking stays when the process ends; the process goes on when the booking ends"
