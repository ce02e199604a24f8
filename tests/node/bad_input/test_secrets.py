"""A wrong or mistyped secret, a weak passphrase, a mistyped or used invite: said, and safe."""

import time
from pathlib import Path

import pytest

from mesh.effects import Address
from mesh.identity import NodeId
from mesh.keys.invite import Invite, parse_invite
from simulations.demo.nodes import Node, until
from tests.node.bad_input.people import (
    House,
    Ran,
    command,
    house,
    kept,
    one_sentence,
    running,
    up,
)  # fmt: skip


@pytest.fixture
def bob(home: House) -> Node:
    """A newcomer; nothing of it exists yet."""
    return home.node("bob")


def secret_of(node: Node) -> str:
    return (node.state / "secret").read_text().strip()


def join(node: Node, *words: str) -> Ran:
    """`holdfast join` that is expected to fail before an agent runs."""
    flags = ("--name", node.name, "--offer", node.offer, *node.place.flags)
    return command(node, "join", *words, *flags)


def invite(node: Node, *words: str) -> str:
    made = command(node, "invite", *words)
    assert made.status == 0, made
    return made.out.split()[-1]


def beside(ran: Ran) -> Ran:
    """Less the steps of a joining that went before the no."""
    at = ran.err.index("holdfast: ")
    return Ran(ran.status, ran.out, ran.err[at:])


def assert_untouched(bob: Node) -> None:
    """A refusal must leave no key and no secret in a folder that was never a node's."""
    assert not (bob.state / "secret").exists()
    assert not (bob.state / "node.key").exists()


def test_a_mistyped_secret_is_told_from_a_wrong_one(ann: Node, bob: Node, tmp_path: Path) -> None:
    whole = secret_of(ann)
    place = len(whole) // 2
    other = "b" if whole[place] != "b" else "c"
    file = tmp_path / "secret"
    for wrong in (whole[:place] + other + whole[place + 1 :], whole[:-3], whole + "a", "hf1-"):
        file.write_text(wrong)
        for ran in (join(bob, "--secret-file", str(file)), up(bob, "--secret-file", str(file))):
            one_sentence(ran, 1, "secret", "copy it again, whole")
            assert wrong not in ran.err
        assert_untouched(bob)


@pytest.mark.parametrize(
    ("text", "status", "words"),
    [
        ("hunter2", 1, "passphrase"),
        ("password password password", 1, "passphrase"),
        ("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", 1, "passphrase"),
        ("", 2, "the secret is empty"),
        ("\x00\x01\x02", 1, ""),
        ("x" * 5000, 2, "is no secret file"),
    ],
)
def test_a_weak_passphrase_is_refused_with_what_would_do(
    bob: Node, tmp_path: Path, text: str, status: int, words: str
) -> None:
    file = tmp_path / "secret"
    file.write_text(text)
    ran = up(bob, "--secret-file", str(file))
    one_sentence(ran, status, words)
    assert_untouched(bob)


def test_a_secret_file_that_is_not_there_or_not_text_is_named(bob: Node, tmp_path: Path) -> None:
    one_sentence(
        up(bob, "--secret-file", str(tmp_path / "no")), 2, "cannot be read", "--secret-file"
    )
    one_sentence(up(bob, "--secret-file", str(tmp_path)), 2, "cannot be read", "--secret-file")
    (tmp_path / "binary").write_bytes(bytes(range(128, 256)))
    one_sentence(up(bob, "--secret-file", str(tmp_path / "binary")), 2, "not text")
    assert_untouched(bob)


def test_a_wrong_secret_cannot_replace_the_one_that_a_node_has(home: House, tmp_path: Path) -> None:
    other = home.node("other")
    with running(other, "--first"):
        pass
    before = kept(other.state)
    with running(home.node("ann"), "--first") as ann:
        file = str(ann.state / "secret")
        one_sentence(up(other, "--secret-file", file), 1, "already belongs to another mesh")
    assert kept(other.state) == before


