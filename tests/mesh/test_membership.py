from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from mesh.config import MeshConfig, lan
from mesh.effects import Address, PeerChange
from mesh.facts import Fact, sign_fact, version_of
from mesh.identity import Epoch, Identity
from mesh.instant import SECOND
from mesh.roll.membership import Liveness, Roll, Trust, check_roll
from mesh.roll.record import TOPIC_NODE, Endpoint, NodeRecord, record_body

ANNA, BERT, CLEO = (Identity(bytes([seed]) * 32) for seed in (1, 2, 3))
HERE = Address("10.0.0.2", 4653)
MESH_ID = b"mesh-id!"


def epoch(counter: int) -> Epoch:
    return Epoch(counter, bytes([counter]) * 16)


def record(
    identity: Identity, counter: int, sequence: int, *, name: str = "bert", left: bool = False
) -> tuple[Fact, NodeRecord]:
    said = NodeRecord(name, (Endpoint("10.0.0.2", 4653, "wifi"),), "", "", bytes(16), left)
    version = version_of(epoch(counter), sequence)
    return sign_fact(identity, MESH_ID, TOPIC_NODE, version, record_body(said)), said


def roll() -> Roll:
    return Roll(ANNA.id, "anna", lan())


def met(book: Roll, counter: int = 1) -> list[PeerChange]:
    changes = book.greeted(BERT.id, BERT.public, epoch(counter), HERE, 0)
    assert changes is not None
    return [change.change for change in changes]


def test_a_hint_is_believed_for_nothing() -> None:
    book = roll()
    book.hint(BERT.id, HERE)
    member = book.member(BERT.id)
    assert member is not None
    assert (member.trust, member.liveness, member.public) == (Trust.DISCOVERED, None, None)
    assert not book.admits(BERT.id)
    assert book.reachable() == ()
    assert book.heard(BERT.id, 1) == ()


def test_hints_are_few_per_node_and_few_in_all_and_the_oldest_gives_way() -> None:
    book = Roll(ANNA.id, "anna", MeshConfig(hints_max=3))
    for port in range(1, 30):
        book.hint(BERT.id, Address("h", port))
    member = book.member(BERT.id)
    assert member is not None
    assert len(member.hints) == 4
    for seed in range(10, 20):
        book.hint(Identity(bytes([seed]) * 32).id, HERE)
    assert len(book.members()) == 3
    assert book.member(BERT.id) is None


def test_a_challenge_answered_makes_a_trusted_and_living_member() -> None:
    book = roll()
    assert met(book) == [PeerChange.VERIFIED, PeerChange.ALIVE]
    assert met(book) == []
    assert met(book, 2) == [PeerChange.RESTARTED]


def test_hearsay_never_takes_trust_or_addresses_away() -> None:
    book = roll()
    met(book)
    book.hint(BERT.id, Address("6.6.6.6", 6))
    member = book.member(BERT.id)
    assert member is not None
    assert member.trust is Trust.TRUSTED
    assert member.address == HERE


def test_only_a_living_member_can_become_suspect_and_only_a_suspect_dies() -> None:
    book = roll()
    assert book.suspect(BERT.id) == ()
    met(book)
    assert book.bury(BERT.id, SECOND) == ()
    assert [c.change for c in book.suspect(BERT.id)] == [PeerChange.SUSPECT]
    assert book.suspect(BERT.id) == ()
    assert [c.change for c in book.bury(BERT.id, 4 * SECOND)] == [PeerChange.DEAD]
    assert book.bury(BERT.id, 99 * SECOND) == ()
    assert (book.count(Liveness.ALIVE), book.count(Liveness.DEAD)) == (0, 1)


def test_a_word_from_the_node_itself_clears_suspicion_and_death() -> None:
    for is_over in (False, True):
        book = roll()
        met(book)
        book.suspect(BERT.id)
        if is_over:
            book.bury(BERT.id, 10 * SECOND)
        assert [c.change for c in book.heard(BERT.id, 11 * SECOND)] == [PeerChange.ALIVE]


