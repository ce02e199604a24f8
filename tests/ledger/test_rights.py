"""Rights: issued once, moved in two logs, spent by what is held, and never forgotten into being."""

from dataclasses import replace
from typing import Any

import pytest

from ledger.books import Books
from ledger.books.holds import Token
from ledger.books.refusal import Refusal
from ledger.books.rights import RightsRow, Side, barred
from ledger.books.state import decode_state, encode_state
from ledger.commands import Answer, GrantKind, Hold, Leg, Outcome, Shrink
from ledger.commands.rights import Give, Issue, RightsCommand, Withdraw, WriteOff
from ledger.entries.rights import (
    RightsBarred,
    RightsEntry,
    RightsGiven,
    RightsIssued,
    RightsOpened,
    RightsTaken,
    RightsWithdrawn,
)
from ledger.limits import Limits
from ledger.observations import RightsTold, RightsWord
from ledger.policy import Policy, Principal, key_of
from ledger.proving.audit import verify_chain
from mesh.identity import Identity
from mesh.instant import HOUR
from mesh.logs import Era, Position
from tests.ledger.owner import (
    ALICE,
    BOB,
    OWNER,
    PROVEN,
    UNPROVEN,
    Owner,
    hold_id,
    opened,
    seen,
    through_quarantine,
)
from tests.ledger.test_books import ERA, held, opening

SOMEWHERE = Position(Era(1, bytes(16)), 3, bytes(32))


def owner(silent: int | None = 0, limits: Limits | None = None) -> Owner:
    """With 100 of ram, in company; of which so many have not shown their copy of our log."""
    one = opened(limits=limits)
    one.peer_answered()
    one.ledger.later.escrow.silent = lambda _: silent
    return one


def say(one: Owner, command: type[Any], *words: Any, who: Identity = OWNER, **more: Any) -> Answer:
    asked: RightsCommand = command(hold_id(99), one.session, "alice", "ram", *words, **more)
    return one.ask(asked, who)


def hold(one: Owner, number: int, amount: int, *, force: str = "", who: str = "alice") -> Answer:
    legs = (Leg("ram", amount),)
    wish = Hold(hold_id(number), one.session, legs, GrantKind.BOOKING, HOUR, who, "", force=force)
    return one.ask(wish, OWNER)


def spare(one: Owner) -> int:
    return one.ledger.books.spare("alice", "ram")


def gave(one: Owner, total: int, giver: Identity = BOB) -> None:
    """The log of `giver` says that it has given us so many in all. It is told again, as an agent
    does once rights are open."""
    row = RightsRow("alice", "ram", Side.GIVEN, OWNER.id)
    for _ in range(2):
        one.tell(RightsTold(giver.id, SOMEWHERE, ((row, total),), (("alice", "ram"),)))
    one.seal()


def took(one: Owner, total: int, taker: Identity = BOB) -> None:
    row = RightsRow("alice", "ram", Side.TAKEN, OWNER.id)
    one.tell(RightsTold(taker.id, SOMEWHERE, ((row, total),), (("alice", "ram"),)))


# Spending --------------------------------------------------------------------------------------


def test_a_hold_spends_in_the_entry_that_begins_it_and_its_end_gives_back() -> None:
    one = owner()
    assert say(one, Issue, 50).outcome is Outcome.ISSUED
    assert hold(one, 1, 30).outcome is Outcome.HELD
    assert spare(one) == 20
    refused = hold(one, 2, 30)
    assert refused.outcome is Outcome.NO_RIGHTS
    assert "alice lacks 10" in refused.detail
    one.post(1, OWNER)
    one.ask(Shrink(hold_id(1), one.session, (Leg("ram", 10),)), OWNER)
    assert spare(one) == 40
    one.release(1, OWNER)
    assert spare(one) == 50


def test_no_force_goes_over_rights_and_others_need_none() -> None:
    one = owner()
    say(one, Issue, 10)
    assert hold(one, 1, 20, force="the demo").outcome is Outcome.NO_RIGHTS
    assert hold(one, 2, 20, who="carol").outcome is Outcome.HELD


def test_rights_are_asked_for_last_so_none_are_fetched_for_what_has_no_room() -> None:
    one = owner()
    say(one, Issue, 10)
    assert hold(one, 1, 101).outcome is Outcome.NO_ROOM


def test_a_policy_wants_rights_before_anybody_has_heard_of_a_quota() -> None:
    alice = Principal("alice", peers=("",), rights=("ram",), key=key_of("x" * 20))
    one = owner(limits=Limits(policy=Policy({"alice": alice})))
    assert hold(one, 1, 1).outcome is Outcome.NO_RIGHTS


