"""`holdfast transfer ID --part ram=2GiB --to bob`: a part of a booking as a grant of its own."""

from argparse import Namespace

from node.cli.asking import Body, answer, show
from node.cli.asks import pools, term_ms
from node.cli.commands.reserve import SILENCE_SECONDS_MAX
from node.cli.exits import YES, wrong_usage
from node.cli.render import Ink, clean, legs, pairs, span


def run(flags: Namespace) -> int:
    """It goes back to the whole when it ends, and ends before it."""
    if flags.carried and flags.duration is not None:
        raise wrong_usage(
            "--carried and --for exclude each other: a carried lease lasts while it is renewed",
            "leave one of the two out",
        )
    request: Body = {
        "type": "transfer",
        "id": flags.id,
        "part": pools(flags.part or (), "--part"),
        "to": flags.to,
        "term_ms": 0 if flags.duration is None else term_ms(flags.duration),
        "carried": flags.carried,
        "principal": flags.principal,
        "label": flags.label_text,
    }
    body = answer(flags, request, SILENCE_SECONDS_MAX)
    show(flags, body, lambda ink: _drawn(body, ink))
    return YES


def _drawn(body: Body, ink: Ink) -> list[str]:
    rows = [
        ("id", str(body["id"])),
        ("on", clean(body["owner"]["name"])),
        ("what", legs(body["legs"] or [])),
        ("left", span(body["remaining_ms"])),
        ("for what runs", f"export {body['environment']} in its shell ties it to this"),
        ("give back", f"holdfast release {str(body['id'])[:10]}"),
    ]
    if body["kind"] == "carried":
        rows[-1:-1] = [("renew with", f"holdfast renew {str(body['id'])[:10]} --every 10s")]
    return [ink.good("handed on"), *pairs(rows)]
