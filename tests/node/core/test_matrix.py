"""What two nodes' words about one pair say of the ways between them."""

from msgspec.structs import replace

from mesh.instant import SECOND, seconds
from node.core import requests
from node.core.picture.evidence import Airway, Evidence
from node.core.reachability.links import Link, Telling
from node.core.reachability.matrix import Clock, Survey, Way, delivered, rows, sentences
from simulations.invented.world import World

WIFI = Evidence(airways=(Airway("wlan0", "wifi", ("192.168.1.7/24",)),))


def link(node: str, **seen: object) -> Link:
    plain = Link(id=node, name=node, liveness="alive", trust="trusted", session=True,
                 address="192.168.1.9:4653")  # fmt: skip
    return replace(plain, **seen)


def telling(node: str, *links: Link, evidence: Evidence = WIFI) -> Telling:
    return Telling(node, node, "1", "0a1b2c3d", 4653, links, evidence)


def survey(*tellings: Telling, **streams: bool) -> Survey:
    return Survey(tellings[0].id, {one.id: one for one in tellings}, streams)


def test_what_was_heard_since_the_question_arrives() -> None:
    assert delivered(link("bob", waiting_ms=9_000), link("ann", heard_ms=300)) is Way.OK
    assert delivered(link("bob", waiting_ms=9_000), link("ann", knocked_ms=300)) is Way.OK


def test_what_was_last_heard_before_the_question_is_lost() -> None:
    assert delivered(link("bob", waiting_ms=9_000), link("ann", heard_ms=9_500)) is Way.LOST
    assert delivered(link("bob", waiting_ms=9_000), link("ann")) is Way.LOST


def test_a_young_question_says_nothing_yet_and_an_unheard_end_never_does() -> None:
    assert delivered(link("bob", waiting_ms=300), link("ann", heard_ms=9_500)) is Way.UNKNOWN
    assert delivered(link("bob", waiting_ms=9_000), None) is Way.UNKNOWN


def test_an_old_word_of_one_that_owes_an_answer_proves_nothing_any_more() -> None:
    assert delivered(None, link("ann", heard_ms=300)) is Way.OK
    assert delivered(None, link("ann", heard_ms=300, waiting_ms=100)) is Way.UNKNOWN


def test_an_answer_proves_both_ways() -> None:
    assert delivered(link("bob", answered_ms=200), None) is Way.OK


def test_a_healthy_pair_has_no_sentence_and_all_its_legs() -> None:
    ann = telling("ann", link("bob", answered_ms=100, heard_ms=90, beacons={"wlan0": 2_000}))
    bob = telling("bob", link("ann", answered_ms=120, heard_ms=80, streamed_ms=5))
    found = Survey("ann", {"ann": ann, "bob": bob}, {"bob": True}, {"bob": Clock(31_536, 20)})
    there, back = rows(found)
    assert (there["from"]["name"], there["to"]["name"], there["sentence"]) == ("ann", "bob", None)
    assert (there["probe_out"], there["probe_back"], there["stream"]) == ("ok", "ok", "ok")
    assert there["interfaces"] == [
        {"name": "wlan0", "kind": "wifi", "beacon_ms": 2_000, "in_use": True},
    ]
    assert (there["clock_offset_ms"], there["clock_within_ms"]) == (31_536, 20)
    assert there["key_id"] == "0a1b2c3d"
    assert (back["clock_offset_ms"], back["stream"]) == (-31_536, "unknown")


def test_inbound_udp_is_named_with_its_interface_port_and_firewall() -> None:
    walled = replace(WIFI, firewalls=("nftables",))
    ann = telling("ann", link("bob", waiting_ms=20_000), evidence=walled)
    bob = telling("bob", link("ann", heard_ms=200, waiting_ms=20_000, beacons={"wlan0": 900}))
    expected = (
        "bob hears ann on wlan0 but ann never hears bob: UDP 4653 is blocked inbound on ann "
        "(nftables active)"
    )
    assert sentences(survey(ann, bob, bob=True)) == [expected]
    assert sentences(survey(bob, ann, ann=True)) == [expected]


def test_a_closed_stream_port_is_told_apart_from_datagrams() -> None:
    ann = telling("ann", link("bob", answered_ms=100, heard_ms=90))
    bob = telling("bob", link("ann", answered_ms=100, heard_ms=90))
    (said,) = sentences(survey(ann, bob, bob=False))
    assert said == ("bob answers ann's datagrams but no stream: TCP 4653 is blocked inbound on bob")


