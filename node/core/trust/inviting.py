"""Inviting: one-time tokens by which a newcomer may be told the secret.

An invite never holds the secret; it holds a token that its maker keeps the hash of. Whoever brings
the token over TLS, having pinned our key, is given the secret inside, and the token has one use
less from the moment that is on disk: with one use, which is the rule, a captured invite is worth
nothing twice. Time is counted on our own
clock; after a reboot that count means nothing, so what was issued before it is void: fail closed.
"""

import hashlib
from collections import deque
from collections.abc import Mapping
from random import Random
from typing import Final, NamedTuple

import msgspec

from mesh.effects import Address, Answer
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, MINUTE, Instant, earliest
from mesh.keys.invite import INVITE_ADDRESSES_MAX, TOKEN_BYTES
from mesh.keys.invite import Invite as InviteText
from mesh.keys.keyring import Keyring
from mesh.persistence import SPACE_INVITE, Persist, Write
from node.core.effects import Reply
from node.core.requests import Refused

INVITES_MAX: Final = 64
USES_MAX: Final = 100
OVER_REMEMBERED_MAX: Final = 256
"""Tokens that are over, so that whoever brings one is told why; in memory alone."""
WRONG_TOKENS_PER_MINUTE_MAX: Final = 10
"""128 bits can't be guessed at any rate; this keeps the attempts out of the log instead."""


EXPIRED: Final = "this invite has expired: ask for a new one (`holdfast invite`)"
USED: Final = "this invite was used already: ask for a new one (`holdfast invite`)"
UNKNOWN: Final = (
    "this invite is not known here: it was used already, has expired, or was made before its maker "
    "restarted its machine. Ask for a new one (`holdfast invite`)"
)


class Wish(NamedTuple):
    """What sort of invite: how long it is good, in nanoseconds, and for how many."""

    ttl: int
    uses: int


class _Kept(msgspec.Struct, frozen=True):
    boot: str | None
    expires: Instant
    uses: int = 1
    """How often it is still good."""


class JoinAnswer(msgspec.Struct, frozen=True):
    """What an inviter answers to a token: the secret, or why not. Exactly one of the two."""

    secret: str | None
    refused: str | None
    others: tuple[str, ...] = ()
    """Secrets beside the primary, where a change of secret is under way."""


class Inviting:
    """The tokens that are out, by hash."""

    def __init__(self, mesh_id: bytes, boot: str | None, random: Random) -> None:
        self._mesh_id = mesh_id
        self._boot = boot
        self._random = random
        self._kept: dict[bytes, _Kept] = {}
        self._over: dict[bytes, str] = {}
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
        self, inviter: NodeId, addresses: tuple[Address, ...], ttl: int, now: Instant,
        uses: int = 1,
    ) -> tuple[str, list[Persist]]:  # fmt: skip
        """A fresh invite as text, valid for `ttl` nanoseconds and `uses` newcomers. May raise
        Refused."""
        if len(self._kept) >= INVITES_MAX:
            raise Refused("refused", f"{INVITES_MAX} invites are out already", "let some expire")
        token = self._random.randbytes(TOKEN_BYTES)
        kept = _Kept(self._boot, now + ttl, uses)
        self._kept[_hashed(token)] = kept
        text = InviteText(self._mesh_id, inviter, token, addresses[:INVITE_ADDRESSES_MAX]).text
        return text, [Persist((_row(_hashed(token), kept),))]

    def invite(
        self, asked: int, inviter: NodeId, addresses: tuple[Address, ...], wish: Wish, now: Instant
    ) -> list[Persist | Reply]:
        """An invite for whoever asked under the token `asked`. May raise Refused."""
        if not addresses:
            raise Refused(
                "not_possible", "this machine has no address to be joined at",
                "connect it to a network; one with link-local IPv6 alone is found by beacon: "
                "`holdfast join --secret-file FILE` there",
            )  # fmt: skip
        text, rows = self.issue(inviter, addresses, wish.ttl, now, wish.uses)
        body = {
            "invite": text,
            "expires_ms": wish.ttl // MILLISECOND,
            "uses": wish.uses,
            "addresses": [address.text for address in addresses[:INVITE_ADDRESSES_MAX]],
        }
        return [*rows, Reply(asked, ok=True, body=body)]

    def redeem(
        self, call: int, token: bytes, keys: Keyring, now: Instant
    ) -> list[Persist | Answer]:
        """Somebody brought `token`: the secret, once its use is on disk; or why not."""
        key = _hashed(token)
        kept = self._kept.get(key)
        if kept is None or kept.expires <= now:
            why = EXPIRED if kept is not None else self._refusal(key, now)
            return [Answer(call, msgspec.json.encode(JoinAnswer(None, why)))]
        used = Persist((self._use(key, kept),))
        first, *others = (secret.text for secret in keys.secrets)
        told = JoinAnswer(first, None, tuple(others))
        return [used, Answer(call, msgspec.json.encode(told))]

    def wake(self, now: Instant) -> list[Persist]:
        """Forget what has expired."""
        over = [key for key in sorted(self._kept) if self._kept[key].expires <= now]
        for key in over:
            self._end(key, EXPIRED)
        return [Persist(tuple(Write(SPACE_INVITE, key, None) for key in over))] if over else []

    def _use(self, key: bytes, kept: _Kept) -> Write:
        if kept.uses > 1:
            left = self._kept[key] = msgspec.structs.replace(kept, uses=kept.uses - 1)
            return _row(key, left)
        self._end(key, USED)
        return Write(SPACE_INVITE, key, None)

    def _end(self, key: bytes, why: str) -> None:
        del self._kept[key]
        if len(self._over) >= OVER_REMEMBERED_MAX:
            del self._over[next(iter(self._over))]
        self._over[key] = why

    def _refusal(self, key: bytes, now: Instant) -> str:
        if key in self._over:
            return self._over[key]
        full = len(self._wrong) == WRONG_TOKENS_PER_MINUTE_MAX
        if full and now - self._wrong[0] < MINUTE:
            return "too many wrong invites were tried here: wait a minute"
        self._wrong.append(now)
        return UNKNOWN


def _row(key: bytes, kept: _Kept) -> Write:
    return Write(SPACE_INVITE, key, msgspec.msgpack.encode(kept))


def _hashed(token: bytes) -> bytes:
    return hashlib.sha256(b"hf1.invite" + token).digest()


def _read(row: bytes) -> _Kept | None:
    """None: damaged on the disk. Then the token is void, as one that nobody knows is."""
    try:
        return msgspec.msgpack.decode(row, type=_Kept)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
