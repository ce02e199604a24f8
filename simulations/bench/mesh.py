"""What a datagram, a fact and a handshake cost, in CPU time of one core.

Two nodes' gates, face to face and without a network. To *seal* is everything from payload to
datagram, to *open* everything from datagram to a verified payload: header, session, replay window
and cipher. The limit is the cipher alone on the same bytes, with its object ready made; of facts
the signature alone; of handshakes the curve arithmetic that both ends can't do without.

What many nodes make of it, on real sockets, is in `mesh_measures.py`.
"""

import os
import sys
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from random import Random
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from mesh.door.gate import Gate
from mesh.door.judgements import Established, Judgement, Respond, Verified
from mesh.door.sessions import SEALED_HEADER_BYTES
from mesh.effects import Address
from mesh.facts import Fact, check_fact, sign_fact, version_of
from mesh.identity import NONCE_BYTES, Epoch, Identity, verify
from mesh.instant import SECOND, Instant
from mesh.kept.notary import Notary
from mesh.keys.keyring import Keyring
from mesh.keys.secret import SECRET_BYTES, Secret
from mesh.rejections import Rejection
from simulations.bench import mesh_measures, mesh_sheet
from simulations.bench.mesh_measures import Plan
from simulations.bench.rows import LONG, Area, Declared, Row
from simulations.bench.timing import best_us

SEED: Final = 20_260_103
PORT: Final = 4653
ROUNDS: Final = 40
CALLS: Final = 250
"""Per round: so many that reading the clock is no part of the figure."""
PAYLOADS_BYTES: Final = (200, 1_100)
FACT_BYTES: Final = 300
HANDSHAKES: Final = 20

AREA: Final = Area(
    "mesh",
    *(
        Declared(f"{verb} {size:,} B", "µs", "lower")
        for size in PAYLOADS_BYTES
        for verb in ("seal", "open")
    ),
    Declared("sign a fact", "µs", "lower"),
    Declared("verify a fact", "µs", "lower"),
    Declared("handshakes, both ends", "/s", "higher"),
    *mesh_sheet.declared(),
)

LONG_NODE_HOURS: Final = 101.0
"""Of loss, at either size: 95 minutes of 64 nodes, and 47 of 128."""
SECONDS_PER_HOUR: Final = 3600
PLANS: Final = {size: Plan(size) for size in mesh_sheet.SIZES}


class _Forgetful(Notary):
    """Checks every signature again: a handshake here is between two who have never met."""

    def vouches(self, fact: Fact) -> bool:
        return check_fact(fact, RING.mesh_id)


class _Side:
    """One node at the border."""

    def __init__(self, name: str, host: str) -> None:
        self.dice = Random(f"{SEED}/{name}")
        self.identity = Identity(self.dice.randbytes(32))
        self.address = Address(host, PORT)
        self.epoch = Epoch(1, self.dice.randbytes(NONCE_BYTES))
        self.signature = self.identity.sign(b"bare", b"passport")
        self.gate = Gate(self.identity, self.epoch, RING, self.dice, {}, _Forgetful(RING.mesh_id))

    def judge(self, datagram: bytes, source: Address, now: Instant) -> Judgement | Rejection:
        return self.gate.judge(datagram, source, now)


RING: Final = Keyring.of(Secret(Random(SEED).randbytes(SECRET_BYTES)))
KEYS: Final = RING.primary


def rows(rounds: int = ROUNDS, plans: Mapping[int, Plan] = PLANS) -> list[Row]:
    """All rows of the area: of two alone the best of `rounds`, of many what `plans` say."""
    found = border_rows(rounds)
    for size, plan in plans.items():
        sys.stderr.write(f"{size} nodes\n")
        found += mesh_measures.rows(AREA, size, _lengthened(plan))
    return found


def _lengthened(plan: Plan) -> Plan:
    if not os.environ.get(LONG):
        return plan
    return replace(plan, loss_seconds=LONG_NODE_HOURS * SECONDS_PER_HOUR / plan.nodes)


def border_rows(rounds: int) -> list[Row]:
    """Two gates, face to face."""
    ann, bob = _Side("ann", "10.0.0.1"), _Side("bob", "10.0.0.2")
    _shake_hands(ann, bob, 0)
    found: list[Row] = []
    for size in PAYLOADS_BYTES:
        payload = ann.dice.randbytes(size)
        found += [_seal_row(ann, bob, payload, rounds), _open_row(ann, bob, payload, rounds)]
    found += _fact_rows(ann, rounds)
    found.append(_handshake_row(rounds))
    return found


# Datagrams ---------------------------------------------------------------------------------------


