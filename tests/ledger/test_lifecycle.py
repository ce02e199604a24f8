"""What a hold may become: every pair of the table, allowed or not."""

import pytest

from ledger.lifecycle import TABLE, HoldState, Step, after

ALLOWED = {
    ("absent", "hold"): "pending",
    ("absent", "adopt pending"): "pending",
    ("absent", "adopt posted"): "posted",
    ("absent", "supersede"): "superseded",
    ("absent", "break"): "broken",
    ("pending", "post"): "posted",
    ("pending", "void"): "voided",
    ("pending", "expire"): "expired",
    ("absent", "transfer"): "posted",
    ("pending", "owe"): "pending",
    ("posted", "extend"): "posted",
    ("posted", "shrink"): "posted",
    ("posted", "carve"): "posted",
    ("posted", "release"): "released",
    ("posted", "reclaim"): "reclaimed",
    ("absent", "pencil in"): "pencilled",
    ("absent", "adopt planned"): "planned",
    ("pencilled", "post"): "planned",
    ("pencilled", "void"): "voided",
    ("pencilled", "expire"): "expired",
    ("planned", "start"): "posted",
    ("planned", "void"): "voided",
    ("planned", "expire"): "expired",
    ("pending", "enlist"): "pending",
    ("posted", "enlist"): "posted",
    ("posted", "park"): "posted",
    ("posted", "settle"): "posted",
    ("posted", "disband"): "disbanded",
    ("pencilled", "enlist"): "pencilled",
    ("planned", "enlist"): "planned",
    ("planned", "settle"): "planned",
    ("planned", "disband"): "disbanded",
}


@pytest.mark.parametrize("step", list(Step))
@pytest.mark.parametrize("state", list(HoldState))
def test_a_hold_goes_only_where_the_table_says(state: HoldState, step: Step) -> None:
    expected = ALLOWED.get((state.value, step.value))
    became = after(state, step)
    assert (became.value if became else None) == expected


def test_nothing_leaves_an_end() -> None:
    ends = {state for state in TABLE.values() if not (state.live or state.ahead)}
    assert not [pair for pair in TABLE if pair[0] in ends]


def test_every_end_but_those_of_lost_holds_is_reached_from_a_live_state() -> None:
    late = {HoldState.SUPERSEDED, HoldState.BROKEN}
    for (before, _), became in TABLE.items():
        if not (became.live or became.ahead or became in late):
            assert before.live or before.ahead
