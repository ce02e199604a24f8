"""People: what they ask for, and the discipline that they keep."""

from collections.abc import Sequence
from random import Random

import msgspec
import pytest

from ledger.commands import (
    Answer,
    Command,
    GrantKind,
    Hold,
    Leg,
    Outcome,
    Post,
    Release,
    Renew,
    decode_command,
    decode_signed,
)
from ledger.leases import holder_span
from ledger.limits import PENDING_TTL
from mesh.instant import SECOND, Instant, seconds
from node.core.effects import Reply
from node.core.errands import SERVICE_LEDGER
from simulations.invented.host import Host
from simulations.invented.observing import Observer
from simulations.invented.world import World
from simulations.people.crowd import Crowd
from simulations.people.diary import Diary
from simulations.people.resending import Resend, again
from simulations.people.tastes import Tastes

LONG = 60 * SECOND


class Overhearing(Observer):
    """Every command that arrives, and every answer that leaves."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.commands: list[tuple[Instant, str, Command]] = []

    def served(self, host: Host, caller: Host, service: str, body: bytes) -> None:
        if service == SERVICE_LEDGER:
            command = decode_command(decode_signed(body).body)
            self.commands.append((self.world.now, caller.name, command))


def mesh(seed: int = 1, operations: float = 8.0, names: Sequence[str] = "abc") -> World:
    world = World(seed)
    world.look_every = 5 * SECOND
    for name in names:
        world.add(name)
        world.start(name, first=True)
    world.run(3 * SECOND)
    return world


def lived(world: World, operations: float = 8.0) -> Crowd:
    crowd = Crowd(world, operations)
    world.observe(crowd)
    crowd.begin(world.now + LONG)
    world.run(LONG)
    return crowd


def test_people_do_about_as_much_as_they_are_told_to() -> None:
    crowd = lived(mesh(), operations=8.0)
    per_second = crowd.diary.answered / (LONG / SECOND)
    assert 8.0 / 2 < per_second < 8.0 * 2


def test_most_of_what_people_ask_for_changes_a_book() -> None:
    diary = lived(mesh()).diary
    assert diary.changed / diary.answered > 0.6
    granted = {kind for kind, _, end in (row.partition(": ") for row in diary.kinds) if end}
    assert {"reserve", "hold", "post", "release", "renew"} <= granted


def test_when_people_stop_everybody_who_waits_is_answered_and_the_rest_go_home() -> None:
    world = mesh()
    crowd = lived(world)
    crowd.stop()
    asked = crowd.diary.answered
    world.run(LONG)
    assert crowd.waiting == 0
    assert crowd.diary.answered < asked + 40


def test_the_same_seed_is_the_same_people() -> None:
    first, second = (lived(mesh(seed=3)).diary for _ in range(2))
    assert first.kinds == second.kinds
    assert lived(mesh(seed=4)).diary.kinds != first.kinds


def test_nobody_confirms_or_renews_what_is_no_longer_believed_in() -> None:
    world = mesh(seed=2)
    heard = Overhearing(world)
    world.observe(heard)
    crowd = Crowd(world, 20.0)
    world.observe(crowd)
    crowd.begin(world.now + LONG)
    world.run(10 * SECOND)
    cut = world.network.cut(["a"], ["b"])
    world.run(40 * SECOND)
    world.network.mend(cut)
    world.run(LONG)
    held: dict[bytes, Instant] = {}
    posted: dict[bytes, Instant] = {}
    for at, _, command in heard.commands:
        match command:
            case Hold(kind=GrantKind.CARRIED):
                held.setdefault(command.id, at)
            case Post() if command.id in held:
                assert at - held[command.id] < holder_span(PENDING_TTL) + SECOND
                posted.setdefault(command.id, at)
            case Renew():
                assert command.id in posted
            case _:
                pass
    assert posted


def test_a_carrier_dies_with_its_host_and_a_person_does_not() -> None:
    world = mesh(names="ab")
    heard = Overhearing(world)
    world.observe(heard)
    crowd = Crowd(world, 12.0)
    world.observe(crowd)
    crowd.begin(world.now + 20 * SECOND)
    world.run(20 * SECOND)
    before = len(heard.commands)
    mine = {c.id for _, who, c in heard.commands if who == "a" and isinstance(c, Renew | Post)}
    assert mine
    world.crash("a")
    world.start("a")
    world.run(LONG)
    later = [c for _, who, c in heard.commands[before:] if who == "a"]
    assert not [c for c in later if isinstance(c, Renew)]
    assert [c for c in later if isinstance(c, Release)], "somebody remembered what they had"


# Sending again -----------------------------------------------------------------------------------

HOLD = Hold(b"h" * 16, b"1" * 16, (Leg("ram", 7),), GrantKind.CARRIED, SECOND, "", "")
LATER = Post(b"h" * 16, b"2" * 16)


def test_the_same_again_is_word_for_word() -> None:
    assert again([("b", HOLD)], Resend.SAME, Random(1)) == ("b", HOLD)
    assert again([], Resend.SAME, Random(1)) is None


def test_another_body_has_the_same_id() -> None:
    found = again([("b", HOLD), ("b", LATER)], Resend.OTHER_BODY, Random(1))
    assert found is not None
    other = found[1]
    assert isinstance(other, Hold)
    assert other.id == HOLD.id
    assert other.legs != HOLD.legs
    assert again([("b", LATER)], Resend.OTHER_BODY, Random(1)) is None


def test_only_what_was_said_before_a_restart_is_stale() -> None:
    assert again([("b", HOLD), ("b", LATER)], Resend.STALE_SESSION, Random(1)) == ("b", HOLD)
    assert again([("b", HOLD)], Resend.STALE_SESSION, Random(1)) is None
    unmet = msgspec.structs.replace(HOLD, session=bytes(16))
    assert again([("b", unmet), ("b", LATER)], Resend.STALE_SESSION, Random(1)) is None


# The diary ---------------------------------------------------------------------------------------


def reply(code: str | None) -> Reply:
    return Reply(1, code is None, {} if code is None else {"code": code})


@pytest.mark.parametrize(
    ("code", "ending"),
    [
        (None, "granted"),
        ("refused", "refused"),
        ("not_possible", "refused"),
        ("unknown", "unknown"),
    ],
)
def test_a_call_ends_in_one_of_three_ways(code: str | None, ending: str) -> None:
    diary = Diary()
    diary.replied("reserve", reply(code))
    assert diary.endings == {ending: 1}
    assert diary.changed == (ending == "granted")


def test_what_nobody_heard_is_no_answer() -> None:
    diary = Diary()
    diary.replied("reserve", None)
    assert diary.answered == 0
    assert diary.unheard == 1


def test_a_renewal_and_a_repetition_change_no_book() -> None:
    diary = Diary()
    diary.told("renew", Answer(Outcome.RENEWED, b"", b""))
    diary.told("release", Answer(Outcome.RELEASED, b"", b""), again=True)
    diary.told("release", Answer(Outcome.TOO_LATE, b"", b""))
    diary.told("hold", None)
    assert diary.endings == {"granted": 2, "refused": 1, "unknown": 1}
    assert diary.changed == 0


def test_people_want_little_mostly_and_now_and_then_what_cannot_be() -> None:
    tastes = Tastes(Random(1), ("a", "b"), cards=True)
    amounts = [tastes.amount() for _ in range(2000)]
    assert {0, 1, 2**62} <= set(amounts)
    assert sum(amount < 1 << 29 for amount in amounts) > 1600
    documents = [tastes.document() for _ in range(2000)]
    assert any("gpus" in document for document in documents)
    assert any(document.get("node") == "nobody" for document in documents)
    assert all(seconds(0) < tastes.stay() for _ in range(100))
