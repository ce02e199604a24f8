"""`holdfast release ID`: give a hold back."""

from argparse import Namespace

from node.cli.asking import answer, show
from node.cli.exits import YES
from node.cli.render import clean, short

SILENCE_SECONDS_MAX = 120.0
"""Room returns only when what ran under the hold is seen gone; that may take a while."""


def run(flags: Namespace) -> int:
    """A grant ends, a hold that was never posted is void."""
    body = answer(flags, {"type": "release", "id": flags.id}, SILENCE_SECONDS_MAX)
    said = f"{clean(body['outcome'])}: {short(body['id'])} on {clean(body['owner']['name'])}"
    detail = clean(body["detail"])
    show(flags, body, lambda _ink: [f"{said} ({detail})" if detail else said])
    return YES
