"""An owner answers, one promise at a time."""

from hypothesis import given
from hypothesis import strategies as st

from ledger.accounts import PoolState
from ledger.commands import Leg, Outcome, Post, Release, SignedCommand, sign_command
from ledger.effects import Append, Reply
from ledger.leases import owner_span
from ledger.observations import Fenced
from ledger.proving.audit import verify_chain
from mesh.instant import HOUR, MINUTE, SECOND
from tests.ledger.owner import ALICE, OWNER, Owner, hold_id, opened, reading


def test_hold_post_release_takes_room_and_gives_it_back() -> None:
    owner = opened()
    held = owner.hold(1, 40)
    assert held.outcome is Outcome.HELD
    assert owner.free == 60
    posted = owner.post(1)
    assert posted.outcome is Outcome.POSTED
    assert len(posted.receipts) == 2
    assert owner.release(1).outcome is Outcome.RELEASED
    assert owner.free == 100
    assert verify_chain(owner.disk.chain).ok


def test_no_promise_is_heard_before_its_block() -> None:
    owner = opened()
    command = sign_command(ALICE, OWNER.id, owner.hold_command(1))
    assert owner.ledger.ask(1, command, owner.now) == []
    sealed = owner.ledger.seal(owner.now)
    assert isinstance(sealed[0], Append)
    assert [type(effect) for effect in sealed[1:]] == [Reply]


def test_a_duplicate_waits_for_the_same_block() -> None:
    owner = opened()
    blocks = len(owner.disk.chain)
    tokens = [owner.send(owner.hold_command(1)) for _ in range(3)]
    assert not any(token in owner.answers for token in tokens)
    owner.seal()
    assert [owner.answers[token][0].outcome for token in tokens] == [Outcome.HELD] * 3
    assert len(owner.disk.chain) == blocks + 1
    assert owner.free == 90


def test_a_renewal_of_a_post_that_is_not_sealed_waits_too() -> None:
    owner = opened()
    owner.hold(1)
    owner.send(Post(hold_id(1), owner.session))
    answer = owner.renew(1, nonce=b"which send")
    assert answer.outcome is Outcome.RENEWED
    assert answer.nonce == b"which send"


def test_many_commands_make_one_block() -> None:
    owner = opened()
    blocks = len(owner.disk.chain)
    tokens = [owner.send(owner.hold_command(number, 1)) for number in range(50)]
    owner.seal()
    assert len(owner.disk.chain) == blocks + 1
    assert all(owner.answers[token][0].outcome is Outcome.HELD for token in tokens)


def test_more_entries_than_a_block_takes_make_two_blocks() -> None:
    owner = opened()
    blocks = len(owner.disk.chain)
    owner.see(reading(total=1000, free=1000))
    for number in range(300):
        owner.send(owner.hold_command(number, 1))
    owner.seal()
    assert len(owner.disk.chain) == blocks + 3
    assert verify_chain(owner.disk.chain).ok
    assert owner.inquire(299).outcome is Outcome.HELD


def test_refusals_are_heard_at_once() -> None:
    owner = opened()
    token = owner.send(owner.hold_command(1, 101))
    assert owner.answers[token][0].outcome is Outcome.NO_ROOM


def test_fencing_tokens_grow() -> None:
    owner = opened()
    tokens = [owner.grant(number, 1).token for number in range(4)]
    assert all(token is not None for token in tokens)
    assert tokens == sorted(tokens, key=lambda token: token or (0, 0, 0))
    assert len(set(tokens)) == 4


def test_an_unposted_hold_expires_after_its_time_and_the_margin() -> None:
    owner = opened()
    owner.hold(1, 40)
    owner.advance(owner_span(30 * SECOND) - 1)
    assert owner.free == 60
    owner.advance(1)
    assert owner.free == 100


def test_a_carried_lease_lives_as_long_as_it_is_renewed() -> None:
    owner = opened()
    owner.grant(1, 40)
    for _ in range(40):
        owner.advance(10 * SECOND)
        assert owner.renew(1).outcome is Outcome.RENEWED
    owner.advance(31 * SECOND)
    assert owner.free == 100
    assert owner.inquire(1).outcome is Outcome.EXPIRED


