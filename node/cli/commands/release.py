"""`holdfast release ID`: give a hold back."""

from argparse import Namespace

from node.cli.asking import Body, answer, show
from node.cli.exits import YES
from node.cli.render import clean, short
from node.core.names import PREFIX_CHARS_MIN

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
    """The ids of what was handed on of it and lives; of a gang, of any of its members. None where
    it is not clear what is meant: the release itself says so, and nothing is given back before."""
    wanted = flags.id.strip().lower().removeprefix("holdfast_hold=")
    held = answer(flags, {"type": "holds"})["holds"]
    meant = {_whole(hold) for hold in held if _is(wanted, hold["id"], _whole(hold))}
    if len(wanted) < PREFIX_CHARS_MIN or len(meant) != 1:
        return []
    members = {hold["id"] for hold in held if _whole(hold) in meant}
    return [hold["id"] for hold in held if hold["parent"] in members]


def _whole(hold: Body) -> str:
    """What ends with it: its gang, or it alone."""
    return str(hold["gang"]["id"] if hold["gang"] else hold["id"])


def _is(wanted: str, *names: str) -> bool:
    return any(name.startswith(wanted) for name in names)
