"""So many hellos a second from one source and from all, and no more after a long silence."""

from mesh.door.allowance import (
    ALL_HELLOS_BURST,
    HOST_HELLOS_BURST,
    SOURCE_HELLOS_BURST,
    SOURCE_HELLOS_PER_SECOND,
    SOURCES_MAX,
    HelloAllowance,
)
from mesh.effects import Address
from mesh.instant import HOUR, MILLISECOND, SECOND

ANN = Address("10.0.0.1", 4653)


def granted(allowance: HelloAllowance, source: Address, now: int, asked: int = 200) -> int:
    return sum(allowance.take(source, now, met=True) for _ in range(asked))


def test_a_burst_and_then_a_steady_rate() -> None:
    allowance = HelloAllowance()
    assert granted(allowance, ANN, 0) == SOURCE_HELLOS_BURST
    assert granted(allowance, ANN, SECOND) == SOURCE_HELLOS_PER_SECOND
    assert granted(allowance, ANN, SECOND + 199 * MILLISECOND) == 0
    assert granted(allowance, ANN, SECOND + 200 * MILLISECOND) == 1


def test_a_long_silence_saves_up_no_more_than_a_burst() -> None:
    allowance = HelloAllowance()
    granted(allowance, ANN, 0)
    assert granted(allowance, ANN, HOUR) == SOURCE_HELLOS_BURST


def test_one_noisy_source_leaves_the_others_their_share() -> None:
    allowance = HelloAllowance()
    granted(allowance, ANN, 0, asked=10_000)
    assert granted(allowance, Address("10.0.0.2", 1), 0) == SOURCE_HELLOS_BURST


def test_many_sources_share_what_is_everybodys() -> None:
    allowance = HelloAllowance()
    crowd = [Address(f"10.0.{n >> 8}.{n & 255}", 4653) for n in range(3000)]
    assert sum(allowance.take(source, 0, met=False) for source in crowd) == ALL_HELLOS_BURST


def test_one_address_with_many_ports_leaves_the_others_their_share() -> None:
    allowance = HelloAllowance()
    ports = [Address("10.0.0.2", port) for port in range(1, 3000)]
    assert sum(allowance.take(port, 0, met=False) for port in ports) == HOST_HELLOS_BURST
    assert granted(allowance, ANN, 0) == SOURCE_HELLOS_BURST


def test_made_up_nodes_do_not_keep_those_out_whom_we_have_met() -> None:
    allowance = HelloAllowance()
    crowd = [Address(f"10.0.{n >> 8}.{n & 255}", 4653) for n in range(3000)]
    assert sum(allowance.take(source, 0, met=False) for source in crowd) == ALL_HELLOS_BURST
    assert not allowance.take(Address("10.9.9.9", 1), 0, met=False)
    assert allowance.take(Address("10.9.9.9", 1), 0, met=True)


def test_a_clock_that_seems_to_go_back_grants_nothing_extra() -> None:
    allowance = HelloAllowance()
    granted(allowance, ANN, HOUR)
    assert granted(allowance, ANN, 0) == 0


def test_sources_are_forgotten_and_not_collected() -> None:
    allowance = HelloAllowance()
    for port in range(1, 3 * SOURCES_MAX):
        allowance.take(Address("10.0.0.2", port), 0, met=False)
    assert len(allowance._sources) == SOURCES_MAX