def test_who_has_rights_elsewhere_needs_them_here() -> None:
    one = owner()
    assert hold(one, 1, 10).outcome is Outcome.HELD
    gave(one, 20)
    assert spare(one) == 10
    assert hold(one, 2, 11).outcome is Outcome.NO_RIGHTS


# Moving ----------------------------------------------------------------------------------------


def test_what_is_said_twice_counts_once() -> None:
    one = owner()
    for _ in range(2):
        assert say(one, Issue, 50).outcome is Outcome.ISSUED
        gave(one, 20)
    assert spare(one) == 70
    for _ in range(2):
        assert say(one, Give, BOB.id, 30, who=BOB).outcome is Outcome.GIVEN
    assert spare(one) == 40
    height = one.ledger.books.height
    gave(one, 20)
    took(one, 30)
    assert one.ledger.books.height == height


def test_as_much_as_is_spare_is_given_or_with_whole_nothing() -> None:
    one = owner()
    say(one, Issue, 50)
    hold(one, 1, 30)
    assert say(one, Give, BOB.id, 25, who=BOB, whole=True).outcome is Outcome.NO_RIGHTS
    assert say(one, Give, BOB.id, 25, who=BOB).outcome is Outcome.GIVEN
    assert one.ledger.books.rights["alice", "ram", Side.GIVEN, BOB.id] == 20  # type: ignore[index]  # rows are tuples
    assert say(one, Give, BOB.id, 30, who=BOB).outcome is Outcome.NO_RIGHTS


def test_only_the_node_itself_issues_and_only_the_taker_or_it_moves() -> None:
    one = owner()
    assert say(one, Issue, 50, who=BOB).outcome is Outcome.NOT_HOLDER
    say(one, Issue, 50)
    assert say(one, Withdraw, 10, who=BOB).outcome is Outcome.NOT_HOLDER
    assert say(one, Give, BOB.id, 10, who=ALICE).outcome is Outcome.NOT_HOLDER
    assert say(one, Give, BOB.id, 10).outcome is Outcome.GIVEN
    assert say(one, Give, OWNER.id, 10).outcome is Outcome.WRONG_STEP


def test_no_more_is_withdrawn_than_was_issued_here_and_lies_here() -> None:
    one = owner()
    gave(one, 40)
    assert say(one, Withdraw, 10).outcome is Outcome.MORE_THAN_HELD
    say(one, Issue, 20)
    hold(one, 1, 50)
    assert say(one, Withdraw, 11).outcome is Outcome.NO_RIGHTS
    assert say(one, Withdraw, 10).outcome is Outcome.WITHDRAWN
    assert (spare(one), one.ledger.books.issued("alice", "ram")) == (0, 10)


