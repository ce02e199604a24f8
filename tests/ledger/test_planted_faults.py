"""Each rule broken once, on purpose: the tests must notice, or they test nothing."""

from collections.abc import Callable
from typing import Any

import pytest

from ledger import desk, granting, machine, recovery, visits
from ledger.accounts import Role
from ledger.books import Books
from ledger.books.postings import step_postings
from ledger.commands import Answer, Leg, Outcome, SignedCommand, decode_command
from ledger.desk import Desk, answers
from ledger.desk.answers import Counter, Draft
from ledger.desk.endings import Ending, Endings
from ledger.effects import Fence, Reply
from ledger.granting import capacity, changing, guests
from ledger.leases import Deadlines
from ledger.lifecycle import Step
from ledger.proving.tally import AuditError
from ledger.recovery import quarantine, reopening
from ledger.visits import visiting
from ledger.visits.checking import checked
from mesh.logs import Era
from tests.ledger import (
    test_changes,
    test_gathering,
    test_machine,
    test_outcomes,
    test_policy,
    test_recovery,
)
from tests.ledger.lives import live_through
from tests.ledger.owner import ALICE, opened, reading

SEEDS = 40
Patch = Callable[[pytest.MonkeyPatch], None]
Test = Callable[[], Any]


def lives() -> None:
    for seed in range(SEEDS):
        live_through(seed)


def for_every_step(bent: Any) -> Patch:
    def patch_both(patch: pytest.MonkeyPatch) -> None:
        patch.setattr("ledger.books.step_postings", bent)
        patch.setattr("ledger.books.changes.step_postings", bent)

    return patch_both


def without(step: Step) -> Patch:
    """Postings of one step are forgotten."""

    def bent(asked: Step, *rest: Any) -> Any:
        return () if asked is step else step_postings(asked, *rest)

    return for_every_step(bent)


def double(step: Step) -> Patch:
    def bent(asked: Step, *rest: Any) -> Any:
        return step_postings(asked, *rest) * (2 if asked is step else 1)

    return for_every_step(bent)


def first_leg_only(patch: pytest.MonkeyPatch) -> None:
    def bent(asked: Step, legs: Any, tenant: str) -> Any:
        kept = legs[:1] if asked is Step.VOID else legs
        return step_postings(asked, kept, tenant)

    for_every_step(bent)(patch)


def two_legs_come_back() -> None:
    test_outcomes.test_all_legs_or_none()
    owner = opened(reading("ram"), reading("cpu"))
    legs = (Leg("ram", 5), Leg("cpu", 5))
    owner.hold(1, legs=legs)
    owner.void(1)


def speak_at_once(self: Counter, draft: Draft) -> list[Reply]:
    return [Reply(draft.asker, Answer(draft.outcome, draft.hold, self.session))]


def release_at_once(self: Desk, hold: bytes, why: Any, by: bytes, now: int) -> Any:
    self.deadlines.drop(hold)
    self.endings.begin(Ending(hold, why, by), now)
    return [Fence(hold), *self.fenced(hold, gone=True)]


def blind_to_sessions(patch: pytest.MonkeyPatch) -> None:
    def bent(signed: SignedCommand, *rest: Any) -> Any:
        answer = checked(signed, *rest)
        wrong = isinstance(answer, Answer) and answer.outcome is Outcome.WRONG_SESSION
        return decode_command(signed.body) if wrong else answer

    patch.setattr(machine, "checked", bent)


def without_pending(books: Books, principal: str, kind: str) -> int:
    accounts = [one for one in books.accounts if one.role is Role.LEASE and one.tenant == principal]
    return sum(books.accounts[one].balance for one in accounts if one.pool.startswith(kind))


def set_to(target: Any, name: str, value: Any) -> Patch:
    return lambda patch: patch.setattr(target, name, value)


