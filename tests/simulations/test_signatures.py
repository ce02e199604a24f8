"""One contract for both schemes: what a signature must refuse, whoever made it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.identity import SIGNATURE_BYTES, Identity, PublicKey, id_of, verify
from simulations.invented.signatures import ED25519, SCHEMES, STAND_IN, identity
from tests.architecture.source import files, name_of

both = pytest.mark.parametrize("scheme", SCHEMES)
TAG, WORD = b"hf1.fact", b"eight gibibytes"


@both
def test_a_signature_is_its_signers_and_nobody_elses(scheme: str) -> None:
    ann, bob = identity(b"a" * 32, scheme), identity(b"b" * 32, scheme)
    signature = ann.sign(TAG, WORD)
    assert len(signature) == SIGNATURE_BYTES
    assert verify(ann.public, TAG, WORD, signature)
    assert not verify(bob.public, TAG, WORD, signature), "another key"
    assert not verify(ann.public, b"hf1.block", WORD, signature), "another tag"
    assert not verify(ann.public, TAG + b"e", WORD[1:], signature), "the same bytes, cut elsewhere"
    assert not verify(ann.public, TAG, WORD + b"!", signature), "another message"
    assert not verify(ann.public, TAG, WORD, bob.sign(TAG, WORD)), "forged"
    for bent in (signature[:-1], signature + b"\0", b"", bytes(SIGNATURE_BYTES)):
        assert not verify(ann.public, TAG, WORD, bent)
    for key in (ann.public[:-1], b"", bytes(32)):
        assert not verify(PublicKey(key), TAG, WORD, signature)


@both
@given(at=st.integers(0, SIGNATURE_BYTES * 8 - 1))
def test_no_bent_bit_is_overlooked(scheme: str, at: int) -> None:
    ann = identity(b"a" * 32, scheme)
    bent = bytearray(ann.sign(TAG, WORD))
    bent[at // 8] ^= 1 << at % 8
    assert not verify(ann.public, TAG, WORD, bytes(bent))


@both
def test_the_same_key_signs_the_same_way_and_has_the_same_id(scheme: str) -> None:
    first, again = identity(b"a" * 32, scheme), identity(b"a" * 32, scheme)
    assert first.public == again.public
    assert first.id == again.id == id_of(first.public)
    assert first.sign(TAG, WORD) == again.sign(TAG, WORD)
    assert first.id != identity(b"b" * 32, scheme).id


def test_both_schemes_live_side_by_side() -> None:
    cheap, real = identity(b"a" * 32, STAND_IN), identity(b"a" * 32, ED25519)
    assert type(real) is Identity
    assert cheap.id != real.id
    assert verify(real.public, TAG, WORD, real.sign(TAG, WORD))
    assert verify(cheap.public, TAG, WORD, cheap.sign(TAG, WORD))
    assert not verify(real.public, TAG, WORD, cheap.sign(TAG, WORD))
    assert not verify(cheap.public, TAG, WORD, real.sign(TAG, WORD))


def test_another_scheme_does_not_exist() -> None:
    with pytest.raises(ValueError, match="no scheme 'none'"):
        identity(b"a" * 32, "none")


def test_nothing_that_ships_lets_anybody_else_judge_signatures() -> None:
    callers = [
        name_of(path)
        for path in files("mesh", "ledger", "placement", "node")
        if "check_with" in path.read_text()
    ]
    assert callers == ["mesh/identity.py"]
