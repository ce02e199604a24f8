"""`holdfast shrink ID --keep ram=2GiB`: give a part of a grant back."""

from argparse import Namespace

from node.cli.asking import answer, show
from node.cli.asks import pools
from node.cli.commands.reserve import SILENCE_SECONDS_MAX
from node.cli.exits import YES
from node.cli.render import clean, legs, short


def run(flags: Namespace) -> int:
    """What is kept is said, so that saying it twice gives back nothing more."""
    request = {"type": "shrink", "id": flags.id, "keep": pools(flags.keep, "--keep")}
    body = answer(flags, request, SILENCE_SECONDS_MAX)
    kept = "" if body["legs"] is None else f", which keeps {legs(body['legs'])}"
    said = f"shrunk: {short(body['id'])} on {clean(body['owner']['name'])}{kept}"
    show(flags, body, lambda _ink: [said])
    return YES
