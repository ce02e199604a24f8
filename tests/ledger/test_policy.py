"""Who may hold how much: quotas, rates, terms, pools, force; and who is who."""

from ledger.commands import Answer, GrantKind, Hold, Leg, Outcome, Transfer
from ledger.limits import Limits
from ledger.policy import Policy, Principal, key_of, prove
from mesh.identity import Identity, id_text
from mesh.instant import HOUR, MINUTE, SECOND
from tests.ledger.owner import ALICE, BOB, OWNER, Owner, hold_id, opened, reading
from tests.ledger.test_changes import extend

TOKEN = "a long random word"


def under(*principals: Principal) -> Owner:
    """An owner with 100 of ram and 100 on each of two cards, under a policy."""
    limits = Limits(policy=Policy({one.name: one for one in principals}))
    pools = [reading(pool) for pool in ("ram", "gpu:a", "gpu:b")]
    owner = opened(*pools, limits=limits)
    owner.peer_answered()
    return owner


def ask(
    owner: Owner,
    number: int,
    *legs: tuple[str, int],
    name: str = "",
    token: str = "",
    term: int = HOUR,
    force: str = "",
    who: Identity = ALICE,
) -> Answer:
    key = hold_id(number)
    proof = prove(key_of(token), OWNER.id, key, name) if token else b""
    wanted = tuple(Leg(*leg) for leg in legs) or (Leg("ram", 10),)
    hold = Hold(
        key, owner.session, wanted, GrantKind.BOOKING, term, name, "", proof=proof, force=force
    )
    return owner.ask(hold, who)


def bob(**rules: object) -> Principal:
    return Principal("bob", key=key_of(TOKEN), **rules)  # type: ignore[arg-type]  # passed by name


def test_without_a_policy_a_name_is_a_label() -> None:
    owner = opened()
    owner.peer_answered()
    assert ask(owner, 1, name="anybody").outcome is Outcome.HELD


def test_a_principal_is_who_shows_its_token_and_nobody_else() -> None:
    owner = under(bob())
    assert ask(owner, 1, name="bob").outcome is Outcome.NOT_PRINCIPAL
    assert ask(owner, 2, name="bob", token="another word").outcome is Outcome.NOT_PRINCIPAL
    assert ask(owner, 3, name="carol", token=TOKEN).outcome is Outcome.NOT_PRINCIPAL
    assert ask(owner, 4, name="bob", token=TOKEN).outcome is Outcome.HELD


def test_a_proof_is_good_for_one_hold_of_one_owner() -> None:
    owner = under(bob())
    stolen = prove(key_of(TOKEN), OWNER.id, hold_id(1), "bob")
    elsewhere = prove(key_of(TOKEN), BOB.id, hold_id(3), "bob")
    for number, proof in ((2, stolen), (3, elsewhere)):
        hold = Hold(
            hold_id(number), owner.session, (Leg("ram", 1),), GrantKind.BOOKING, HOUR, "bob", "",
            proof=proof,
        )  # fmt: skip
        assert owner.ask(hold).outcome is Outcome.NOT_PRINCIPAL


def test_a_peer_that_speaks_for_a_principal_needs_no_token_and_no_name() -> None:
    owner = under(Principal("team", peers=(id_text(ALICE.id)[:8],), quota={"ram": 15}))
    assert ask(owner, 1).outcome is Outcome.HELD
    assert owner.ledger.books.live[hold_id(1)].principal == "team"
    assert ask(owner, 2).outcome is Outcome.OVER_QUOTA
    assert ask(owner, 3, who=BOB).outcome is Outcome.HELD


def test_who_is_nobody_else_has_the_default_each_for_itself() -> None:
    owner = under(Principal("default", quota={"ram": 15}))
    assert ask(owner, 1).outcome is Outcome.HELD
    assert ask(owner, 2).outcome is Outcome.OVER_QUOTA
    assert ask(owner, 3, who=BOB).outcome is Outcome.HELD
    assert ask(owner, 4, name="default").outcome is Outcome.NOT_PRINCIPAL


def test_a_quota_counts_all_pools_of_a_kind_and_what_is_only_pending() -> None:
    owner = under(bob(quota={"gpu": 48}))
    assert ask(owner, 1, ("gpu:a", 40), name="bob", token=TOKEN).outcome is Outcome.HELD
    refused = ask(owner, 2, ("gpu:b", 9), name="bob", token=TOKEN)
    assert refused.outcome is Outcome.OVER_QUOTA
    assert refused.outcome.may_change_on_retry
    assert ask(owner, 3, ("gpu:b", 8), name="bob", token=TOKEN).outcome is Outcome.HELD
    assert ask(owner, 4, ("ram", 90), name="bob", token=TOKEN).outcome is Outcome.HELD
    owner.void(1)
    assert ask(owner, 5, ("gpu:a", 40), name="bob", token=TOKEN).outcome is Outcome.HELD


