"""One machine, one number, two runs: a disk that was set back twice to the same day.

Neither run is a copy living elsewhere, and the second must not be shut out for ever: either it is
shown a word of the first and rises above it, or nobody keeps such a word and it is taken as it is.
Which of the two depends on stamps, so each story is told under several seeds.
"""

import pytest

from mesh.effects import Answer, EpochBehind, MeshEffect
from mesh.exchange.intake import Intake
from mesh.exchange.parcels import Item, parcel_bytes
from mesh.exchange.reconcile import SERVICE_PUSH
from mesh.facts import sign_fact, version_of
from mesh.identity import Epoch
from mesh.instant import SECOND
from mesh.letters.wire import fact_bytes
from mesh.roll.membership import Liveness, Roll
from tests.mesh.network import Network, Node

SEEDS = range(8)


def behind(node: Node) -> list[Epoch]:
    return [told.highest for told in node.told if isinstance(told, EpochBehind)]


def said(effects: list[MeshEffect]) -> list[MeshEffect]:
    """All but the answer to a call that nobody here made."""
    return [effect for effect in effects if not isinstance(effect, Answer)]


def rise_if_told(network: Network, node: Node) -> None:
    if highest := behind(node):
        epoch = Epoch(highest[-1].counter + 1, b"r" * 16)
        network.carry_out(node, node.mesh.rise(epoch, network.now))


@pytest.mark.parametrize("seed", SEEDS)
def test_a_second_run_under_one_number_is_shown_the_first_or_taken_as_it_is(seed: int) -> None:
    network = Network(seed)
    anna, bert, cleo = network.start("anna", "bert", "cleo")
    network.run(5 * SECOND)
    # bert has met the first run; cleo forgets it, and is the only one to meet the second.
    anna.kill()
    cleo.kill()
    cleo.disk.clear()
    network.cut(["bert"], ["anna", "cleo"])
    anna.told.clear()
    anna.start(counter=1)
    cleo.start(counter=2)
    network.run(5 * SECOND)
    network.heal()
    network.cut(["bert"], ["anna"])
    network.run(30 * SECOND)
    network.heal()
    network.run(20 * SECOND)
    rise_if_told(network, anna)
    network.run(60 * SECOND)
    for one in (bert, cleo):
        member = one.mesh.roll.member(anna.id)
        assert member is not None
        assert member.liveness is Liveness.ALIVE
        assert member.epoch == anna.mesh.epoch
        assert one.mesh.root == anna.mesh.root


def test_both_ends_of_that_story_are_told_here() -> None:
    ends = set()
    for seed in SEEDS:
        network = Network(seed)
        anna, bert = network.start("anna", "bert")
        network.run(5 * SECOND)
        first = bert.mesh.board.fact(anna.id, "node")
        anna.kill()
        anna.start(counter=1)
        network.run(2 * SECOND)
        ends.add(bert.mesh.board.fact(anna.id, "node") == first)
    assert ends == {True, False}


def test_a_word_that_outdoes_our_own_is_proof_of_another_run() -> None:
    network = Network()
    anna, bert = network.start("anna", "bert")
    network.run(5 * SECOND)
    anna.publish("words", b"this run")
    for number in range(9):  # it has said more than that other run, though not of this
        anna.publish("other", b"%d" % number)
    version = version_of(anna.mesh.epoch, 8)
    first = sign_fact(anna.identity, network.keys.mesh_id, "words", version, b"another run")
    body = parcel_bytes([Item("fact", (fact_bytes(first),))], None, more=False, lacks=None)
    network.carry_out(anna, said(anna.mesh.serve(0, bert.id, SERVICE_PUSH, body, network.now)))
    assert [one.counter for one in behind(anna)] == [1]
    rise_if_told(network, anna)
    network.run(5 * SECOND)
    assert bert.mesh.root == anna.mesh.root
    told = bert.mesh.board.fact(anna.id, "words")
    assert told is not None
    assert told.body == b"this run"


def told_in_every_seed() -> None:
    for seed in SEEDS:
        test_a_second_run_under_one_number_is_shown_the_first_or_taken_as_it_is(seed)


def test_without_its_rule_a_second_run_is_shut_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Roll, "is_on_record", lambda *_: False)
    with pytest.raises(AssertionError):
        told_in_every_seed()


def test_without_its_rule_a_word_of_another_run_goes_unnoticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Intake, "_outdoes_ours", lambda *_: False)
    with pytest.raises(AssertionError):
        test_a_word_that_outdoes_our_own_is_proof_of_another_run()
