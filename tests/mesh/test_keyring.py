"""A mesh changes its secret while it talks: nobody is lost, and what was removed opens nothing."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.door.handshake import read_hello
from mesh.door.judgements import HeardBeacon
from mesh.effects import PeerChange, PeerChanged
from mesh.instant import MILLISECOND, SECOND
from mesh.keys.keyring import KEYS_MAX, RETIRED_MAX, Keyring
from mesh.keys.secret import NotASecret, Secret
from mesh.letters.datagram import read_header
from mesh.rejections import Rejection
from mesh.roll.membership import Liveness
from tests.mesh.border import RING, Road, Traveller, met, welcome_of
from tests.mesh.network import Network

NEXT = Secret(bytes(range(32, 64)))
BOTH = RING.install(NEXT)
NEW_KEY = BOTH.keys[1].key_id
OLD_KEY = RING.primary.key_id


def test_every_secret_on_the_ring_names_the_mesh_that_the_first_one_founded() -> None:
    assert [keys.mesh_id for keys in BOTH.keys] == [RING.mesh_id] * 2
    alone = BOTH.use(NEW_KEY).remove(OLD_KEY)
    assert alone.mesh_id == RING.mesh_id
    assert Secret.parse(alone.secrets[0].text).mesh_id == RING.mesh_id


def test_installing_twice_changes_nothing_and_what_was_retired_may_come_back() -> None:
    assert BOTH.install(NEXT) == BOTH
    rotated = BOTH.use(NEW_KEY).remove(OLD_KEY)
    assert rotated.retired == (OLD_KEY,)
    assert rotated.install(RING.secrets[0]).retired == ()


def test_a_keyring_survives_its_file_and_one_secret_is_written_as_it_always_was() -> None:
    for ring in (RING, BOTH, BOTH.use(NEW_KEY), BOTH.use(NEW_KEY).remove(OLD_KEY)):
        assert Keyring.parse(ring.text + "\n") == ring
    assert RING.text == RING.secrets[0].text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "retired 01020304",
        f"{RING.text}\nretired xyz",
        f"{RING.text}\n{NEXT.text}",  # of another mesh
        "\n".join([RING.text] * (KEYS_MAX + 1)),
        "\n".join([RING.text, *["retired 01020304"] * (RETIRED_MAX + 1)]),
    ],
)
def test_a_file_that_is_no_keyring_is_refused_whole(text: str) -> None:
    with pytest.raises(NotASecret):
        Keyring.parse(text)


@settings(max_examples=60)
@given(st.text(max_size=200) | st.text(max_size=80).map(lambda junk: f"{BOTH.text}\n{junk}"))
def test_no_text_breaks_the_reader_of_keyrings(text: str) -> None:
    try:
        ring = Keyring.parse(text)
    except ValueError:
        return
    assert Keyring.parse(ring.text) == ring


def test_two_who_speak_under_different_installed_secrets_understand_each_other() -> None:
    road = Road()
    ann, bob = Traveller("ann", keys=BOTH), Traveller("bob", keys=BOTH.use(NEW_KEY))
    road.meet(ann, bob)
    road.meet(bob, ann)
    assert len(ann.established()) == len(bob.established()) == 2
    road.tell(ann, bob, b"hello")
    road.tell(bob, ann, b"hello yourself")
    assert ann.payloads() == [b"hello yourself"]
    assert bob.payloads() == [b"hello"]


def test_a_beacon_under_any_installed_secret_is_heard() -> None:
    ann, bob = Traveller("ann", keys=BOTH), Traveller("bob", keys=BOTH.use(NEW_KEY))
    assert isinstance(ann.judge(bob.gate.beacon(4653), bob.address, 0), HeardBeacon)


def test_a_welcome_under_another_secret_than_its_hello_is_no_answer() -> None:
    ann, bob = Traveller("ann", keys=BOTH), Traveller("bob", keys=BOTH)
    datagram = ann.gate.hello(bob.id, 0)
    hello = read_hello(BOTH.keys[0], read_header(datagram), datagram)
    welcome = welcome_of(bob, BOTH.keys[1], hello)
    assert ann.judge(welcome, bob.address, 1) is Rejection.UNKNOWN_CHALLENGE


def test_what_was_agreed_under_a_removed_secret_is_over_at_once() -> None:
    road, ann, bob = met()
    sealed = bob.gate.seal(ann.id, b"an old friend", road.now)
    hello = bob.gate.hello(ann.id, road.now)
    ann.gate.change_keys(BOTH.use(NEW_KEY).remove(OLD_KEY), road.now)
    assert not ann.gate.has_session(bob.id)
    for datagram in (sealed, hello, bob.gate.beacon(1)):
        assert ann.judge(datagram, bob.address, road.now) is Rejection.UNKNOWN_KEY


def test_a_handshake_begun_under_a_removed_secret_does_not_end_well() -> None:
    road, ann, bob = Road(), Traveller("ann", keys=BOTH), Traveller("bob", keys=BOTH)
    hello = bob.gate.hello(ann.id, 0)
    welcome = ann.judge(hello, bob.address, 0).datagram
    confirm = bob.gate.respond(bob.judge(welcome, ann.address, 1), b"", 1)
    ann.gate.change_keys(BOTH.use(NEW_KEY).remove(OLD_KEY), 2)
    ann.gate.change_keys(BOTH, 3)  # even if it comes back
    assert ann.judge(confirm, bob.address, 4) is Rejection.NO_SESSION
    assert not road.capture


def test_a_mesh_rotates_its_secret_and_nobody_is_suspected() -> None:
    network = Network(seed=7)
    nodes = network.start("anna", "ben", "carla", "dora")
    network.run(5 * SECOND)
    ring = network.keys
    for change in (
        lambda ring: ring.install(NEXT),
        lambda ring: ring.use(ring.keys[-1].key_id),
        lambda ring: ring.remove(ring.keys[-1].key_id),
    ):
        ring = change(ring)
        for node in nodes:
            network.carry_out(node, node.mesh.change_keys(ring, network.now))
            network.run(700 * MILLISECOND)  # one at a time, while the others go on
        network.run(5 * SECOND)
    assert all(
        member.liveness is Liveness.ALIVE and node.mesh.has_session(member.id)
        for node in nodes
        for member in node.mesh.roll.members()
    )
    changes = [told.change for node in nodes for told in node.heard(PeerChanged)]
    assert PeerChange.VERIFIED in changes
    assert PeerChange.SUSPECT not in changes
    stranger = Traveller("dora", keys=network.keys)
    assert nodes[0].mesh.rejections[Rejection.UNKNOWN_KEY] == 0
    nodes[0].mesh.receive(stranger.gate.beacon(1), stranger.address, network.now)
    assert nodes[0].mesh.rejections[Rejection.UNKNOWN_KEY] == 1
