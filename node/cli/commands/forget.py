"""`holdfast forget`: a dead or left node leaves every roll."""

from argparse import Namespace

from node.cli.asking import answer, show
from node.cli.exits import YES, wrong_usage
from node.cli.render import clean, pairs, short, tell


def run(flags: Namespace) -> int:
    """0 once it is forgotten here; the others hear of it."""
    if flags.force and not flags.reason:
        raise wrong_usage("why?", "`holdfast forget NODE --force --reason TEXT`")
    reason = flags.reason or ""
    body = answer(
        flags, {"type": "forget", "node": flags.node, "force": flags.force, "reason": reason}
    )
    rows = [
        ("forgotten", f"{body['name']} ({short(body['id'])})"),
        ("reason", body["reason"]),
        *(("given up", hold[:12]) for hold in body["given_up"]),
    ]
    show(flags, body, lambda _ink: pairs([(name, clean(value)) for name, value in rows]))
    tell("everybody hears it; should the machine come back by itself, it is welcome")
    return YES