def test_heartbeats_are_not_logged() -> None:
    owner = opened()
    owner.grant(1)
    blocks = len(owner.disk.chain)
    for _ in range(10):
        owner.renew(1)
    assert len(owner.disk.chain) == blocks


def test_room_returns_only_after_the_work_was_seen_gone() -> None:
    owner = opened()
    owner.grant(1, 40)
    owner.fences = False
    token = owner.send(Release(hold_id(1), owner.session))
    owner.seal()
    assert owner.fenced == [hold_id(1)]
    assert owner.free == 60
    assert token not in owner.answers
    owner.tell(Fenced(hold_id(1), gone=True))
    assert token not in owner.answers
    owner.seal()
    assert owner.answers[token][0].outcome is Outcome.RELEASED
    assert owner.free == 100


def test_nothing_revives_a_grant_whose_end_has_begun() -> None:
    owner = opened()
    owner.grant(1)
    owner.fences = False
    owner.advance(31 * SECOND)
    assert owner.ledger.ending == [hold_id(1)]
    for answer in (owner.renew(1), owner.post(1), owner.resume(1, (b"",))):
        assert answer.outcome is Outcome.TOO_LATE
    assert owner.hold(1).outcome is Outcome.TOO_LATE
    owner.tell(Fenced(hold_id(1), gone=True))
    owner.seal()
    assert owner.inquire(1).outcome is Outcome.EXPIRED


def test_work_that_will_not_end_keeps_its_room_and_impairs_its_pool() -> None:
    owner = opened()
    owner.grant(1, 40)
    owner.fences = False
    token = owner.send(Release(hold_id(1), owner.session))
    owner.tell(Fenced(hold_id(1), gone=False))
    owner.seal()
    assert owner.answers[token][0].outcome is Outcome.ENDING
    assert owner.ledger.books.pools.get("ram") is PoolState.IMPAIRED
    assert owner.free == 60
    assert owner.hold(2, 1).outcome is Outcome.POOL_NOT_OPEN
    assert {alarm.code for alarm in owner.alarms} == {"would-not-end", "pool-impaired"}
    owner.fenced.clear()
    owner.advance(10 * SECOND)
    assert owner.fenced == [hold_id(1)]
    owner.tell(Fenced(hold_id(1), gone=True))
    owner.seal()
    assert owner.ledger.books.pools.get("ram") is PoolState.OPEN
    assert owner.hold(3, 100).outcome is Outcome.HELD


def test_a_release_asked_again_is_answered_the_same_way() -> None:
    owner = opened()
    owner.grant(1)
    first = owner.release(1)
    assert owner.release(1).outcome is first.outcome is Outcome.RELEASED


def test_releasing_what_was_never_posted_voids_it() -> None:
    owner = opened()
    owner.hold(1)
    assert owner.release(1).outcome is Outcome.VOIDED
    assert owner.void(1).outcome is Outcome.VOIDED


def test_too_many_who_wait_for_one_end_are_told_that_it_is_ending() -> None:
    owner = opened()
    owner.grant(1)
    owner.fences = False
    tokens = [owner.send(Release(hold_id(1), owner.session)) for _ in range(20)]
    told = [owner.answers[token][0].outcome for token in tokens if token in owner.answers]
    assert told == [Outcome.ENDING] * 4
    owner.tell(Fenced(hold_id(1), gone=True))
    owner.seal()
    assert all(len(owner.answers[token]) == 1 for token in tokens)


def test_a_booking_needs_no_heartbeat_and_ends_with_its_term() -> None:
    owner = opened()
    owner.grant(1, 40, booking=True, term=2 * HOUR)
    owner.advance(2 * HOUR)
    assert owner.free == 60
    owner.advance(3 * MINUTE)
    assert owner.free == 100
    assert owner.disk.remaining == {}
    assert owner.ledger.next_wake is None


