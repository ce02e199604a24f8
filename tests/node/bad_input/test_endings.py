"""How an agent ends, and how it begins again when its journal does not read as it was written."""

import signal

from simulations.demo.nodes import Node, until
from tests.node.bad_input.people import (
    House,
    command,
    ends,
    hold,
    holds,
    kept,
    running,
    start,
    terminate,
)  # fmt: skip


def test_sigterm_ends_with_zero_and_a_second_one_is_harmless(home: House) -> None:
    ann = home.node("ann")
    start(ann, "--first")
    booking = hold(ann)
    for _ in range(5):
        terminate(ann)
    assert ends(ann) == 0
    assert "every promise is on disk" in ann.log.read_text()
    assert "Traceback" not in ann.log.read_text()
    with running(ann):
        assert holds(ann) == [booking]


def test_a_signal_in_the_middle_of_a_start_ends_it_cleanly(home: House) -> None:
    ann = home.node("ann")
    ann.start("--first")
    assert ann.process is not None
    until("it has begun", (ann.state / "journal.sqlite3").exists, 20)
    terminate(ann)
    assert ends(ann) in (0, -signal.SIGTERM)
    assert "Traceback" not in ann.log.read_text()
    with running(ann, "--first"):
        assert holds(ann) == []


def test_who_leaves_says_good_bye(home: House) -> None:
    # Or its peers would wait for it, suspect it, and ask others for it.
    with running(home.node("bob"), "--first") as bob:
        secret = ("--secret-file", str(bob.state / "secret"))
        with running(home.node("ann"), "--first", *secret) as ann:
            until("they know each other", lambda: _knows(bob, "ann"), 10)
            assert command(ann, "leave").status == 0
            assert ends(ann) == 0
        until(
            "bob was told", lambda: bob.granted(type="status")["peers"][0]["liveness"] == "left", 10
        )


def test_a_booking_is_gathered_back_from_a_peer_after_the_journal_was_damaged(
    home: House,
) -> None:
    ann, bob = home.node("ann"), home.node("bob")
    with running(bob, "--first"):
        secret = ("--secret-file", str(bob.state / "secret"))
        with running(ann, "--first", *secret):
            until("they know each other", lambda: _knows(bob, "ann"), 10)
            booking = hold(ann, require_copy=True)
            until("bob has it", lambda: booking in str(bob.granted(type="holds")), 10)
            ann.kill()
        before = kept(ann.state)
        _flip_a_byte_in_each_part(ann)
        with running(ann):
            said = ann.log.read_text()
            assert "it was set aside as journal.sqlite3.corrupt-1" in said
            assert "Traceback" not in said
            standing = ann.granted(type="status")["standing"]
            assert standing["state"] == "quarantine", standing
            held = command(ann, "reserve", "--ram", "8MiB", "--node", "ann", "--no-wait")
            assert held.status == 1, held
            until("the booking is back", lambda: holds(ann) == [booking], 100)
            assert (ann.state / "journal.sqlite3.corrupt-1").exists()
            after = kept(ann.state)
            assert after["node.key"] == before["node.key"]
            assert after["secret"] == before["secret"]


def _flip_a_byte_in_each_part(node: Node) -> None:
    for name in ("journal.sqlite3", "journal.sqlite3-wal"):
        path = node.state / name
        if not path.exists():
            continue
        damaged = bytearray(path.read_bytes())
        for at in range(100, len(damaged), 512):
            damaged[at] ^= 0x55
        path.write_bytes(damaged)


def _knows(node: Node, name: str) -> bool:
    return any(peer["name"] == name for peer in node.granted(type="status")["peers"])
