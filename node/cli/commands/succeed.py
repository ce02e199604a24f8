"""`holdfast succeed`: this machine goes on with what it promised under a key that is lost."""

from argparse import Namespace
from pathlib import Path

from node.cli.asking import Body, answer, show
from node.cli.exits import YES, wrong_usage
from node.cli.recovery import key_in
from node.cli.render import Ink, clean, pairs, short, tell


def run(flags: Namespace) -> int:
    """0 once its promises are kept here, or once it is said that they are another machine's."""
    if not flags.reason:
        hint = "`holdfast succeed OLD --reason 'the disk broke'`"
        raise wrong_usage("why? Everybody will read it", hint)
    if flags.node is None and flags.recovery_key is None:
        raise wrong_usage("whose promises?", "name the old node, or bring its --recovery-key")
    recovery = "" if flags.recovery_key is None else key_in(Path(flags.recovery_key))
    request: Body = {
        "type": "succeed", "node": flags.node or "", "reason": flags.reason, "recovery": recovery,
        "deny": flags.deny, "force": flags.force,
    }  # fmt: skip
    body = answer(flags, request)
    show(flags, body, lambda ink: _drawn(body, ink))
    if not flags.json and not body["denied"] and not body["already"]:
        tell("its old key is refused everywhere from now on; holders need to do nothing")
    return YES


def _drawn(body: Body, ink: Ink) -> list[str]:
    old = body["predecessor"]
    name = f"{clean(old['name'])} ({short(old['id'])})"
    if body["denied"]:
        return [ink.good("another machine"), *pairs([("not ours", name)])]
    if body["already"]:
        return [ink.good("done already"), *pairs([("goes on as", name)]),
                "`holdfast holds` shows what is kept of its bookings"]  # fmt: skip
    rows = [
        ("goes on as", name),
        *(("kept", hold[:12]) for hold in body["kept"]),
        *(("planned", hold[:12]) for hold in body["planned"]),
        *(("broken", f"{hold[:12]}: no room for it here") for hold in body["broken"]),
        *(("not asked", clean(peer)) for peer in body["silent"]),
    ]
    return [ink.warn("succeeded, with losses") if body["broken"] else ink.good("succeeded"),
            *pairs(rows)]  # fmt: skip
