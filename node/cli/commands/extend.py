"""`holdfast extend ID --for 3h`: a booking lasts longer."""

from argparse import Namespace

from node.cli.asking import answer, show
from node.cli.asks import term_ms
from node.cli.commands.reserve import SILENCE_SECONDS_MAX
from node.cli.exits import YES
from node.cli.render import clean, short, span


def run(flags: Namespace) -> int:
    """So long in all, or so much longer."""
    request = {"type": "extend", "id": flags.id}
    if flags.by is not None:
        request["more_ms"] = term_ms(flags.by, "--by")
    else:
        request["term_ms"] = term_ms(flags.duration)
    body = answer(flags, request, SILENCE_SECONDS_MAX)
    left = span(body["remaining_ms"])
    where = clean(body["owner"]["name"])
    lasts = "" if body["term_ms"] is None else f"lasts {span(body['term_ms'])} in all, "
    show(flags, body, lambda _ink: [f"extended: {short(body['id'])} on {where} {lasts}{left} left"])
    return YES