def test_udp_that_passes_neither_way_is_said_once_and_that_streams_pass() -> None:
    ann = telling("ann", link("bob", waiting_ms=9_000, heard_ms=30_000))
    bob = telling("bob", link("ann", waiting_ms=9_000, heard_ms=30_000))
    (said,) = sentences(survey(ann, bob, bob=True))
    assert said.startswith("no datagram passes between ann and bob, either way, though streams")


def test_beacons_of_a_node_that_never_answers_point_at_the_two_doors() -> None:
    ann = telling("ann", link("bob", waiting_ms=9_000, beacons={"wlan0": 900}, session=False))
    (said,) = sentences(survey(ann, bob=False))
    assert said.startswith("ann hears the beacons of bob on wlan0 but gets no answer")
    assert "UDP 4653 is blocked inbound on bob" in said


def test_one_that_is_heard_and_answers_nothing_does_not_hear_us() -> None:
    ann = telling("ann", link("bob", waiting_ms=9_000, heard_ms=100), link("cyd", answered_ms=9))
    cyd = telling("cyd", link("bob", answered_ms=9, heard_ms=9), link("ann", heard_ms=9))
    (said,) = sentences(survey(ann, cyd, cyd=True, bob=False))
    assert said == (
        "ann hears bob on wlan0 but bob answers nothing: what ann sends does not arrive there; "
        "bob is reachable only by helper cyd"
    )


def test_who_is_reached_only_by_a_helper_is_said_so() -> None:
    ann = telling("ann", link("bob", waiting_ms=9_000), link("cyd", answered_ms=9, heard_ms=9))
    cyd = telling("cyd", link("bob", answered_ms=9, heard_ms=9), link("ann", heard_ms=9))
    (said,) = sentences(survey(ann, cyd, cyd=True, bob=False))
    assert said == (
        "ann gets no answer from bob, which is reachable only by helper cyd: the way between ann "
        "and bob is cut"
    )


def mesh(*names: str) -> World:
    world = World(1)
    for name in names:
        world.add(name)
        world.start(name, first=True)
    world.run(5 * SECOND)
    return world


def test_in_a_living_mesh_every_pair_is_told_both_ways() -> None:
    world = mesh("ann", "bob", "cyd")
    body = world.answer("ann", requests.Doctor()).body
    pairs = [(row["from"]["name"], row["to"]["name"]) for row in body["links"]]
    assert sorted(pairs) == [(a, b) for a in ("ann", "bob", "cyd") for b in ("ann", "bob", "cyd")
                             if a != b]  # fmt: skip
    for row in body["links"]:
        assert (row["probe_out"], row["probe_back"], row["sentence"]) == ("ok", "ok", None)
    assert body["surveyed"] == {"asked": 2, "told": ["bob", "cyd"]}


def test_a_cut_pair_is_found_in_a_living_mesh_by_who_still_reaches_both() -> None:
    world = mesh("ann", "bob", "cyd")
    world.network.cut(["ann"], ["bob"])
    world.run(seconds(8))
    body = world.answer("ann", requests.Doctor()).body
    failing = [row["sentence"] for row in body["links"] if row["sentence"]]
    assert "ann gets no answer from bob, which is reachable only by helper cyd" in failing[0]


def test_a_survey_ends_though_nobody_answers() -> None:
    world = mesh("ann", "bob")
    world.crash("bob")
    before = world.now
    body = world.answer("ann", requests.Doctor()).body
    assert world.now - before <= seconds(4)
    assert body["surveyed"] == {"asked": 1, "told": []}
    world.run(seconds(20))
    body = world.answer("ann", requests.Doctor()).body
    assert [row["sentence"] for row in body["links"]] == [
        "nobody that we can ask reaches bob: it is off, or cut off"
    ]


def test_whoever_hangs_up_ends_the_survey() -> None:
    world = mesh("ann", "bob")
    world.crash("bob")
    token = world.ask("ann", requests.Doctor())
    world.hang_up("ann", token)
    world.run(seconds(10))
    agent = world.hosts["ann"].alive
    assert not agent.surveying._surveys
    assert not agent.surveying._calls
