"""`holdfast renew ID`: a carried lease lasts for another term, once or again and again.

With `--every` this command is the carrier: the lease lives as long as it does, and ends within a
term behind it. It stops by itself when its time is over or an owner says no.
"""

from argparse import Namespace
from functools import partial
from time import sleep
from typing import Final

from mesh.instant import MILLISECOND, SECOND
from node.cli.asking import Body, answer, show
from node.cli.asks import term_ms
from node.cli.exits import YES, Unable, wrong_usage
from node.cli.render import Ink, clean, short, span, tell
from node.shell.clock import now

EVERY_MS_MAX: Final = 15_000
"""Half of the longest carried term: one renewal may be lost."""
EVERY_MS_MIN: Final = 100
FOR_DEFAULT: Final = "1h"
FOR_MS_MAX: Final = 30 * 24 * 3_600_000
"""As long as the longest booking: nothing is carried for ever by a command that was forgotten."""
SILENCE_SECONDS_MAX: Final = 20.0
SILENCE: Final = frozenset({"unknown", "no_agent", "cut_short"})
"""Endings of a renewal that say nothing of the lease."""
BELIEF: Final = 25 * SECOND
"""So long after a renewal that was answered it is worth asking again: a lease has 30 s."""


def run(flags: Namespace) -> int:
    """Another term, from now."""
    request = {"type": "renew", "id": flags.id}
    if flags.every is None:
        if flags.duration is not None:
            raise wrong_usage("--for belongs to --every", "write --every 10s --for 2h")
        body = answer(flags, request, SILENCE_SECONDS_MAX)
        show(flags, body, partial(_drawn, body))
        return YES
    every = term_ms(flags.every, "--every")
    if not EVERY_MS_MIN <= every <= EVERY_MS_MAX:
        sentence = f"--every is from {span(EVERY_MS_MIN)} to {span(EVERY_MS_MAX)}"
        raise wrong_usage(sentence, "a lease that is renewed too seldom lapses: write --every 10s")
    span_ms = term_ms(flags.duration or FOR_DEFAULT)
    if span_ms > FOR_MS_MAX:
        raise wrong_usage("--for is at most 30d", "reserve a booking for what lasts longer")
    return _carry(flags, request, every, span_ms)


def _carry(flags: Namespace, request: Body, every: int, span_ms: int) -> int:
    """Renew until the time is over. A no ends it, with the owner's reason and status 1."""
    asked = believed = now()
    over = asked + span_ms * MILLISECOND
    while True:
        sent = now()
        if _renew(flags, request, still=sent - believed < BELIEF):
            believed = sent
        asked += every * MILLISECOND
        if asked >= over:
            if not flags.json:
                tell("its time is over: it is renewed no more")
            return YES
        sleep(max(0, asked - now()) / SECOND)
        asked = max(asked, now() - every * MILLISECOND)  # a machine that slept catches up once


def _renew(flags: Namespace, request: Body, *, still: bool) -> bool:
    """Ask once. Whoever restarts just now, the owner or the agent here, is asked again as long as
    the lease may be relied on (`still`): silence is no word about it."""
    try:
        body = answer(flags, request, SILENCE_SECONDS_MAX)
    except Unable as unable:
        if not still or unable.code not in SILENCE:
            raise
        tell(f"not renewed yet: {unable.sentence}")
        return False
    show(flags, body, partial(_drawn, body))
    return True


def _drawn(body: Body, _ink: Ink) -> list[str]:
    return [_said(body)]


def _said(body: Body) -> str:
    where = clean(body["owner"]["name"])
    how = "taken up again, by an owner in quarantine" if body["state"] == "resumed" else "renewed"
    return f"{how}: {short(body['id'])} on {where}, {span(body['remaining_ms'])} left"
