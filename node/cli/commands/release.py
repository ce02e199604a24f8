"""`holdfast release ID`: give a hold back."""

from argparse import Namespace

from node.cli.asking import answer, show
from node.cli.exits import YES
from node.cli.render import clean, short

SILENCE_SECONDS_MAX = 120.0
"""Room returns only when what ran under the hold is seen gone; that may take a while."""


def run(flags: Namespace) -> int:
    """A grant ends, a hold that was never posted is void."""
    for part in _parts(flags) if flags.with_parts else ():
        answer(flags, {"type": "release", "id": part}, SILENCE_SECONDS_MAX)
    body = answer(flags, {"type": "release", "id": flags.id}, SILENCE_SECONDS_MAX)
    said = f"{clean(body['outcome'])}: {short(body['id'])} on {clean(body['owner']['name'])}"
    detail = clean(body["detail"])
    show(flags, body, lambda _ink: [f"{said} ({detail})" if detail else said])
    return YES


def _parts(flags: Namespace) -> list[str]:
    """The ids of what was handed on of it and lives."""
    wanted = flags.id.strip().lower()
    held = answer(flags, {"type": "holds"})["holds"]
    return [hold["id"] for hold in held if str(hold["parent"] or "").startswith(wanted)]
