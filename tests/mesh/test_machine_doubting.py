"""Many machines, and doubt: who is believed, who is cut off, and what loss does."""

import pytest

from mesh.config import fast
from mesh.effects import MeshEffect, OurselvesChange, OurselvesChanged, PeerChange, PeerChanged
from mesh.identity import NodeId
from mesh.instant import SECOND, Instant
from mesh.letters.messages import Accuse
from mesh.roll.membership import Liveness
from mesh.watch.lookout import TOO_MANY, Lookout
from mesh.watch.lots import Lots
from mesh.watch.suspicion import Due, Suspicions
from tests.mesh.network import Network, Node
from tests.mesh.test_machine_failing import changes, liveness, settled


def said(node: Node) -> list[OurselvesChange]:
    return [e.change for e in node.told if isinstance(e, OurselvesChanged)]


def accuse(network: Network, accuser: Node, target: Node, listener: Node) -> None:
    member = listener.mesh.roll.member(target.id)
    assert member is not None
    word = Accuse(target.id, member.epoch.counter)
    network.carry_out(accuser, accuser.mesh._post.letter(listener.id, word, network.now))


def names(count: int) -> list[str]:
    return [f"node-{index:02}" for index in range(count)]


def test_a_death_is_known_to_the_first_within_two_seconds_and_to_all_within_six() -> None:
    network, nodes = settled(*names(24))
    victim, *others = nodes
    for second in range(3):  # whatever the phase
        network.run(second * SECOND // 3)
        victim.kill()
        died = network.now
        assert network.run_until(
            lambda: any(liveness(one, victim) is Liveness.SUSPECT for one in others), 3 * SECOND
        )
        assert network.now - died < 2 * SECOND
        assert network.run_until(
            lambda: all(liveness(one, victim) is Liveness.DEAD for one in others), 10 * SECOND
        )
        assert 4 * SECOND < network.now - died < 6 * SECOND
        victim.start()
        network.run(5 * SECOND)


def test_what_others_found_is_not_forgotten_before_who_looks_late_has_looked(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # With 128 members half of them look in the rest of the period, and not in its first part.
    monkeypatch.setattr(Lots, "wait_for", lambda lots, *_: SECOND * lots._own[0] // 256)
    network = Network()
    nodes = [network.node(name, fast()) for name in names(12)]
    for node in nodes:
        node.start()
    network.run(10 * SECOND)
    for victim in nodes[:4]:
        victim.kill()
        left = [node for node in nodes if node.up]
        assert network.run_until(
            lambda: all(liveness(one, victim) is Liveness.DEAD for one in left),  # noqa: B023
            6 * SECOND,
        )
        network.run(20 * SECOND)


def test_at_a_fifth_of_all_datagrams_lost_nobody_dies_and_hardly_anybody_is_doubted() -> None:
    network, nodes = settled(*names(12))
    network.loss = 0.2
    network.run(180 * SECOND)
    told = [e.change for one in nodes for e in one.told if isinstance(e, PeerChanged)]
    assert PeerChange.DEAD not in told
    assert told.count(PeerChange.SUSPECT) <= 1


def test_a_liar_is_heard_about_a_quarter_and_makes_nobody_silent() -> None:
    network, nodes = settled(*names(24))
    liar, listener, *others = nodes
    for other in others:
        accuse(network, liar, other, listener)
    network.run(20 * SECOND)
    assert listener.mesh.rejections[TOO_MANY] >= len(others) - 6
    assert not any(changes(listener, other.id) for other in others)


def test_the_accused_shows_itself_to_its_accuser(monkeypatch: pytest.MonkeyPatch) -> None:
    network, nodes = settled(*names(5))
    anna, bert, cleo, *_ = nodes
    pinged: list[NodeId] = []
    ping = Lookout.ping

    def counted(lookout: Lookout, to: NodeId, now: Instant) -> list[MeshEffect]:
        if lookout is cleo.mesh._lookout:
            pinged.append(to)
        return ping(lookout, to, now)

    accuse(network, anna, cleo, bert)
    monkeypatch.setattr(Lookout, "ping", counted)
    network.run(SECOND // 20)
    assert {anna.id, bert.id} <= {*pinged}


def test_who_is_cut_off_alone_says_so_and_declares_nobody_dead_for_a_minute() -> None:
    network, nodes = settled(*names(8))
    anna, *others = nodes
    network.cut(["node-00"], names(8)[1:])
    network.run(5 * SECOND)
    assert said(anna) == [OurselvesChange.CUT_OFF]
    assert anna.mesh.footing(network.now).cut_off
    network.run(50 * SECOND)
    assert not any(PeerChange.DEAD in changes(anna, other.id) for other in others)
    assert all(liveness(other, anna) is Liveness.DEAD for other in others)
    assert not any(said(other) for other in others)
    network.run(20 * SECOND)  # bounded: whoever outlives all others must come to say so
    assert all(liveness(anna, other) is Liveness.DEAD for other in others)
    assert not anna.mesh.footing(network.now).cut_off


def test_a_cut_that_mends_within_the_minute_has_killed_nobody_here() -> None:
    network, nodes = settled(*names(8))
    anna, *others = nodes
    network.cut(["node-00"], names(8)[1:])
    network.run(20 * SECOND)
    network.heal()
    assert network.run_until(lambda: OurselvesChange.BACK in said(anna), 30 * SECOND)
    network.run(10 * SECOND)
    assert all(liveness(anna, other) is Liveness.ALIVE for other in others)
    assert not any(PeerChange.DEAD in changes(anna, other.id) for other in others)


def test_who_hears_from_a_peer_through_helpers_alone_asks_for_a_new_session() -> None:
    network, nodes = settled(*names(4))
    anna, bert, *_ = nodes
    for session in list(anna.mesh._post.gate._sessions._of_peer[bert.id]):
        anna.mesh._post.gate._sessions.drop_peer(session.agreed.peer)
    network.run(15 * SECOND)
    assert anna.mesh.has_session(bert.id)
    assert changes(bert, anna.id) == changes(anna, bert.id) == []


def test_a_good_bye_that_is_lost_is_said_again() -> None:
    network, (anna, bert) = settled("anna", "bert")
    network.loss = 1.0
    network.carry_out(bert, bert.mesh.stop(network.now))
    network.loss = 0.0
    said_at = []
    while (at := bert.mesh.next_farewell) is not None:
        network.run(at - network.now)
        said_at.append(at)
        network.carry_out(bert, bert.mesh.farewell(network.now))
    assert len(said_at) == 2
    network.run(SECOND // 10)
    assert liveness(anna, bert) is Liveness.LEFT
    network.run(20 * SECOND)
    assert changes(anna, bert.id) == [PeerChange.LEFT]


def test_who_cannot_send_looks_longer_for_a_while() -> None:
    network, (anna, *_) = settled("anna", "bert")
    anna.mesh.unsent(network.now)
    assert anna.mesh.footing(network.now).score == 1


# Planted faults: each breaks one rule, and the story above it must fail. -------------------------


def test_a_freeze_without_end_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("mesh.watch.suspicion.FREEZE", 1_000_000 * SECOND)
    with pytest.raises(AssertionError):
        test_who_is_cut_off_alone_says_so_and_declares_nobody_dead_for_a_minute()


def test_a_freeze_that_begins_again_and_again_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen_until = Suspicions.frozen_until

    def for_ever(self: Suspicions, now: Instant) -> Instant | None:
        until = frozen_until(self, now)
        return now + SECOND if until is None and self._spent else until

    monkeypatch.setattr(Suspicions, "frozen_until", for_ever)
    with pytest.raises(AssertionError):
        test_who_is_cut_off_alone_says_so_and_declares_nobody_dead_for_a_minute()


def test_an_accusation_that_is_believed_without_a_look_is_noticed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    accused = Lookout.accused

    def believed(
        self: Lookout, target: NodeId, epoch: int, accuser: NodeId, now: Instant
    ) -> list[MeshEffect]:
        effects = accused(self, target, epoch, accuser, now)
        return [*effects, *self._roll.suspect(target)]

    monkeypatch.setattr(Lookout, "accused", believed)
    with pytest.raises(AssertionError):
        test_a_liar_is_heard_about_a_quarter_and_makes_nobody_silent()


def no_last_look(self: Suspicions, now: Instant) -> list[Due]:
    return [Due(target, over=True) for target in self._timers.due(now)]


def hears_nothing_until_the_end(network: Network, anna: Node, bert: Node) -> None:
    """Bert stands still from now on, until just before his time is over."""
    bert.up = False
    assert network.run_until(lambda: liveness(anna, bert) is Liveness.SUSPECT, 5 * SECOND)
    due = anna.mesh._lookout._suspicions.next_wake
    assert due is not None
    network.run(due - network.now - SECOND // 20)
    bert.up = True


def test_who_is_back_for_the_last_look_is_not_buried() -> None:
    network, (anna, bert) = settled("anna", "bert")
    hears_nothing_until_the_end(network, anna, bert)
    bert.mesh._lookout._turn_at = anna.mesh._lookout._turn_at = None  # nobody looks by turn
    network.run(2 * SECOND)
    assert changes(anna, bert.id)[:2] == [PeerChange.SUSPECT, PeerChange.ALIVE]


def test_a_death_without_a_last_look_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Suspicions, "due", no_last_look)
    with pytest.raises(AssertionError):
        test_who_is_back_for_the_last_look_is_not_buried()
