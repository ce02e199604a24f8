"""Inviting: one-time tokens by which a newcomer may be told the secret.

An invite never holds the secret; it holds a token that its maker keeps the hash of. Whoever brings
the token over TLS, having pinned our key, is given the secret inside, and the token is void from
the moment that is on disk, so a captured invite is worth nothing twice. Time is counted on our own
clock; after a reboot that count means nothing, so what was issued before it is void: fail closed.
"""

import hashlib
from collections import deque
from collections.abc import Mapping
from random import Random
from typing import Final

import msgspec

from mesh.effects import Address, Answer
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, MINUTE, Instant, earliest
from mesh.invite import TOKEN_BYTES
from mesh.invite import Invite as InviteText
from mesh.persistence import SPACE_INVITE, Persist, Write
from node.core.effects import Reply
from node.core.requests import Refused

INVITES_MAX: Final = 64
WRONG_TOKENS_PER_MINUTE_MAX: Final = 10
"""128 bits can't be guessed at any rate; this keeps the attempts out of the log instead."""


class _Kept(msgspec.Struct, frozen=True):
    boot: str | None
    expires: Instant


class JoinAnswer(msgspec.Struct, frozen=True):
    """What an inviter answers to a token: the secret, or why not. Exactly one of the two."""

    secret: str | None
    refused: str | None


class Inviting:
    """The tokens that are out, by hash."""

    def __init__(self, mesh_id: bytes, boot: str | None, random: Random) -> None:
        self._mesh_id = mesh_id
        self._boot = boot
        self._random = random
        self._kept: dict[bytes, _Kept] = {}
        self._wrong: deque[Instant] = deque(maxlen=WRONG_TOKENS_PER_MINUTE_MAX)

    @property
    def next_wake(self) -> Instant | None:
        if not self._kept:
            return None
        return earliest(*(kept.expires for kept in self._kept.values()))

    def restore(self, saved: Mapping[str, Mapping[bytes, bytes]], now: Instant) -> list[Persist]:
        """Take up the tokens of this kernel boot; forget the others."""
        void: list[Write] = []
        rows = saved.get(SPACE_INVITE, {})
        for key in sorted(rows):
            kept = _read(rows[key])
            if kept is None or kept.boot is None or kept.boot != self._boot or kept.expires <= now:
                void.append(Write(SPACE_INVITE, key, None))
            else:
                self._kept[key] = kept
        return [Persist(tuple(void))] if void else []

    def issue(
        self, inviter: NodeId, addresses: tuple[Address, ...], ttl: int, now: Instant
    ) -> tuple[str, list[Persist]]:
        """A fresh invite as text, valid for `ttl` nanoseconds. May raise Refused."""
        if len(self._kept) >= INVITES_MAX:
            raise Refused("refused", f"{INVITES_MAX} invites are out already", "let some expire")
        token = self._random.randbytes(TOKEN_BYTES)
        kept = _Kept(self._boot, now + ttl)
        self._kept[_hashed(token)] = kept
        row = Write(SPACE_INVITE, _hashed(token), msgspec.msgpack.encode(kept))
        return InviteText(self._mesh_id, inviter, token, addresses).text, [Persist((row,))]

    def invite(
        self, asked: int, inviter: NodeId, addresses: tuple[Address, ...], ttl: int, now: Instant
    ) -> list[Persist | Reply]:
        """An invite for whoever asked under the token `asked`. May raise Refused."""
        if not addresses:
            raise Refused("not_possible", "this machine has no address to be joined at", "")
        text, rows = self.issue(inviter, addresses, ttl, now)
        body = {
            "invite": text,
            "expires_ms": ttl // MILLISECOND,
            "addresses": [address.text for address in addresses],
        }
        return [*rows, Reply(asked, ok=True, body=body)]

    def redeem(self, call: int, token: bytes, secret: str, now: Instant) -> list[Persist | Answer]:
        """Somebody brought `token`: the secret, once its use is on disk; or why not."""
        key = _hashed(token)
        kept = self._kept.get(key)
        if kept is None or kept.expires <= now:
            return [Answer(call, msgspec.json.encode(JoinAnswer(None, self._refusal(kept, now))))]
        del self._kept[key]
        used = Persist((Write(SPACE_INVITE, key, None),))
        return [used, Answer(call, msgspec.json.encode(JoinAnswer(secret, None)))]

    def wake(self, now: Instant) -> list[Persist]:
        """Forget what has expired."""
        over = [key for key in sorted(self._kept) if self._kept[key].expires <= now]
        for key in over:
            del self._kept[key]
        return [Persist(tuple(Write(SPACE_INVITE, key, None) for key in over))] if over else []

    def _refusal(self, kept: _Kept | None, now: Instant) -> str:
        if kept is not None:
            return "this invite has expired: ask for a new one (`holdfast invite`)"
        full = len(self._wrong) == WRONG_TOKENS_PER_MINUTE_MAX
        if full and now - self._wrong[0] < MINUTE:
            return "too many wrong invites were tried here: wait a minute"
        self._wrong.append(now)
        return (
            "this invite is not known here: it was used already, has expired, or was made before "
            "its maker restarted its machine. Ask for a new one (`holdfast invite`)"
        )


def _hashed(token: bytes) -> bytes:
    return hashlib.sha256(b"hf1.invite" + token).digest()


def _read(row: bytes) -> _Kept | None:
    """None: damaged on the disk. Then the token is void, as one that nobody knows is."""
    try:
        return msgspec.msgpack.decode(row, type=_Kept)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
