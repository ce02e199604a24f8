"""`holdfast invite`: a one-time line by which the next machine joins."""

from argparse import Namespace
from typing import Any, Final

from node.cli.asking import answer, show
from node.cli.asks import term_ms
from node.cli.exits import YES
from node.cli.render import clean, span, tell

LONGEST: Final = "; an invite is good for 7d at most"


def run(flags: Namespace) -> int:
    """Ask for a token; stdout carries the line to paste and nothing else."""
    ttl = term_ms(flags.ttl, "--ttl", LONGEST)
    body = answer(flags, {"type": "invite", "ttl_ms": ttl, "uses": flags.uses})
    show(flags, body, lambda _ink: [f"holdfast join {clean(body['invite'])}"])
    if not flags.json:
        tell(_note(body))
    return YES


def _note(body: dict[str, Any]) -> str:
    doors = ", ".join(clean(address) for address in body["addresses"]) or "no address"
    uses = body.get("uses", 1)
    often, whom = ("once", "a machine") if uses == 1 else (f"{uses} times", "machines")
    return (
        f"good {often}, within {span(body['expires_ms'])}, for {whom} that can reach {doors}; "
        "it does not hold the secret"
    )
