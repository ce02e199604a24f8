"""What a person may ask about a silent peer: its last beacon, its last answer."""

from mesh.identity import NodeId
from mesh.instant import MILLISECOND, SECOND
from mesh.sightings import SIGHTINGS_MAX, Sightings
from tests.mesh.network import Network

ANN, BOB = NodeId(b"a" * 16), NodeId(b"b" * 16)


def test_what_was_never_seen_is_unknown() -> None:
    seen = Sightings()
    assert seen.last_beacon(ANN) is None
    assert seen.round_trip(ANN) is None


def test_the_newest_beacon_counts() -> None:
    seen = Sightings()
    seen.beacon(ANN, 1)
    seen.beacon(ANN, 5)
    seen.beacon(BOB, 3)
    assert seen.last_beacon(ANN) == 5


def test_only_the_answer_to_the_newest_ping_of_that_node_tells_its_round_trip() -> None:
    seen = Sightings()
    seen.pinged(ANN, 1, 100)
    seen.pinged(ANN, 2, 200)
    seen.answered(ANN, 1, 250)
    seen.answered(BOB, 2, 250)
    assert seen.round_trip(ANN) is None
    seen.answered(ANN, 2, 260)
    seen.answered(ANN, 2, 900)
    assert seen.round_trip(ANN) == 60


def test_sightings_are_bounded() -> None:
    seen = Sightings()
    for number in range(SIGHTINGS_MAX + 1):
        seen.beacon(NodeId(number.to_bytes(16, "big")), number)
    assert seen.last_beacon(NodeId(bytes(16))) is None
    assert seen.last_beacon(NodeId(SIGHTINGS_MAX.to_bytes(16, "big"))) == SIGHTINGS_MAX


def test_a_mesh_sees_the_beacons_and_the_round_trips_of_its_members() -> None:
    network = Network(delay=2 * MILLISECOND)
    anna, bert = network.start("anna", "bert")
    network.run(5 * SECOND)
    assert anna.mesh.has_session(bert.id)
    assert anna.mesh.sightings.last_beacon(bert.id) is not None
    assert anna.mesh.sightings.round_trip(bert.id) == 4 * MILLISECOND
    assert anna.mesh.sightings.last_beacon(anna.id) is None


def test_a_node_that_nobody_knows_shares_no_session() -> None:
    network = Network()
    (anna,) = network.start("anna")
    assert not anna.mesh.has_session(BOB)
