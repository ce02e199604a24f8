"""The notary checks each signature once, and is fooled by none."""

from dataclasses import replace

import pytest

from mesh.facts import Fact, check_fact, sign_fact
from mesh.identity import Identity
from mesh.kept import notary
from mesh.kept.notary import REMEMBERED_MAX, Notary

MESH = b"meshmesh"
ANN = Identity(bytes(range(32)))
FACT = sign_fact(ANN, MESH, "x", 1, b"body")


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[Fact]:
    """Every signature that is really checked."""
    asked: list[Fact] = []

    def counted(fact: Fact, mesh_id: bytes) -> bool:
        asked.append(fact)
        return check_fact(fact, mesh_id)

    monkeypatch.setattr(notary, "check_fact", counted)
    return asked


def test_a_fact_that_was_good_is_checked_once(checks: list[Fact]) -> None:
    ours = Notary(MESH)
    assert ours.vouches(FACT)
    assert ours.vouches(replace(FACT))
    assert len(checks) == 1


def test_what_was_bad_is_checked_again_and_pushes_nothing_out(checks: list[Fact]) -> None:
    ours = Notary(MESH)
    bad = replace(FACT, body=b"bent")
    assert not ours.vouches(bad)
    assert not ours.vouches(bad)
    assert len(checks) == 2
    assert len(ours) == 0


@pytest.mark.parametrize(
    "bent",
    [
        replace(FACT, body=b"other"),
        replace(FACT, version=2),
        replace(FACT, topic="y"),
        replace(FACT, signature=bytes(64)),
        replace(FACT, public=Identity(bytes(32)).public),
        replace(FACT, topic="x/1", body=b"/body"),
    ],
)
def test_one_good_signature_vouches_for_nothing_else(bent: Fact) -> None:
    ours = Notary(MESH)
    assert ours.vouches(FACT)
    assert not ours.vouches(bent)


def test_a_fact_of_another_mesh_is_not_vouched_for() -> None:
    assert not Notary(b"othermsh").vouches(FACT)


def test_what_it_remembers_is_bounded(monkeypatch: pytest.MonkeyPatch, checks: list[Fact]) -> None:
    monkeypatch.setattr(notary, "REMEMBERED_MAX", 4)
    assert REMEMBERED_MAX > 4
    ours = Notary(MESH)
    for version in range(6):
        ours.vouches(sign_fact(ANN, MESH, "x", version, b""))
    assert len(ours) == 4
    ours.vouches(sign_fact(ANN, MESH, "x", 0, b""))
    assert len(checks) == 7
