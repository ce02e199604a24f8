"""An invite is worth one joining, for a while, in this boot."""

from random import Random

import msgspec
import pytest

from mesh.effects import Address, Answer
from mesh.identity import NodeId
from mesh.instant import MINUTE, SECOND
from mesh.keys.invite import parse_invite
from mesh.keys.keyring import Keyring
from mesh.keys.secret import Secret
from mesh.persistence import SPACE_INVITE, Persist
from node.core.requests import Refused
from node.core.trust.inviting import INVITES_MAX, WRONG_TOKENS_PER_MINUTE_MAX, Inviting, JoinAnswer

RING = Keyring.of(Secret(bytes(32)))
ANN = NodeId(b"a" * 16)
AT = (Address("10.0.0.1", 4653),)


def inviting(boot: str | None = "this boot") -> Inviting:
    return Inviting(bytes(8), boot, Random(1))


def issued(desk: Inviting, ttl: int = MINUTE) -> tuple[bytes, Persist]:
    text, (row,) = desk.issue(ANN, AT, ttl, now=0)
    return parse_invite(text).token, row


def said(effects: list[Persist | Answer]) -> JoinAnswer:
    answer = effects[-1]
    assert isinstance(answer, Answer)
    return msgspec.json.decode(answer.body, type=JoinAnswer)


def test_a_token_buys_the_secret_once_and_its_use_is_on_disk_first() -> None:
    desk = inviting()
    token, _ = issued(desk)
    used, answer = desk.redeem(1, token, RING, now=1)
    assert isinstance(used, Persist)
    assert used.writes[0].value is None
    assert said([answer]) == JoinAnswer(RING.secrets[0].text, None)
    again = desk.redeem(2, token, RING, now=2)
    assert said(again).secret is None
    assert "used already" in str(said(again).refused)


def test_the_token_itself_is_not_kept() -> None:
    token, row = issued(inviting())
    assert token not in row.writes[0].key
    assert row.writes[0].value is not None
    assert token not in row.writes[0].value


def test_an_invite_that_came_too_late_is_told_so() -> None:
    desk = inviting()
    token, _ = issued(desk, SECOND)
    assert "expired" in str(said(desk.redeem(1, token, RING, now=SECOND)).refused)
    (row,) = desk.wake(SECOND)
    assert row.writes[0].value is None
    assert desk.next_wake is None


@pytest.mark.parametrize(("boot", "good"), [("this boot", True), ("another", False), (None, False)])
def test_after_a_restart_it_is_good_only_in_the_same_boot(boot: str | None, good: bool) -> None:
    token, row = issued(inviting())
    saved = {SPACE_INVITE: {w.key: w.value for w in row.writes if w.value is not None}}
    desk = inviting(boot)
    assert (desk.restore(saved, now=1) == []) is good
    assert (said(desk.redeem(1, token, RING, now=2)).secret == RING.secrets[0].text) is good


def test_an_invite_for_several_is_good_for_so_many_and_its_uses_outlive_a_restart() -> None:
    desk = inviting()
    text, (row,) = desk.issue(ANN, AT, MINUTE, now=0, uses=3)
    token = parse_invite(text).token
    first = desk.redeem(1, token, RING, now=1)
    assert isinstance(first[0], Persist)
    saved = {SPACE_INVITE: {w.key: w.value for w in first[0].writes if w.value is not None}}
    assert saved[SPACE_INVITE].keys() == {w.key for w in row.writes}
    again = inviting()
    assert again.restore(saved, now=2) == []
    told = [said(again.redeem(2, token, RING, now=3)) for _ in range(3)]
    assert [each.secret for each in told] == [RING.secrets[0].text] * 2 + [None]


def test_whoever_brings_a_token_that_is_over_is_told_why_and_not_counted_as_guessing() -> None:
    desk = inviting()
    used, _ = issued(desk)
    late, _ = issued(desk)
    desk.redeem(1, used, RING, now=1)
    desk.wake(2 * MINUTE)
    for _ in range(2 * WRONG_TOKENS_PER_MINUTE_MAX):
        assert "was used already" in str(said(desk.redeem(1, used, RING, now=2 * MINUTE)).refused)
        assert "has expired" in str(said(desk.redeem(1, late, RING, now=2 * MINUTE)).refused)
    assert "not known" in str(said(desk.redeem(1, b"x", RING, now=2 * MINUTE)).refused)


def test_no_more_than_so_many_are_out_at_a_time() -> None:
    desk = inviting()
    for _ in range(INVITES_MAX):
        issued(desk)
    with pytest.raises(Refused):
        issued(desk)


def test_who_tries_many_wrong_tokens_is_told_to_wait_and_a_right_one_still_works() -> None:
    desk = inviting()
    token, _ = issued(desk)
    for number in range(WRONG_TOKENS_PER_MINUTE_MAX):
        assert "not known" in str(said(desk.redeem(1, bytes([number]), RING, now=number)).refused)
    assert "too many" in str(said(desk.redeem(1, b"x", RING, now=SECOND)).refused)
    assert said(desk.redeem(1, token, RING, now=SECOND)).secret == RING.secrets[0].text
