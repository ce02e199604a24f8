"""Requests that cannot be: written wrong, for nothing or too much, or for what nobody knows."""

import json

import pytest

from simulations.demo.nodes import Node, until
from tests.node.bad_input.people import House, command, hold, holds, one_sentence, running, up

UNREADABLE = [
    (("reserve", "--ram", "4"), "has no unit: write 4GiB"),
    (("reserve", "--ram=-4GiB"), "negative"),
    (("reserve", "--ram", "99999999PiB"), "more than any machine has"),
    (("reserve", "--ram", "0MiB"), "asks for nothing"),
    (("reserve", "--ram", "1MiB", "--for", "2"), "--for"),
    (("reserve", "--ram", "1MiB", "--for=-2h"), "negative"),
    (("reserve", "--ram", "1MiB", "--for", "9999999h"), "--for"),
    (("reserve", "--cpu", "lots"), "--cpu"),
    (("reserve", "--rma", "1MiB"), "did you mean --ram?"),
    (("resrve", "--ram", "1MiB"), "did you mean `reserve`?"),
]


@pytest.mark.parametrize(("words", "sentence"), UNREADABLE, ids=lambda v: str(v)[:40])
def test_what_cannot_be_read_is_wrong_usage_and_books_nothing(
    ann: Node, words: tuple[str, ...], sentence: str
) -> None:
    before = ann.granted(type="status")["log"]
    one_sentence(command(ann, *words), 2, sentence)
    assert ann.granted(type="status")["log"] == before
    as_json = json.loads(command(ann, *words, "--json").out)
    assert as_json["refused"]["code"] == "bad_request"


def test_a_request_that_nobody_can_meet_is_told_what_is_missing(ann: Node) -> None:
    before = ann.granted(type="status")["log"]
    asked = command(ann, "where", "--ram", "900GiB")
    assert asked.status == 1
    assert "899.94 GiB short" in asked.out, asked
    refused = command(ann, "reserve", "--ram", "900GiB")
    one_sentence(refused, 1, "Nowhere")
    assert ann.granted(type="status")["log"] == before


def test_a_node_or_hold_that_nobody_knows_is_said_and_how_to_find_it(ann: Node) -> None:
    nobody = command(ann, "reserve", "--ram", "1MiB", "--node", "zoe")
    one_sentence(nobody, 1, "no node is called 'zoe'", "known here: ann")
    booking = hold(ann)
    for wrong in ("ffffffffffffffffffffffffffffffff", "zzzz", "no-such", "../x"):
        for verb in ("release", "post"):
            ran = command(ann, verb, wrong)
            one_sentence(ran, 1, "holdfast holds")
    one_sentence(command(ann, "release", "zzz"), 2, "too short for a hold's id")
    assert booking in holds(ann)
    assert command(ann, "release", booking[:12]).status == 0
    one_sentence(command(ann, "release", booking), 1)


def test_overlapping_shares_are_refused_and_the_first_agent_keeps_its_own(home: House) -> None:
    with running(home.node("ann"), "--first") as ann:
        booking = hold(ann)
        greedy = home.node("bob")
        greedy.offer = "ram=100000GiB,cores=0.1"
        one_sentence(up(greedy), 1, "--offer")
        whole = command(greedy, "up", "--name", "bob", *greedy.place.flags)
        one_sentence(whole, 1, "--offer")
        assert not (greedy.state / "journal.sqlite3").exists()
        greedy.offer = "ram=64MiB,cores=0.1"
        with running(greedy, "--first"):
            assert holds(ann) == [booking]


@pytest.mark.parametrize("offer", ["ram=2", "ram=-1GiB", "ram=0GiB", "bananas=3", "", "ram"])
def test_an_offer_that_cannot_be_read_is_wrong_usage(home: House, offer: str) -> None:
    bob = home.node("bob")
    bob.offer = offer
    ran = up(bob)
    one_sentence(ran, 2, "--offer")
    assert not bob.state.exists() or list(bob.state.iterdir()) == []


def test_a_stranger_may_not_speak_to_the_agent(ann: Node) -> None:
    told, _ = until("it answers", lambda: command(ann, "status"), 5)
    assert told.status == 0
    assert (ann.state / "agent.sock").stat().st_mode & 0o777 == 0o600


def test_without_an_agent_what_needs_one_says_so_with_status_three(home: House) -> None:
    bob = home.node("bob")
    for words in (("status",), ("reserve", "--ram", "1MiB"), ("release", "ab"), ("invite",)):
        one_sentence(command(bob, *words), 3, "no agent runs", "holdfast up")
    assert not bob.state.exists()
