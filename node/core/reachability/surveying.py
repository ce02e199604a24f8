"""Surveying: asking everyone for their links, because somebody wants to know.

One survey per question. It pings everyone in reach and asks every node that has an address over a
stream, those that look dead too: a node whose UDP is blocked may well answer there, and that is
just what is to be found out. Each call has a deadline, so a survey ends by itself.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from mesh.effects import Call
from mesh.identity import NodeId, id_text
from mesh.instant import MILLISECOND, SECOND, Duration, Instant
from mesh.roll.membership import Liveness, Member, Trust
from node.core.effects import Progress, Reply
from node.core.picture.knowledge import Knowledge
from node.core.reachability import links, measuring
from node.core.reachability.links import Self, Telling
from node.core.reachability.matrix import Clock, Survey
from node.core.requests import Refused

SERVICE_LINKS: Final = "links"
SURVEY_WAIT: Final[Duration] = 3 * SECOND
"""A person waits for it. One dial to a machine that is off takes as long."""
SURVEYS_MAX: Final = 8
"""Under way at one time; each asks every node."""
ASKED_MAX: Final = 256
"""Nodes asked in one survey; those that look dead or doubtful are asked first."""
CLOCK_ROUNDING_MS: Final = 10
"""The shell tells how far the wall clock is ahead only when that moved by more than 5 ms."""


@dataclass(slots=True)
class _Asked:
    survey: int
    node: NodeId
    sent: Instant
    wall_ms: int | None


@dataclass(slots=True)
class _Survey:
    token: int
    waiting: int
    tellings: dict[str, Telling] = field(default_factory=dict)
    streams: dict[str, bool] = field(default_factory=dict)
    clocks: dict[str, Clock] = field(default_factory=dict)


class Surveying:
    """All surveys under way. `word` turns what one brought into the body of a reply."""

    def __init__(
        self, knowledge: Knowledge, us: Callable[[], Self], word: Callable[[Survey], dict[str, Any]]
    ) -> None:
        self._knowledge, self._us, self._word = knowledge, us, word
        self._surveys: dict[int, _Survey] = {}
        self._calls: dict[int, _Asked] = {}
        self._last_call = 0
        self.measuring = measuring.Measuring(knowledge, self._number)

    def begin(self, token: int, now: Instant, *, alone: bool = False) -> list[Call | Reply]:
        """Ask everyone, or with `alone` only ourselves. With nobody to ask the reply comes at
        once. May raise Refused."""
        if len(self._surveys) >= SURVEYS_MAX:
            raise Refused("refused", f"{SURVEYS_MAX} surveys are under way already", "wait for one")
        asked = [] if alone else self._whom()
        self._surveys[token] = _Survey(token, len(asked))
        if not asked:
            return [self._end(token)]
        return [self._call(token, member, now) for member in asked]

    def cancel(self, token: int) -> None:
        """Whoever asked is gone."""
        self._surveys.pop(token, None)
        self.measuring.cancel(token)

    def serve(self, service: str, body: bytes, now: Instant) -> bytes | None:
        """What a peer gets that surveys or measures. None: that is no service of ours."""
        if service == measuring.SERVICE_MEASURE:
            return measuring.served(body)
        if service != SERVICE_LINKS:
            return None
        self._knowledge.now = now
        return links.encode(links.told_by(self._knowledge, self._us()))

    def answered(
        self, call: int, body: bytes | None, now: Instant
    ) -> Sequence[Call | Progress | Reply] | None:
        """A node's answer, or its silence. None: that call was none of ours."""
        asked = self._calls.pop(call, None)
        if asked is None:
            return self.measuring.answered(call, body, now)
        survey = self._surveys.get(asked.survey)
        if survey is None:
            return []
        self._take(survey, asked, body, now)
        survey.waiting -= 1
        return [] if survey.waiting else [self._end(asked.survey)]

    def _take(self, survey: _Survey, asked: _Asked, body: bytes | None, now: Instant) -> None:
        node = id_text(asked.node)
        # An older version does not know the service and answers with nothing: the stream is fine.
        survey.streams[node] = body is not None
        telling = None if body is None else links.decode(body)
        if telling is None or telling.id != node:
            return  # the far end's key was checked, so this one speaks of somebody else
        survey.tellings[node] = telling
        if telling.wall_ms is None or asked.wall_ms is None:
            return
        # Its clock was read somewhere between our sending and our hearing back.
        took = (now - asked.sent) // MILLISECOND
        ahead = telling.wall_ms - (asked.wall_ms + took // 2)
        survey.clocks[node] = Clock(ahead, took // 2 + CLOCK_ROUNDING_MS)

    def _end(self, token: int) -> Reply:
        survey = self._surveys.pop(token)
        us = links.told_by(self._knowledge, self._us())
        found = Survey(us.id, {us.id: us, **survey.tellings}, survey.streams, survey.clocks)
        return Reply(token, ok=True, body=self._word(found))

    def _whom(self) -> list[Member]:
        members = [
            member
            for member in self._knowledge.mesh.roll.members()
            if member.liveness is not Liveness.LEFT
            and member.trust in (Trust.DISCOVERED, Trust.TRUSTED)
            and member.addresses
        ]
        members.sort(key=lambda member: member.liveness is Liveness.ALIVE)
        return members[:ASKED_MAX]

    def _call(self, token: int, member: Member, now: Instant) -> Call:
        call, wall = self._number(), links.wall_ms(self._knowledge)
        self._calls[call] = _Asked(token, member.id, now, wall)
        return Call(call, member.id, member.addresses, SERVICE_LINKS, b"", now + SURVEY_WAIT)

    def _number(self) -> int:
        self._last_call -= 1  # negative: errands count up in even numbers, the mesh in odd ones
        return self._last_call