@pytest.mark.parametrize(
    ("words", "outcome"),
    [
        (("", "ram", 1), Outcome.MALFORMED),
        (("a" * 121, "ram", 1), Outcome.MALFORMED),
        (("a\nb", "ram", 1), Outcome.MALFORMED),
        (("alice", "memory", 1), Outcome.NOT_A_POOL),
        (("alice", "gpu:GPU-1", 1), Outcome.NOT_A_POOL),
        (("alice", "ram", 0), Outcome.BAD_AMOUNT),
        (("alice", "ram", 2**63), Outcome.BAD_AMOUNT),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(
    words: tuple[str, str, int], outcome: Outcome
) -> None:
    one = owner()
    assert one.ask(Issue(hold_id(9), one.session, *words), OWNER).outcome is outcome


# Losing ----------------------------------------------------------------------------------------


def test_after_a_doubtful_start_nothing_is_spent_given_or_taken_until_all_have_spoken() -> None:
    one = owner()
    say(one, Issue, 50)
    again = through_quarantine(one.restart(UNPROVEN))
    escrow = again.ledger.later.escrow
    escrow.silent = lambda _: 1
    assert hold(again, 1, 10).outcome is Outcome.RIGHTS_CLOSED
    assert say(again, Give, BOB.id, 10, who=BOB).outcome is Outcome.RIGHTS_CLOSED
    gave(again, 10)
    assert spare(again) == 50
    escrow.silent = lambda _: 0
    again.tell(seen())
    assert hold(again, 2, 10).outcome is Outcome.HELD


def test_a_start_that_lost_nothing_spends_on() -> None:
    one = owner()
    say(one, Issue, 50)
    again = one.restart(PROVEN)
    again.see()
    assert hold(again, 1, 10).outcome is Outcome.HELD


def test_who_is_alone_after_a_doubtful_start_waits_for_a_persons_word() -> None:
    one = owner(None)
    say(one, Issue, 50)
    again = through_quarantine(one.restart(UNPROVEN))
    assert hold(again, 1, 10).outcome is Outcome.RIGHTS_CLOSED
    again.tell(RightsWord("nobody else was ever here"))
    assert hold(again, 2, 10).outcome is Outcome.HELD


def test_what_a_copy_of_our_log_shows_is_said_again_and_what_was_taken_of_us_too() -> None:
    one = owner()
    say(one, Issue, 50)
    before = replace(one.disk, chain=list(one.disk.chain))
    say(one, Give, BOB.id, 30, who=BOB)
    gave(one, 5, ALICE)
    lost = one.disk.chain[len(before.chain) :]
    again = one.restart(UNPROVEN, disk=before)
    again.show(*lost)
    through_quarantine(again)
    again.ledger.later.escrow.silent = lambda _: 0
    took(again, 30)
    assert spare(again) == 25
    took(again, 60)  # of a part of our log that nobody has
    assert spare(again) == -5
    assert hold(again, 1, 1).outcome is Outcome.NO_RIGHTS
    gave(again, 5, ALICE)
    assert spare(again) == -5, "credited once, though its disk forgot that it was"


def test_nothing_is_taken_of_who_is_gone_for_good_and_what_was_lost_is_written_off() -> None:
    one = owner()
    say(one, Issue, 50)
    say(one, Give, BOB.id, 30, who=BOB)
    assert say(one, WriteOff, BOB.id, 30, "it burnt").outcome is Outcome.WRONG_STEP
    one.tell(RightsTold(ALICE.id, SOMEWHERE, gone=(BOB.id,)))
    assert barred(BOB.id) in one.ledger.books.rights
    gave(one, 10, BOB)
    assert say(one, Give, BOB.id, 40, who=BOB).outcome is Outcome.WRONG_STEP
    assert say(one, WriteOff, BOB.id, 51, "it burnt").outcome is Outcome.MORE_THAN_HELD
    assert say(one, WriteOff, BOB.id, 30, "it burnt").outcome is Outcome.WITHDRAWN
    assert (spare(one), one.ledger.books.issued("alice", "ram")) == (20, 20)


# Logs ------------------------------------------------------------------------------------------


def test_every_replica_refuses_a_log_that_spends_what_it_does_not_have() -> None:
    books = Books()

    def write(entry: Any) -> Refusal | None:
        return books.write(entry, ERA, Token(ERA.counter, 0, 0))

    write(opening())
    given: RightsEntry = RightsGiven("alice", "ram", BOB.id, 5)
    assert write(RightsIssued("alice", "ram", 10)) is None
    assert write(given) is Refusal.RIGHTS_CLOSED
    assert write(RightsOpened(False, "")) is None
    assert write(RightsIssued("alice", "ram", 10)) is Refusal.NOT_ALLOWED
    assert write(RightsIssued("alice", "memory", 10)) is Refusal.UNKNOWN_POOL
    assert write(RightsGiven("alice", "ram", BOB.id, 11)) is Refusal.OVER_RIGHTS
    assert write(given) is None
    assert write(RightsWithdrawn("alice", "ram", 6)) is Refusal.OVER_RIGHTS
    assert write(RightsBarred(BOB.id)) is None
    taken = RightsTaken("alice", "ram", BOB.id, 5, SOMEWHERE)
    assert write(taken) is Refusal.NOT_ALLOWED
    assert write(held(1, 6)) in (Refusal.UNKNOWN_POOL, Refusal.OVER_RIGHTS)
    assert books.spare("alice", "ram") == 5


def test_a_checkpoint_carries_rights_and_a_state_without_any_is_as_it_always_was() -> None:
    one = owner(limits=Limits(checkpoint_entries=8, ended_kept=4))
    plain = encode_state(one.ledger.books.state())
    assert decode_state(plain).rights is None
    assert plain[0] == 0x9C, "an array of twelve"
    say(one, Issue, 50)
    for number in range(1, 9):
        hold(one, number, 1)
        one.void(number, OWNER)
    assert one.ledger.books.milestones
    revived = Books.revived(decode_state(one.ledger.books.milestones[-1].state))
    assert (revived.spare("alice", "ram"), revived.rights_open) == (50, True)
    assert verify_chain(one.disk.chain).ok
