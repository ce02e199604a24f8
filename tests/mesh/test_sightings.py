"""What a person may ask about a silent peer: its last beacon, its last answer."""

from mesh.door.sightings import BEACON_SOURCES_MAX, SIGHTINGS_MAX, UNANSWERED_MIN, Sightings
from mesh.door.strangers import STRANGERS_MAX, Strangers
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, SECOND
from mesh.rejections import Rejection
from tests.mesh.network import Network

ANN, BOB = NodeId(b"a" * 16), NodeId(b"b" * 16)


def test_what_was_never_seen_is_unknown() -> None:
    seen = Sightings()
    assert seen.last_beacon(ANN) is None
    assert seen.round_trip(ANN) is None


def test_the_newest_beacon_counts() -> None:
    seen = Sightings()
    seen.beacon(ANN, "10.0.0.1", 1)
    seen.beacon(ANN, "10.0.0.1", 5)
    seen.beacon(BOB, "10.0.0.2", 3)
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
        seen.beacon(NodeId(number.to_bytes(16, "big")), "10.0.0.1", number)
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


def test_beacons_are_kept_by_where_they_came_from_and_few_of_them() -> None:
    seen = Sightings()
    for number in range(BEACON_SOURCES_MAX + 1):
        seen.beacon(ANN, f"10.0.0.{number}", number)
    seen.beacon(ANN, "10.0.0.1", 99)
    sight = seen.of(ANN)
    assert sight is not None
    assert len(sight.beacons) == BEACON_SOURCES_MAX
    assert "10.0.0.0" not in sight.beacons
    assert sight.beacons["10.0.0.1"] == 99


def test_we_wait_since_the_first_question_that_has_no_answer() -> None:
    seen = Sightings()
    seen.pinged(ANN, 1, 100)
    seen.pinged(ANN, 2, 200)
    sight = seen.of(ANN)
    assert sight is not None
    assert (sight.asked, sight.waiting) == (200, 100)
    seen.answered(ANN, 2, 210)
    assert (sight.answered, sight.waiting) == (210, None)


def test_one_lost_answer_makes_nobody_silent_and_several_do() -> None:
    seen = Sightings()
    for number in range(UNANSWERED_MIN - 1):
        seen.pinged(ANN, number, 100 + number)
    sight = seen.of(ANN)
    assert sight is not None
    assert sight.silent_since is None
    seen.greeted(ANN, 200)
    assert sight.silent_since == 100
    seen.answered(ANN, 0, 210)
    assert sight.silent_since is None


def test_a_one_way_cut_is_seen_from_both_ends() -> None:
    network = Network(delay=2 * MILLISECOND)
    anna, bert = network.start("anna", "bert")
    network.run(5 * SECOND)
    network.cut(["bert"], ["anna"], one_way=True)
    network.run(3 * SECOND)
    here, there = anna.mesh.sightings.of(bert.id), bert.mesh.sightings.of(anna.id)
    assert here is not None
    assert here.waiting is not None
    assert there is not None
    member = bert.mesh.roll.member(anna.id)
    assert member is not None
    assert member.last_heard is not None
    assert member.last_heard > here.waiting


def test_who_reached_it_for_us_is_remembered() -> None:
    network = Network(delay=2 * MILLISECOND)
    anna, bert, carl = network.start("anna", "bert", "carl")
    network.run(5 * SECOND)
    network.cut(["anna"], ["bert"])
    network.run(3 * SECOND)
    sight = anna.mesh.sightings.of(bert.id)
    assert sight is not None
    assert sight.helper is not None
    assert sight.helper[0] == carl.id


def test_strangers_are_counted_by_source_and_cause_and_few_are_kept() -> None:
    strangers = Strangers()
    strangers.refused("10.0.0.9", Rejection.UNKNOWN_KEY, 1)
    strangers.refused("10.0.0.9", Rejection.UNKNOWN_KEY, 5)
    strangers.refused("10.0.0.9", Rejection.REPLAYED, 6)
    ((host, cause, stranger),) = strangers.seen()
    assert (host, cause, stranger.count, stranger.last) == (
        "10.0.0.9", Rejection.UNKNOWN_KEY, 2, 5,
    )  # fmt: skip
    for number in range(STRANGERS_MAX):
        strangers.refused(f"10.0.1.{number}", Rejection.BAD_MAGIC, 9)
    assert len(strangers.seen()) == STRANGERS_MAX
    assert strangers.seen()[0][0] == f"10.0.1.{STRANGERS_MAX - 1}"
    assert "10.0.0.9" not in [host for host, _, _ in strangers.seen()]