FAULTS: dict[str, tuple[Patch, Test]] = {
    "a void counts twice": (double(Step.VOID), lives),
    "a void forgets a leg": (first_leg_only, two_legs_come_back),
    "pending holds take no room": (without(Step.HOLD), lives),
    "released room never returns": (without(Step.RELEASE), lives),
    "reclaimed room returns twice": (double(Step.RECLAIM), lives),
    "the owner expires early": (set_to(desk, "owner_span", lambda term: term * 9 // 10), lives),
    "nothing ever lapses": (set_to(Deadlines, "due", lambda *_: []), lives),
    "an answer does not wait for its block": (set_to(Counter, "say", speak_at_once), lives),
    "renewed while ending": (
        # Holders that keep their discipline never ask too late, so no life can show this one.
        set_to(Endings, "__contains__", lambda *_: False),
        test_machine.test_nothing_revives_a_grant_whose_end_has_begun,
    ),
    "room returns before the work is gone": (set_to(Desk, "end", release_at_once), lives),
    "no quarantine": (
        set_to(quarantine, "QUARANTINE", 0),
        test_recovery.test_an_unproven_start_writes_nothing_until_its_quarantine_is_over,
    ),
    "a quarantine that is too short": (set_to(quarantine, "QUARANTINE", 10**9), lives),
    "bookings in copies are overlooked": (
        set_to(reopening, "lost_bookings", lambda *_: []),
        test_gathering.test_what_turned_up_is_filed_once,
    ),
    "peers' copies are ignored": (set_to(recovery.Gathered, "add", lambda *_: []), lives),
    "resumed leases are not taken back": (
        set_to(reopening, "lost_claims", lambda *_: []),
        test_recovery.test_a_lease_in_a_lost_tail_is_adopted_from_its_receipts,
    ),
    "bookings start from nothing after a restart": (
        set_to(reopening, "rearmed", lambda *_: 0),
        lives,
    ),
    "refusals are forgotten": (set_to(answers.Refusals, "get", lambda *_: None), lives),
    "another body passes for the same request": (
        set_to(visits, "request_digest", lambda *_: bytes(32)),
        test_outcomes.test_the_same_id_with_another_body_is_a_conflict,
    ),
    "anyone may act on a hold": (
        set_to(visiting, "id_of", lambda _: ALICE.id),
        test_outcomes.test_only_the_holder_posts_and_renews,
    ),
    "the session is not looked at": (
        blind_to_sessions,
        test_outcomes.test_nothing_from_before_a_restart_is_taken_for_new,
    ),
    "foreign use is not seen": (
        set_to(granting, "room_now", lambda books, one: books.free(one.pool) if one else None),
        test_outcomes.test_foreign_use_makes_no_room_though_the_books_have_it,
    ),
    "unknown room counts as free": (
        set_to(granting, "room_now", lambda *_: 10**9),
        test_outcomes.test_room_that_cannot_be_read_is_unknown_and_not_zero,
    ),
    "a shrunken pool stays open": (
        set_to(capacity, "_towards", lambda books, pool, target: ([], target)),
        test_machine.test_more_memory_is_provisioned_and_less_is_retired_as_far_as_it_is_free,
    ),
    "a pool that is not open is granted on": (
        set_to(granting, "_pool_not_open", lambda *_: None),
        test_outcomes.test_a_pool_whose_size_is_unknown_admits_nothing,
    ),
    "the book limit is not kept": (
        set_to(Books, "fits", lambda *_: True),
        test_gathering.test_a_booking_that_turns_up_too_late_to_fit_is_superseded_or_broken_and_told,
    ),
    "an extension is not counted": (
        set_to(Desk, "lengthen", lambda *_: []),
        test_changes.test_an_extended_booking_lasts_for_its_new_term_counted_from_its_beginning,
    ),
    "an extension goes on for ever": (
        set_to(changing, "_longest", lambda *_: 2**62),
        test_changes.test_what_is_no_extension_is_refused_with_a_name,
    ),
    "a child may exceed its parent": (
        set_to(changing, "within", lambda *_: True),
        test_changes.test_a_child_never_exceeds_or_outlives_its_parent,
    ),
    "a child may outlive its parent": (
        set_to(visits, "holder_span", lambda _: 2**62),
        test_changes.test_a_child_never_exceeds_or_outlives_its_parent,
    ),
    "a shrunken lease comes back as large as it was": (
        set_to(reopening, "least", lambda whole, _: whole),
        test_changes.test_what_was_changed_in_a_part_of_the_log_that_is_cut_off_holds,
    ),
    "a quota leaves out what is pending": (
        set_to(Books, "held", without_pending),
        test_policy.test_a_quota_counts_all_pools_of_a_kind_and_what_is_only_pending,
    ),
    "a token is not asked for": (
        set_to(guests, "_speaks_for", lambda *_: True),
        test_policy.test_a_principal_is_who_shows_its_token_and_nobody_else,
    ),
    "an era is used twice": (
        set_to(machine, "next_era", lambda *_: Era(1, (1).to_bytes(16, "big"))),
        lives,
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_planted_fault_is_noticed(fault: str, monkeypatch: pytest.MonkeyPatch) -> None:
    plant, test = FAULTS[fault]
    if test is not lives:  # test_world.py lives them all
        test()
    plant(monkeypatch)
    with pytest.raises((AssertionError, AuditError)):
        test()
