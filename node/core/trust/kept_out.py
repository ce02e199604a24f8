"""Kept out: what this node does once it has heard that it was itself revoked.

Everybody else hears it no more, so nobody could be held to what it grants; and if its disk was lost
and is back, what it had promised is somebody else's to keep by now. It would be the last to learn
it: so whoever it knocks at says so (`mesh/door/turned_away.py`), signed, and whoever it shares a
session with when the word gets around has it among the facts that reach it.

Whose word counts is the same as for every other revocation: a member's that counts here. Then the
books keep what runs, and promise nothing more (`OUTCAST` in `ledger/owner/standings.py`). The word
is for good, as it is everywhere, and on disk before anything else; it goes with the key, so a new
identity begins without it, and that is the way back.
"""

from collections.abc import Mapping
from typing import Final, TypeAlias

import msgspec

from ledger.observations import KeptOut
from mesh.identity import NodeId, short_id
from mesh.instant import Instant
from mesh.persistence import SPACE_META, Persist, Write
from node.core.effects import Happened, TellBooks
from node.core.phrases import WAY_BACK, utc
from node.core.picture.knowledge import Knowledge

META_KEPT_OUT: Final = b"kept out"
"""The row with the word, as it was told."""
NAME_CHARS_MAX: Final = 64


class Word(msgspec.Struct, frozen=True, array_like=True):
    """That `node` is kept out: by whose word, and why; who told it so, and when."""

    node: bytes
    by: str
    reason: str
    told_by: str
    at: int | None
    """By the wall clock, ns since 1970; None: what time it was is not known yet."""

    @property
    def sentence(self) -> str:
        """For people: what was said, and what is still so."""
        teller = "" if self.told_by == self.by else f"told by {self.told_by} "
        return (
            f"this node ({short_id(NodeId(self.node))}) was revoked, says {self.by}: "
            f"{self.reason} ({teller}{_at(self.at)}). It is heard by nobody and grants nothing "
            f"more; what runs here may end. {WAY_BACK}"
        )


KeptOutEffect: TypeAlias = Persist | Happened | TellBooks


class OurOwn:
    """The word about ourselves, once there is one."""

    def __init__(self, knowledge: Knowledge) -> None:
        self._knowledge = knowledge
        self._word: Word | None = None
        self._heard_at: Instant | None = None
        """While the wall clock of that moment is not known."""

    def restore(self, rows: Mapping[bytes, bytes]) -> list[KeptOutEffect]:
        """Take up what an earlier start was told. Of another identity it is nothing to us."""
        raw = rows.get(META_KEPT_OUT)
        word = None if raw is None else msgspec.msgpack.decode(raw, type=Word)
        if word is None or word.node != self._knowledge.us:
            return []
        self._word = word
        return self._stand(word)

    def told(self, by: NodeId, reason: str, author: NodeId, now: Instant) -> list[KeptOutEffect]:
        """`author`, whose word counts, says that `by` has revoked us. The first word stays."""
        if self._word is not None:
            return []
        name = self._knowledge.name_of
        wall = self._knowledge.ledger.later.calendar.wall(now)
        by_name, teller = name(by)[:NAME_CHARS_MAX], name(author)[:NAME_CHARS_MAX]
        words = "".join(one if one.isprintable() else "?" for one in reason)
        self._word = word = Word(self._knowledge.us, by_name, words, teller, wall)
        self._heard_at = now if wall is None else None
        return [*self._keep(word), Happened("identity.revoked", word.sentence, author)]

    def look(self, now: Instant) -> list[KeptOutEffect]:
        """What time it was when we heard may be known by now."""
        if self._word is None or self._heard_at is None:
            return []
        wall = self._knowledge.ledger.later.calendar.wall(self._heard_at)
        if wall is None:
            return []
        self._word, self._heard_at = msgspec.structs.replace(self._word, at=wall), None
        return self._keep(self._word)

    def _keep(self, word: Word) -> list[KeptOutEffect]:
        row = Write(SPACE_META, META_KEPT_OUT, msgspec.msgpack.encode(word))
        return [Persist((row,)), *self._stand(word)]

    def _stand(self, word: Word) -> list[KeptOutEffect]:
        self._knowledge.kept_out = word.sentence
        return [TellBooks(KeptOut(word.sentence))]


def _at(wall: int | None) -> str:
    return "when is not known" if wall is None else utc(wall)