def test_a_leaving_node_that_still_acks_stays_left_until_a_later_run_or_word() -> None:
    book = roll()
    met(book)
    assert [c.change for c in book.recorded(*record(BERT, 1, 5, left=True))] == [PeerChange.LEFT]
    assert book.heard(BERT.id, 1) == ()
    assert met(book, 2) == [PeerChange.RESTARTED, PeerChange.ALIVE]
    book.recorded(*record(BERT, 2, 1, left=True))
    book.recorded(*record(BERT, 2, 2))
    assert [c.change for c in book.heard(BERT.id, 2)] == [PeerChange.ALIVE]


def test_one_name_on_two_ids_is_told_once_and_both_stay() -> None:
    book = roll()
    met(book)
    book.greeted(CLEO.id, CLEO.public, epoch(1), HERE, 0)
    book.recorded(*record(BERT, 1, 1))
    told = book.recorded(*record(CLEO, 1, 1))
    assert [change.change for change in told] == [PeerChange.CONFLICT]
    assert book.recorded(*record(CLEO, 1, 2)) == ()
    assert [c.change for c in book.recorded(*record(CLEO, 1, 3, name="anna"))] == [
        PeerChange.CONFLICT  # with ourselves
    ]
    assert len(book.members()) == 2


def test_what_was_remembered_comes_back_trusted_but_not_alive() -> None:
    book, again = roll(), roll()
    met(book, 7)
    book.recorded(*record(BERT, 7, 1))
    member = book.member(BERT.id)
    assert member is not None
    assert member.remembered is not None
    again.restore(BERT.id, member.remembered)
    back = again.member(BERT.id)
    assert back is not None
    assert (back.trust, back.liveness) == (Trust.TRUSTED, Liveness.SUSPECT)
    assert (back.epoch, back.record, back.answered) == (epoch(7), member.record, (HERE,))


class RollMachine(RuleBasedStateMachine):
    """Anything in any order: the invariants hold, and nobody lives or leaves by hearsay."""

    def __init__(self) -> None:
        super().__init__()
        self.book = roll()
        self.now = 0
        self.counters = {BERT: 1, CLEO: 1}
        self.sequence = 0

    who = st.sampled_from([BERT, CLEO])

    @rule(who=who)
    def hint(self, who: Identity) -> None:
        before = self.liveness(who)
        self.book.hint(who.id, Address("h", 1))
        assert self.liveness(who) == before

    @rule(who=who, restart=st.booleans())
    def greet(self, who: Identity, restart: bool) -> None:
        self.counters[who] += restart
        self.book.greeted(who.id, who.public, epoch(self.counters[who]), HERE, self.now)
        assert self.liveness(who) in (Liveness.ALIVE, Liveness.LEFT)

    @rule(who=who)
    def suspect(self, who: Identity) -> None:
        was_alive = self.liveness(who) is Liveness.ALIVE
        assert bool(self.book.suspect(who.id)) == was_alive

    @rule(who=who, left=st.booleans())
    def say(self, who: Identity, left: bool) -> None:
        if self.book.admits(who.id):
            self.sequence += 1
            self.book.recorded(*record(who, self.counters[who], self.sequence, left=left))

    @rule(who=who)
    def hear(self, who: Identity) -> None:
        self.book.heard(who.id, self.now)
        assert self.liveness(who) in (None, Liveness.ALIVE, Liveness.LEFT)

    @rule(who=who, seconds=st.integers(0, 6))
    def bury(self, who: Identity, seconds: int) -> None:
        self.now += seconds * SECOND
        was_suspect = self.liveness(who) is Liveness.SUSPECT
        assert bool(self.book.bury(who.id, self.now)) == was_suspect

    @invariant()
    def holds(self) -> None:
        check_roll(self.book)

    def liveness(self, who: Identity) -> Liveness | None:
        member = self.book.member(who.id)
        return member.liveness if member else None


RollMachine.TestCase.settings = settings(max_examples=40, stateful_step_count=25, deadline=None)
TestRoll = RollMachine.TestCase
