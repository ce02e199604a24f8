"""Every reader of foreign bytes refuses by name what nobody should write; and faults are found."""

from collections.abc import Callable
from pathlib import Path

import pytest

from simulations.fuzz import feeding
from simulations.fuzz.feeding import feed, inputs_of
from simulations.fuzz.mutation import dice, mutant, neighbours
from simulations.fuzz.record import added, written
from simulations.fuzz.registry import all_targets, chosen
from simulations.fuzz.target import CHEAP, Shape, Target, shares

EXAMPLE = b"\x93\x01\xa3two\xc4\x0550000"


def test_every_reader_refuses_by_name_what_it_does_not_take() -> None:
    for target in all_targets():
        fed = feed(target, 40 + 8 * target.share, seed=7)
        assert fed.faults == [], fed.faults[0]
        assert fed.inputs == 40 + 8 * target.share


def test_every_example_is_taken_by_its_reader() -> None:
    # Of what a whole machine is fed, much changes nothing: told again, it is no news.
    for target in all_targets():
        if not target.name.startswith(("agent", "passphrase")):
            assert any(target.feed(example) for example in target.examples), target.name


def any_of(_data: bytes) -> bool:
    return True


def cracked(data: bytes) -> bool:
    if len(data) > 4 and data[3] != EXAMPLE[3]:
        raise KeyError(data[3])
    return True


def hungry(data: bytes) -> bool:
    return len(bytearray(1 << 24)) > 0


def forgetful(data: bytes) -> bool:
    assert data == EXAMPLE, "read back differently"
    return True


@pytest.mark.parametrize(
    ("reader", "what"),
    [(cracked, "KeyError"), (hungry, "memory"), (forgetful, "read back differently")],
)
def test_a_reader_with_a_fault_is_found_out(
    reader: Callable[[bytes], bool], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feeding, "WEIGHED_EVERY", 50)
    (fault,) = feed(Target("t", (EXAMPLE,), reader), 400, seed=1).faults
    assert what in fault.what


def test_a_slow_reader_is_found_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "SECONDS_MAX", 0.001)
    (fault,) = feed(Target("t", (EXAMPLE,), lambda _: sum(range(400_000)) > 0), 4, seed=1).faults
    assert "processor time" in fault.what


def test_what_must_hold_behind_a_reader_is_looked_at() -> None:
    def check() -> None:
        raise AssertionError("a table is out of step")

    (fault,) = feed(Target("t", (EXAMPLE,), any_of, check=check), 10, seed=1).faults
    assert "out of step" in fault.what


def test_one_seed_is_one_sequence_of_inputs() -> None:
    target = Target("t", (EXAMPLE,), lambda _: True, Shape.MSGPACK)

    def first(seed: int) -> list[bytes]:
        inputs = inputs_of(target, 600, seed)
        return [next(inputs) for _ in range(600)]

    assert first(1) == first(1)
    assert first(1) != first(2)


def test_neighbours_are_every_prefix_and_every_bit() -> None:
    near = list(neighbours(EXAMPLE))
    assert all(EXAMPLE[:length] in near for length in range(len(EXAMPLE)))
    flipped = bytearray(EXAMPLE)
    flipped[5] ^= 4
    assert bytes(flipped) in near
    assert EXAMPLE not in near


def test_structure_is_bent_from_the_inside() -> None:
    import msgpack

    roll = dice("inside")
    whole = 0
    for _ in range(400):
        data = mutant(roll, (EXAMPLE,), Shape.MSGPACK)
        try:
            whole += type(msgpack.unpackb(data)) is list
        except ValueError:
            continue
    assert whole > 100, "most are well formed and wrong"


def test_shares_add_up_and_nobody_is_left_out() -> None:
    targets = [Target("a", (b"a",), any_of, share=CHEAP), Target("b", (b"b",), any_of, share=1)]
    assert shares(targets, 1010) == {"a": 1000, "b": 10}
    assert shares(targets, 10)["b"] == 1


def test_a_target_that_nobody_knows_is_said_with_those_that_there_are() -> None:
    with pytest.raises(LookupError, match="letters"):
        chosen(["no such thing"])


def test_a_record_adds_up_its_runs(tmp_path: Path) -> None:
    path = tmp_path / "fuzz.json"
    target = Target("t", (EXAMPLE,), lambda _: True)
    for seed in (1, 2):
        path.write_text(written(added(path, seed, {"t": feed(target, 50, seed)})))
    record = added(path, 3, {"t": feed(target, 10, 3)})
    assert record["inputs"] == 110
    assert record["targets"] == {"t": 110}
    assert [run["seed"] for run in record["runs"]] == [1, 2, 3]
    assert record["faults"] == 0
