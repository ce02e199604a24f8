"""`holdfast release ID`: give a hold back."""

from argparse import Namespace

from node.cli.asking import Body, answer, show
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
    """The ids of what was handed on of it and lives; of a gang, of any of its members."""
    wanted = flags.id.strip().lower()
    held = answer(flags, {"type": "holds"})["holds"]
    gangs = {_gang(hold) for hold in held if _gang(hold) and _is(wanted, hold["id"], _gang(hold))}
    wholes = [hold["id"] for hold in held if _is(wanted, hold["id"]) or _gang(hold) in gangs]
    return [hold["id"] for hold in held if hold["parent"] in wholes]


def _gang(hold: Body) -> str:
    return str(hold["gang"]["id"]) if hold["gang"] else ""


def _is(wanted: str, *names: str) -> bool:
    return any(name.startswith(wanted) for name in names)
