"""What is left to somebody who gave back a part of a grant, or handed it on."""

from ledger.commands import Leg
from node.core import requests
from placement.amounts import parse_bytes


def left_of(legs: tuple[Leg, ...], request: requests.Shrink | requests.Transfer) -> tuple[Leg, ...]:
    """`legs` as whoever asked for this may rely on them from then on. The crowd writes bytes."""
    left = dict(legs)
    shrinks = isinstance(request, requests.Shrink)
    said = request.keep if isinstance(request, requests.Shrink) else request.part
    for pool, text in said.items():
        amount, has = parse_bytes(text), left.get(pool, 0)
        left[pool] = min(has, amount) if shrinks else max(0, has - amount)
    return tuple(Leg(pool, left[pool]) for pool in sorted(left))
