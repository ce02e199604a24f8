"""Balanced, or cannot be built."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ledger.accounts import AccountId, Counters, Role, lease, pool_account, supply
from ledger.books.postings import Phase, Posting, credited, debited, step_postings
from ledger.commands import Leg
from ledger.lifecycle import Step


@pytest.mark.parametrize("amount", [0, -1, 2**63])
def test_a_posting_of_no_amount_cannot_be_built(amount: int) -> None:
    with pytest.raises(ValueError, match="not an amount"):
        Posting(supply("ram"), pool_account("ram"), amount, Phase.DIRECT)


def test_memory_cannot_become_cores() -> None:
    with pytest.raises(ValueError, match="become"):
        Posting(supply("ram"), pool_account("cpu"), 1, Phase.DIRECT)


def test_an_amount_cannot_move_to_where_it_is() -> None:
    with pytest.raises(ValueError, match="itself"):
        Posting(supply("ram"), supply("ram"), 1, Phase.DIRECT)


@given(st.sampled_from(Step), st.integers(1, 2**62), st.integers(1, 2**62))
def test_every_step_moves_as_much_out_as_in(step: Step, ram: int, cpu: int) -> None:
    accounts: dict[AccountId, Counters] = {}
    for posting in step_postings(step, (Leg("cpu", cpu), Leg("ram", ram)), "alice"):
        for account, side in ((posting.debit, debited), (posting.credit, credited)):
            before = accounts.get(account, Counters())
            accounts[account] = side(before, posting.amount, posting.phase)
    for pool in ("cpu", "ram"):
        counters = [value for who, value in accounts.items() if who.pool == pool]
        assert sum(one.debits_pending for one in counters) == sum(
            one.credits_pending for one in counters
        )
        assert sum(one.debits_posted for one in counters) == sum(
            one.credits_posted for one in counters
        )


def test_a_release_is_the_mirror_of_a_grant() -> None:
    (grant,) = step_postings(Step.ADOPT_POSTED, (Leg("ram", 5),), "a")
    (back,) = step_postings(Step.RELEASE, (Leg("ram", 5),), "a")
    assert (grant.debit, grant.credit) == (back.credit, back.debit)
    assert grant.credit == lease("ram", "a")
    assert grant.debit.role is Role.POOL