def _seal_row(ann: _Side, bob: _Side, payload: bytes, rounds: int) -> Row:
    cipher, nonce, head = _bare_cipher(ann)

    def seal() -> None:
        for _ in range(CALLS):
            ann.gate.seal(bob.identity.id, payload, 0)

    def bare() -> None:
        for _ in range(CALLS):
            cipher.encrypt(nonce, payload, head)

    return AREA.row(
        f"seal {len(payload):,} B", CALLS, best_us(seal, rounds, CALLS),
        limit=best_us(bare, rounds, CALLS),
    )  # fmt: skip


def _open_row(ann: _Side, bob: _Side, payload: bytes, rounds: int) -> Row:
    cipher, nonce, head = _bare_cipher(ann)
    sealed = cipher.encrypt(nonce, payload, head)

    def bare() -> None:
        for _ in range(CALLS):
            cipher.decrypt(nonce, sealed, head)

    # Each datagram opens once, so every round has letters of its own.
    letters = iter([_letters(ann, bob, payload) for _ in range(rounds)])
    judged: list[Judgement | Rejection] = []

    def judge() -> None:
        judged[:] = [bob.judge(datagram, ann.address, 0) for datagram in next(letters)]

    value = best_us(judge, rounds, CALLS)
    assert all(isinstance(one, Verified) for one in judged), "what was sealed did not open"
    return AREA.row(f"open {len(payload):,} B", CALLS, value, limit=best_us(bare, rounds, CALLS))


def _letters(ann: _Side, bob: _Side, payload: bytes) -> list[bytes]:
    sealed = [ann.gate.seal(bob.identity.id, payload, 0) for _ in range(CALLS)]
    return [datagram for datagram in sealed if datagram is not None]


def _bare_cipher(side: _Side) -> tuple[AESGCM, bytes, bytes]:
    draw = side.dice.randbytes
    return AESGCM(draw(32)), draw(12), draw(SEALED_HEADER_BYTES)


# Facts -------------------------------------------------------------------------------------------


def _fact_rows(ann: _Side, rounds: int) -> list[Row]:
    body = ann.dice.randbytes(FACT_BYTES)
    version = version_of(ann.epoch, 1)
    sign = partial(sign_fact, ann.identity, KEYS.mesh_id, "live", version, body)
    fact: Fact = sign()
    assert check_fact(fact, KEYS.mesh_id), "our own fact does not verify"
    private = ann.identity.private_key
    public = Ed25519PublicKey.from_public_bytes(fact.public)
    signature = private.sign(body)
    return [
        _each("sign a fact", sign, partial(private.sign, body), rounds),
        _each(
            "verify a fact", partial(check_fact, fact, KEYS.mesh_id),
            partial(public.verify, signature, body), rounds,
        ),
    ]  # fmt: skip


def _each(name: str, work: Callable[[], object], bare: Callable[[], object], rounds: int) -> Row:
    calls = CALLS // 10

    def many(one: Callable[[], object]) -> None:
        for _ in range(calls):
            one()

    value = best_us(partial(many, work), rounds, calls)
    return AREA.row(name, calls, value, limit=best_us(partial(many, bare), rounds, calls))


# Handshakes --------------------------------------------------------------------------------------


def _handshake_row(rounds: int) -> Row:
    clock = iter(range(SECOND, rounds * HANDSHAKES * SECOND * 2, SECOND))
    ann, bob = _Side("ann", "10.0.0.1"), _Side("bob", "10.0.0.2")

    def handshakes() -> None:
        for _ in range(HANDSHAKES):
            # A second apart, so that nobody is told to slow down.
            _shake_hands(ann, bob, next(clock))

    def bare() -> None:
        for _ in range(HANDSHAKES):
            _bare_handshake(ann, bob)

    value = best_us(handshakes, rounds, HANDSHAKES)
    limit = best_us(bare, rounds, HANDSHAKES)
    return AREA.row("handshakes, both ends", HANDSHAKES, 1e6 / value, limit=1e6 / limit)


def _shake_hands(ann: _Side, bob: _Side, now: Instant) -> None:
    """Hello, welcome, confirmation, and the first word in the new session."""
    challenged = bob.judge(ann.gate.hello(bob.identity.id, now), ann.address, now)
    assert isinstance(challenged, Respond), challenged
    answered = ann.judge(challenged.datagram, bob.address, now)
    assert isinstance(answered, Established), answered
    confirm = ann.gate.respond(answered, b"", now)
    admitted = bob.judge(confirm, ann.address, now)
    assert isinstance(admitted, Established), admitted
    heard = ann.judge(bob.gate.respond(admitted, b"", now), bob.address, now)
    assert isinstance(heard, Verified), heard


def _bare_handshake(ann: _Side, bob: _Side) -> None:
    """Each checks one signature of the other and mixes the shares; nothing else."""
    for side, other in ((ann, bob), (bob, ann)):
        share, _ = side.gate.papers.at(0)
        share.agree(other.gate.papers.public)
        assert verify(other.identity.public, b"bare", b"passport", other.signature)
