"""The switch's memory: who is heard where, and what cuts, loss and delay do to a frame."""

from random import Random

from simulations.truth.fabric import VNET_HEADER_BYTES, Conditions, Fabric

A, B, ALL = b"\x02aaaaa", b"\x02bbbbb", b"\xff" * 6
MILLISECOND = 1_000_000


def frame(source: bytes, target: bytes) -> bytes:
    return bytes(VNET_HEADER_BYTES) + target + source + b"\x08\x00 what is said"


def fabric(conditions: Conditions | None = None) -> Fabric:
    made = Fabric(("one", "two", "three"), Random(1))
    made.conditions = conditions or Conditions()
    return made


def ways(made: Fabric, port: str, source: bytes, target: bytes) -> list[str]:
    return [one.port for one in made.take(port, frame(source, target), 0)]


def test_whoever_was_not_heard_yet_is_sought_everywhere() -> None:
    made = fabric()
    assert ways(made, "one", A, B) == ["two", "three"]
    assert ways(made, "two", B, A) == ["one"]
    assert ways(made, "one", A, B) == ["two"]
    assert ways(made, "one", A, ALL) == ["two", "three"]


def test_a_frame_is_handed_on_as_it_came() -> None:
    whole = frame(A, ALL)
    assert [one.frame for one in fabric().take("one", whole, 0)] == [whole, whole]


def test_a_one_way_cut_is_one_way() -> None:
    made = fabric(Conditions(cuts=(("one", "two"),)))
    assert ways(made, "one", A, ALL) == ["three"]
    assert ways(made, "two", B, ALL) == ["one", "three"]


def test_loss_takes_its_share_and_duplication_gives_its_own() -> None:
    lossy = fabric(Conditions(loss=0.2))
    passed = sum(len(ways(lossy, "one", A, ALL)) for _ in range(2000))
    assert 3000 < passed < 3400
    twice = fabric(Conditions(duplication=0.1))
    assert 4200 < sum(len(ways(twice, "one", A, ALL)) for _ in range(2000)) < 4600


def test_delay_is_at_least_what_was_said_and_jitter_reorders() -> None:
    made = fabric(Conditions(delay_ns=5 * MILLISECOND, jitter_ns=MILLISECOND))
    due = [made.take("one", frame(A, ALL), now)[0].due_ns - now for now in range(50)]
    assert min(due) >= 5 * MILLISECOND
    assert max(due) <= 6 * MILLISECOND
    assert due != sorted(due)


def test_a_frame_that_is_none_goes_nowhere() -> None:
    assert fabric().take("one", b"short", 0) == []
