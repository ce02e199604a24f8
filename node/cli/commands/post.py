"""`holdfast post ID`: confirm a hold."""

from argparse import Namespace

from node.cli.asking import answer, show
from node.cli.commands.reserve import SILENCE_SECONDS_MAX
from node.cli.exits import YES
from node.cli.render import clean, short, span


def run(flags: Namespace) -> int:
    """From here on it is a grant."""
    body = answer(flags, {"type": "post", "id": flags.id}, SILENCE_SECONDS_MAX)
    left = span(body["remaining_ms"])
    said = f"confirmed: {short(body['id'])} on {clean(body['owner']['name'])}, {left} left"
    show(flags, body, lambda _ink: [said])
    return YES