def test_a_bookings_remaining_time_is_journalled_every_minute() -> None:
    owner = opened()
    owner.grant(1, 40, booking=True, term=2 * HOUR)
    owner.advance(10 * MINUTE)
    assert owner.disk.remaining == {hold_id(1): owner_span(2 * HOUR) - 10 * MINUTE}
    owner.release(1)
    assert owner.disk.remaining == {}


def test_more_memory_is_provisioned_and_less_is_retired_as_far_as_it_is_free() -> None:
    owner = opened()
    owner.see(reading(total=150, free=150))
    assert owner.free == 150
    owner.grant(1, 100)
    owner.see(reading(total=80, free=80))
    assert owner.free == 0
    assert owner.ledger.books.pools.get("ram") is PoolState.IMPAIRED
    assert owner.hold(2, 1).outcome is Outcome.POOL_NOT_OPEN
    owner.release(1)
    owner.see(reading(total=80, free=80))
    assert owner.free == 80
    assert owner.ledger.books.pools.get("ram") is PoolState.OPEN


def test_a_card_that_vanished_goes_offline_and_comes_back() -> None:
    owner = opened(reading("ram"), reading("gpu:a", 24, 24))
    legs = (Leg("gpu:a", 10),)
    owner.hold(1, legs=legs)
    owner.see(reading("ram"))
    books = owner.ledger.books
    assert books.pools.get("gpu:a") is PoolState.IMPAIRED
    assert books.withdrawn("gpu:a") == 14
    assert owner.ledger.rooms() == {"ram": 100, "gpu:a": None}
    owner.see(reading("ram"), reading("gpu:a", 24, 24))
    assert books.pools.get("gpu:a") is PoolState.OPEN
    assert books.free("gpu:a") == 14


def test_seeing_the_same_machine_again_writes_nothing() -> None:
    owner = opened(reading(system=10))
    assert owner.free == 90
    blocks = len(owner.disk.chain)
    for _ in range(5):
        owner.see(reading(system=10, free=40))
    assert len(owner.disk.chain) == blocks


def test_rooms_are_what_could_still_be_promised() -> None:
    owner = opened(reading(free=90))
    owner.grant(1, 40)
    assert owner.ledger.rooms() == {"ram": 50}
    owner.see(reading(free=60, used={hold_id(1): 30}))
    assert owner.ledger.rooms() == {"ram": 50}
    owner.see(reading(free=None))
    assert owner.ledger.rooms() == {"ram": None}


def test_an_answer_names_what_is_left_of_the_time() -> None:
    owner = opened()
    owner.grant(1)
    owner.advance(10 * SECOND)
    assert owner.inquire(1).remaining == owner_span(30 * SECOND) - 10 * SECOND


def test_an_idle_owner_wants_no_waking() -> None:
    assert opened().ledger.next_wake is None


@given(st.binary(max_size=200), st.binary(max_size=40), st.binary(max_size=80))
def test_arbitrary_bytes_change_nothing(body: bytes, public: bytes, signature: bytes) -> None:
    owner = opened()
    before = owner.ledger.books.state_hash()
    effects = owner.ledger.ask(1, SignedCommand(body, public, signature), owner.now)
    (reply,) = effects
    assert isinstance(reply, Reply)
    assert reply.answer.outcome in (Outcome.MALFORMED, Outcome.BAD_SIGNATURE)
    assert owner.ledger.books.state_hash() == before
    assert owner.ledger.seal(owner.now) == []


def test_two_tenants_cannot_hold_the_last_gigabyte() -> None:
    owner = opened(reading(total=1, free=1))
    first = owner.send(owner.hold_command(1, 1))
    second = owner.send(owner.hold_command(2, 1))
    owner.seal()
    assert owner.answers[first][0].outcome is Outcome.HELD
    assert owner.answers[second][0].outcome is Outcome.NO_ROOM


def test_a_first_start_is_on_record_as_one() -> None:
    owner = Owner(first=True)
    opening = owner.ledger.books.opening
    assert opening is not None
    assert opening.first
    assert owner.state == "open"