def test_a_refusal_says_how_much_of_how_much() -> None:
    gib = 1 << 30
    owner = under(bob(quota={"ram": 48 * gib}))
    owner.see(reading("ram", 100 * gib, 100 * gib))
    ask(owner, 1, ("ram", 40 * gib), name="bob", token=TOKEN)
    refused = ask(owner, 2, ("ram", 9 * gib), name="bob", token=TOKEN)
    assert refused.detail == "quota: bob holds 40 GiB of 48 GiB ram here"


def test_a_quota_is_right_again_after_a_restart() -> None:
    owner = under(bob(quota={"ram": 15}))
    ask(owner, 1, name="bob", token=TOKEN)
    owner.post(1)
    again = Owner(
        owner.disk, type(owner.ledger._continuity)(True, "proven"), now=owner.now, counter=2,
        limits=owner.ledger._limits,
    )  # fmt: skip
    again.see()
    again.peer_answered()
    assert ask(again, 2, name="bob", token=TOKEN).outcome is Outcome.OVER_QUOTA


def test_new_holds_come_no_faster_than_the_policy_lets() -> None:
    owner = under(bob(holds_per_minute=2))
    outcomes = [ask(owner, n, ("ram", 1), name="bob", token=TOKEN).outcome for n in (1, 2, 3)]
    assert outcomes == [Outcome.HELD, Outcome.HELD, Outcome.TOO_FAST]
    assert ask(owner, 1, ("ram", 1), name="bob", token=TOKEN).outcome is Outcome.HELD  # a retry
    owner.advance(31 * SECOND)
    assert ask(owner, 4, ("ram", 1), name="bob", token=TOKEN).outcome is Outcome.HELD
    assert ask(owner, 5, ("ram", 1), name="bob", token=TOKEN).outcome is Outcome.TOO_FAST


def test_terms_and_pools_are_those_of_the_principal() -> None:
    owner = under(bob(lease_max=HOUR, pools=("ram", "gpu:a")))
    assert ask(owner, 1, name="bob", token=TOKEN, term=HOUR + 1).outcome is Outcome.TERM_TOO_LONG
    assert ask(owner, 2, ("gpu:b", 1), name="bob", token=TOKEN).outcome is Outcome.NOT_FOR_YOU
    both = ask(owner, 3, ("ram", 1), ("gpu:a", 1), name="bob", token=TOKEN, term=30 * MINUTE)
    assert both.outcome is Outcome.HELD
    owner.post(3)
    assert extend(owner, 3, HOUR + 1).outcome is Outcome.TERM_TOO_LONG
    assert extend(owner, 3, HOUR).outcome is Outcome.EXTENDED


def test_what_is_forced_over_a_quota_is_a_debt_in_the_books() -> None:
    owner = under(bob(quota={"ram": 15}, may_force=True), Principal("carol", key=key_of("c" * 16)))
    ask(owner, 1, name="bob", token=TOKEN)
    forced = ask(owner, 2, name="bob", token=TOKEN, force="the demo at four")
    assert forced.outcome is Outcome.HELD
    live = owner.ledger.books.live[hold_id(2)]
    assert (live.owed, live.reason) == ((Leg("ram", 5),), "the demo at four")
    owner.post(2)
    assert owner.ledger.books.live[hold_id(2)].owed == (Leg("ram", 5),)
    refused = ask(owner, 3, name="carol", token="c" * 16, force="me too")
    assert refused.outcome is Outcome.MAY_NOT_FORCE


def test_force_goes_over_what_others_use_and_never_over_the_books() -> None:
    owner = opened()
    owner.peer_answered()
    owner.see(reading(free=20))
    assert ask(owner, 1, ("ram", 50), who=OWNER).outcome is Outcome.NO_ROOM
    forced = ask(owner, 2, ("ram", 50), who=OWNER, force="the index can be rebuilt")
    assert forced.outcome is Outcome.HELD
    assert owner.ledger.books.live[hold_id(2)].owed == (Leg("ram", 30),)
    assert ask(owner, 3, ("ram", 51), who=OWNER, force="more").outcome is Outcome.NO_ROOM
    assert ask(owner, 4, ("ram", 50), who=ALICE, force="mine").outcome is Outcome.MAY_NOT_FORCE


def test_a_part_does_not_leave_the_account_of_its_whole() -> None:
    owner = under(bob(quota={"ram": 50}), Principal("carol", key=key_of("c" * 16)))
    ask(owner, 1, ("ram", 40), name="bob", token=TOKEN)
    owner.post(1)

    def carve(number: int, principal: str) -> Outcome:
        legs = (Leg("ram", 10),)
        command = Transfer(
            hold_id(number), owner.session, hold_id(1), b"", legs, GrantKind.BOOKING, MINUTE,
            principal, "",
        )  # fmt: skip
        return owner.ask(command).outcome

    assert carve(2, "carol") is Outcome.NOT_PRINCIPAL
    assert carve(3, "bob") is Outcome.TRANSFERRED
    assert ask(owner, 4, ("ram", 11), name="bob", token=TOKEN).outcome is Outcome.OVER_QUOTA