def test_a_wrong_secret_is_counted_by_those_who_hear_it(home: House) -> None:
    with running(home.node("ann"), "--first") as ann, running(home.node("eve"), "--first"):
        cause = "made under another secret"
        until(
            "ann has heard eve",
            lambda: ann.granted(type="doctor")["rejections"].get(cause, 0) > 0, 10,
        )  # fmt: skip
        assert ann.granted(type="status")["peers"] == []


def test_a_secret_is_never_taken_as_an_argument(ann: Node, bob: Node) -> None:
    ran = join(bob, secret_of(ann))
    one_sentence(ran, 2, "everybody who can list processes has now seen it", "--secret-file")
    assert secret_of(ann) not in ran.err
    assert_untouched(bob)


def test_without_a_terminal_join_says_how_else_to_give_the_secret(bob: Node) -> None:
    one_sentence(join(bob), 2, "no terminal", "--secret-file")


def test_a_mistyped_invite_is_refused_before_anything_is_dialled(ann: Node, bob: Node) -> None:
    text = invite(ann)
    place = len(text) // 2
    other = "b" if text[place] != "b" else "c"
    for wrong in (text[:place] + other + text[place + 1 :], text[:-2], "hfi1-nonsense", "hello"):
        one_sentence(join(bob, wrong), 1, "`holdfast invite` on a member prints one")
    assert_untouched(bob)


def test_an_invite_works_once_and_the_second_is_told_why_not(ann: Node, home: House) -> None:
    text = invite(ann)
    bob, cyd = home.node("bob"), home.node("cyd")
    first = join(bob, text, "--detach")
    assert first.status == 0, first
    assert secret_of(bob) == secret_of(ann)
    assert command(bob, "leave").status == 0
    again = join(cyd, text)
    one_sentence(beside(again), 1, "used already", "`holdfast invite`")
    assert_untouched(cyd)


def test_an_invite_that_came_too_late_is_told_so(ann: Node, bob: Node) -> None:
    text = invite(ann, "--ttl", "1s")
    time.sleep(1.2)
    one_sentence(beside(join(bob, text)), 1, "expired", "`holdfast invite`")
    assert_untouched(bob)


def test_an_invite_with_a_life_that_makes_no_sense_is_wrong_usage(ann: Node) -> None:
    one_sentence(command(ann, "invite", "--ttl", "5"), 2, "--ttl")
    one_sentence(command(ann, "invite", "--ttl", "10ms"), 2, "1 second to 7 days", "--ttl")
    one_sentence(command(ann, "invite", "--ttl", "400d"), 2, "1 second to 7 days", "--ttl")


def test_an_invite_of_another_mesh_changes_nothing_here(ann: Node, home: House) -> None:
    bob = home.node("bob")
    with running(bob, "--first"):
        pass
    before = kept(bob.state)
    one_sentence(join(bob, invite(ann)), 1, "already belongs to another mesh", "--state")
    assert kept(bob.state) == before


def test_an_invite_whose_inviter_is_gone_or_somebody_else_is_told_apart(
    ann: Node, bob: Node
) -> None:
    real = parse_invite(invite(ann))
    with house() as elsewhere:
        free = elsewhere.node("nobody").place.port
    gone = Invite(real.mesh_id, real.inviter, real.token, (Address("127.0.0.1", free),))
    one_sentence(beside(join(bob, gone.text)), 1, "cannot be reached", "firewall")
    stranger = Invite(real.mesh_id, NodeId(bytes(16)), real.token, real.addresses)
    one_sentence(beside(join(bob, stranger.text)), 1, "the key there is not that of")
    assert_untouched(bob)
    # Nothing was told to a stranger: the token still works.
    first = join(bob, real.text, "--detach")
    assert first.status == 0, first
    assert command(bob, "leave").status == 0
