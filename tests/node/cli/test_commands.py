"""Every command, against an agent that speaks the contract and nothing else."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from node.core.requests import REFUSALS, Refused
from node.shell.disk.state import StateFolder
from tests.node.cli.conftest import Ran
from tests.support.fake_agent import (
    BODIES,
    FACTS,
    HOLD_ID,
    RESERVED,
    STATUS,
    WHERE,
    FakeAgent,
    ok,
    peer,
    progress,
)

Run = Callable[..., Ran]

COMMANDS: list[tuple[tuple[str, ...], str, list[str]]] = [
    (("status",), "status", ["ann", "quarantined 21 s more: this disk may have forgotten promises",
                             "2 h 3 min", "1 alive of 2 known", "bob", "3 GiB", "unknown",
                             "7 bad tag"]),
    (("facts",), "facts", ["ann", "Some CPU", "5 GiB", "2 GiB", "12.5 %", "3 s ago",
                           "unknown (none)", "room=attic", "git 2.40"]),
    (("where", "--ram", "4GiB"), "where", ["bob fits: 3 GiB of room"]),
    (("reserve", "--ram", "4GiB", "--for", "2h"), "reserve",
     ["reserved", HOLD_ID, "bob", "ram 4 GiB", "1 h 59 min", f"HOLDFAST_HOLD={HOLD_ID}"]),
    (("post", "0123"), "post", ["confirmed: 0123456789 on bob"]),
    (("release", "0123"), "release", ["released: 0123456789 on bob"]),
    (("adopt", "1", "--hold", "0123"), "adopt",
     ["process 1, with its children, counts from now on under 0123456789 (ram 4 GiB)"]),
    (("holds",), "holds", ["0123456789", "bob", "ram 4 GiB", "nothing runs", "unused promise",
                           "ann nightly"]),
    (("ledger", "show"), "ledger_show",
     ["ledger of ann", "era 1 height 0", "hold  id 0123456789", "for 2 h", "debits equal credits"]),
    (("ledger", "verify"), "ledger_verify", ["ann", "verified"]),
    (("ledger", "open", "--reason", "bob was scrapped"), "open_bookings",
     ["open for bookings; the reason is in the ledger"]),
    (("where", "run ollama", "--node", "bob"), "where", ["bob fits"]),
    (("invite",), "invite", ["holdfast join hfi1-abcd-efgh"]),
    (("leave",), "leave", ["left the mesh"]),
]  # fmt: skip


@pytest.mark.parametrize(("words", "kind", "shown"), COMMANDS, ids=lambda value: str(value)[:30])
def test_each_command_asks_its_question_and_shows_the_answer(
    words: tuple[str, ...], kind: str, shown: list[str], state: Path, run: Run
) -> None:
    with FakeAgent(state) as agent:
        ran = run(*words)
    assert ran.status == 0
    assert [request["type"] for request in agent.heard] == [kind]
    for part in shown:
        assert part in ran.out


@pytest.mark.parametrize(("words", "kind", "_shown"), COMMANDS, ids=lambda value: str(value)[:30])
def test_with_json_each_command_prints_the_agents_body_as_one_object_and_nothing_else(
    words: tuple[str, ...], kind: str, _shown: list[str], state: Path, run: Run
) -> None:
    with FakeAgent(state):
        ran = run(*words, "--json")
        before = run("--json", *words)
    assert json.loads(ran.out) == BODIES[kind]
    assert ran.out.count("\n") == 1
    assert ran.err == ""
    assert before == ran


@pytest.mark.parametrize("words", [words for words, _kind, _shown in COMMANDS], ids=str)
@pytest.mark.parametrize("code", sorted(REFUSALS))
def test_a_refusal_is_said_with_its_hint_and_its_exit_status(
    words: tuple[str, ...], code: str, state: Path, run: Run
) -> None:
    kinds = dict.fromkeys(BODIES, Refused(code, "it cannot be", "do that instead"))
    with FakeAgent(state, kinds):
        ran = run(*words)
    assert ran.status == REFUSALS[code]
    assert ran.out == ""
    assert ran.err == "holdfast: it cannot be\n  do that instead\n"


def test_a_refusal_in_json_has_the_shape_of_the_local_api(state: Path, run: Run) -> None:
    with FakeAgent(state, {"reserve": Refused("policy", "not you", "ask ann")}):
        ran = run("reserve", "--ram", "1GiB", "--json")
    assert ran.status == 4
    refusal = {"code": "policy", "sentence": "not you", "hint": "ask ann"}
    assert json.loads(ran.out) == {"refused": refusal}


def test_peers_shows_the_roll_or_how_to_get_one(state: Path, run: Run) -> None:
    with FakeAgent(state):
        ran = run("peers")
        assert json.loads(run("peers", "--json").out) == {"peers": STATUS["peers"]}
    assert "suspect" in ran.out
    assert "none yet" in ran.out
    with FakeAgent(state / "b", {"status": {**STATUS, "peers": []}}):
        assert "holdfast invite" in run("peers", "--state", str(state / "b")).out


def test_doctor_marks_what_fails_and_exits_1(state: Path, run: Run) -> None:
    with FakeAgent(state):
        ran = run("doctor")
    assert ran.status == 1
    assert "NO    multicast" in ran.out
    assert "broadcast is used instead" in ran.out
    assert "note  clock" in ran.out
    assert "bad tag      7" in ran.out


def test_doctor_exits_0_when_nothing_fails(state: Path, run: Run) -> None:
    checks = [{"name": "journal", "ok": True, "sentence": "fine", "hint": ""}]
    with FakeAgent(state, {"doctor": {**BODIES["doctor"], "checks": checks}}):
        assert run("doctor").status == 0


def test_doctor_looks_at_the_secret_itself_and_not_at_an_older_look(state: Path, run: Run) -> None:
    folder = StateFolder.open(state)
    folder.identity()
    folder.write_secret("a secret")
    folder.secret_path.chmod(0o644)
    checks = [{"name": "state folder", "ok": True, "sentence": "private", "hint": ""}]
    with FakeAgent(state, {"doctor": {**BODIES["doctor"], "checks": checks}}):
        ran = run("doctor")
    assert ran.status == 1
    assert f"others may open secret in {state}" in ran.out


def test_where_exits_1_when_nothing_fits(state: Path, run: Run) -> None:
    nowhere = {**WHERE, "decision": {"chosen": None}, "text": ["nothing fits: 1 GiB short"]}
    with FakeAgent(state, {"where": nowhere}):
        ran = run("where", "--ram", "4GiB")
    assert ran.status == 1
    assert "1 GiB short" in ran.out


def test_verify_exits_1_when_a_log_does_not_add_up(state: Path, run: Run) -> None:
    log = {**BODIES["ledger_verify"]["logs"][0], "ok": False, "problem": "block 3 is not signed"}
    with FakeAgent(state, {"ledger_verify": {"logs": [log], "ok": False}}):
        ran = run("ledger", "verify")
    assert ran.status == 1
    assert "NO: block 3 is not signed" in ran.out


def test_plain_words_are_sent_as_words(state: Path, run: Run) -> None:
    with FakeAgent(state) as agent:
        run("where", "run ollama inference on a 7b model")
        run("where", "run", "ollama")
    asks = [request["ask"] for request in agent.heard]
    assert asks == [{"words": "run ollama inference on a 7b model"}, {"words": "run ollama"}]


EVERY_FLAG: list[tuple[tuple[str, ...], dict[str, Any]]] = [
    (("--ram", "4GiB"), {"ram": "4GiB"}),
    (("--memory", "6GiB"), {"memory": "6GiB"}),
    (("--gpu", "nvidia:24GB..:2"), {"gpus": ["nvidia:24GB..:2"]}),
    (("--cpu", "2"), {"cpu": "2 cores"}),
    (("--cpu", "0.5"), {"cpu": "0.5 cores"}),
    (("--cpu", "500m"), {"cpu": "500m"}),
    (("--disk", "ssd:100GB", "--disk", "1GiB"), {"disks": ["ssd:100GB", "1GiB"]}),
    (("--os", "linux"), {"os": "linux"}),
    (("--arch", "x86_64"), {"arch": "x86_64"}),
    (("--tool", "git", "--tool", "make"), {"tools": ["git", "make"]}),
    (("--label", "room=attic"), {"labels": {"room": "attic"}}),
    (("--node", "bob"), {"node": "bob"}),
    (("--objective", "local"), {"objective": "local"}),
    (("--objective=pack",), {"objective": "pack"}),
]


@pytest.mark.parametrize(("flags", "ask"), EVERY_FLAG, ids=str)
def test_every_flag_of_a_request_reaches_the_agent(
    flags: tuple[str, ...], ask: dict[str, Any], state: Path, run: Run
) -> None:
    with FakeAgent(state) as agent:
        assert run("where", *flags).status == 0
        assert run("reserve", *flags).status == 0
    assert [request["ask"] for request in agent.heard] == [ask, ask]


def test_every_flag_of_reserve_reaches_the_agent(state: Path, run: Run) -> None:
    with FakeAgent(state) as agent:
        run(
            "reserve", "--ram", "4GiB", "--for", "90s", "--hold", "--label-text", "nightly",
            "--principal", "ann", "--require-copy", "--no-wait",
        )  # fmt: skip
        run("reserve", "--ram", "4GiB")
    first, plain = agent.heard
    assert first["term_ms"] == 90_000
    assert first["hold_only"] is True
    assert first["require_copy"] is True
    assert first["wait_for_opening"] is False
    assert (first["label"], first["principal"]) == ("nightly", "ann")
    assert (plain["term_ms"], plain["wait_for_opening"]) == (3_600_000, True)
    assert (plain["hold_only"], plain["require_copy"], plain["pid"]) == (False, False, None)


def test_a_pid_travels_with_the_moment_its_process_started(state: Path, run: Run) -> None:
    with FakeAgent(state) as agent, subprocess.Popen([sys.executable, "-c", "input()"],
                                                     stdin=subprocess.PIPE) as child:  # fmt: skip
        for pid in (os.getpid(), child.pid):
            assert run("reserve", "--ram", "1GiB", "--pid", str(pid)).status == 0
        child.communicate(b"\n")
    ours, childs = agent.heard
    assert (ours["pid"], childs["pid"]) == (os.getpid(), child.pid)
    assert childs["pid_started"] >= ours["pid_started"] > 0


def test_the_other_flags_reach_the_agent(state: Path, run: Run) -> None:
    with FakeAgent(state) as agent:
        run("holds", "--ended")
        run("invite", "--ttl", "10m")
        run("facts", "bob")
        run("ledger", "show", "bob", "--last", "7")
        run("where", "--ram", "1GiB", "--all", "--for", "2h")
        run("where", "--ram", "1GiB", "--brief", "--prefer", "bob", "--engine", "vllm")
        run("release", HOLD_ID)
    assert agent.heard[4].pop("asked_at_ms") > 0, "a question about a time says when it is asked"
    assert agent.heard == [
        {"type": "holds", "ended": True, "waiting": False},
        {"type": "invite", "ttl_ms": 600_000, "uses": 1},
        {"type": "facts", "node": "bob"},
        {"type": "ledger_show", "node": "bob", "last": 7},
        {
            "type": "where", "ask": {"ram": "1GiB", "for": "2h"}, "list_all": True, "brief": False,
            "without": [], "plus": [], "freed": [], "start_at_ms": None,
        },
        {
            "type": "where", "ask": {"ram": "1GiB", "prefer": ["bob"], "engines": ["vllm"]},
            "list_all": False, "brief": True, "without": [], "plus": [], "freed": [],
            "asked_at_ms": None, "start_at_ms": None,
        },
        {"type": "release", "id": HOLD_ID},
    ]  # fmt: skip


def test_a_hold_says_how_to_confirm_it(state: Path, run: Run) -> None:
    with FakeAgent(state, {"reserve": {**RESERVED, "state": "held", "stored_on": None}}):
        ran = run("reserve", "--ram", "4GiB", "--hold")
    assert "held, not yet confirmed" in ran.out
    assert "holdfast post 0123456789" in ran.out
    assert "no copy was waited for" in ran.out


def test_warnings_stand_beside_the_answer_and_not_in_it(state: Path, run: Run) -> None:
    with FakeAgent(state):
        assert "note: bob's clock is a year off\n" in run("reserve", "--ram", "4GiB").err
        assert "note: UDP port 5353 is taken\n" in run("status").err


def test_progress_goes_to_stderr(state: Path, run: Run) -> None:
    lines = [progress("asking bob for a hold"), progress("bob refused"), ok(RESERVED)]
    with FakeAgent(state, {"reserve": lines}):
        ran = run("reserve", "--ram", "4GiB", "--json")
    assert json.loads(ran.out) == RESERVED
    assert ran.err == "asking bob for a hold\nbob refused\n"


def test_a_name_from_afar_cannot_steer_the_terminal(state: Path, run: Run) -> None:
    evil = {**STATUS, "peers": [peer(name="\x1b[2Jbob\n")]}
    with FakeAgent(state, {"status": evil}):
        ran = run("status")
    assert "\x1b" not in ran.out
    assert "[2Jbob" in ran.out


def test_a_node_that_has_told_nothing_yet_is_shown_as_such(state: Path, run: Run) -> None:
    silent = {**FACTS["nodes"][0], "inventory": None, "live": None, "ages_ms": {}}
    with FakeAgent(state, {"facts": {"nodes": [silent]}}):
        assert "has not told its inventory yet" in run("facts").out
    half = {**FACTS["nodes"][0], "live": None, "ages_ms": {}}
    with FakeAgent(state / "b", {"facts": {"nodes": [half]}}):
        assert "told unknown" in run("facts", "--state", str(state / "b")).out


# What goes wrong between the command and the agent ----------------------------------------------


@pytest.mark.parametrize("words", [("status",), ("holds",), ("reserve", "--ram", "1GiB")], ids=str)
def test_no_agent_is_exit_3_and_says_how_to_start_one(
    words: tuple[str, ...], state: Path, run: Run
) -> None:
    ran = run(*words)
    assert ran.status == 3
    assert f"no agent runs on this state folder ({state}): start one with `holdfast up`" in ran.err
    assert json.loads(run(*words, "--json").out)["refused"]["code"] == "no_agent"


def test_a_socket_left_behind_by_a_dead_agent_is_no_agent(state: Path, run: Run) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(state / "agent.sock"))
    assert run("status").status == 3


def test_an_agent_that_stops_in_mid_answer_is_told_apart_from_no_agent(
    state: Path, run: Run
) -> None:
    for name, lines in (("a", [b'{"ok": {"le']), ("b", []), ("c", [progress("wait")])):
        with FakeAgent(state / name, {"release": lines}):
            ran = run("release", "0123", "--state", str(state / name))
        assert ran.status == 1
        assert "stopped" in ran.err
        assert "holdfast holds" in ran.err


@pytest.mark.parametrize(
    "raw", [b"{]\n", b"[1]\n", b'{"ok": 3}\n', b'{"hm": {}}\n', b"\xff\xfe\n"], ids=str
)
def test_an_answer_that_is_not_in_the_contract_is_named(raw: bytes, state: Path, run: Run) -> None:
    with FakeAgent(state, {"status": [raw]}):
        ran = run("status")
    assert ran.status == 1
    assert "answer" in ran.err


def test_a_path_too_long_for_a_socket_is_named(state: Path, run: Run) -> None:
    ran = run("status", "--state", str(state / ("d" * 120)))
    assert ran.status == 3
    assert "too long" in ran.err


def test_an_agent_that_says_nothing_is_not_waited_for_for_ever(state: Path) -> None:
    from node.cli import client
    from node.cli.exits import Unable

    with socket.socket(socket.AF_UNIX) as silent:
        silent.bind(str(state / "agent.sock"))
        silent.listen()
        with pytest.raises(Unable, match="said nothing") as no:
            client.ask(state, {"type": "status"}, silence_seconds=0.05)
    assert no.value.code == "timeout"


def test_a_long_answer_arrives_whole(state: Path, run: Run) -> None:
    long = {**WHERE, "text": ["x" * 70_000 for _line in range(40)]}
    with FakeAgent(state, {"where": long}):
        assert json.loads(run("where", "--ram", "1GiB", "--json").out) == long


def test_ctrl_c_ends_with_130_and_a_word(
    state: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("node.cli.main.build", interrupted)
    ran = run("status")
    assert (ran.status, ran.err) == (130, "stopped\n")


def test_a_reason_goes_to_the_ledger_as_it_was_written(state: Path, run: Run) -> None:
    with FakeAgent(state) as agent:
        run("ledger", "open", "--reason", "bob was scrapped")
    assert agent.heard == [{"type": "open_bookings", "reason": "bob was scrapped"}]


@pytest.mark.parametrize(
    ("standing", "status", "shown"),
    [("quarantine", 0, "noted: bookings open when the quarantine is over"),
     ("bookings_closed", 1, "still not open: bookings closed"),
     ("closed", 1, "still not open: closed")],
)  # fmt: skip
def test_opening_by_name_says_what_came_of_it(
    standing: str, status: int, shown: str, state: Path, run: Run
) -> None:
    body = {"standing": {"state": standing, "reason": "", "remaining_ms": None}}
    with FakeAgent(state, {"open_bookings": body}):
        ran = run("ledger", "open", "--reason", "bob was scrapped")
    assert ran.status == status
    assert shown in ran.out


def test_plain_words_and_flags_go_together(state: Path, run: Run) -> None:
    with FakeAgent(state) as agent:
        run("where", "run ollama", "--node", "bob", "--for", "2h")
        run("reserve", "run ollama", "--ram", "4GiB")
    where, reserve = agent.heard
    assert where["ask"] == {"words": "run ollama", "node": "bob", "for": "2h"}
    assert reserve["ask"] == {"words": "run ollama", "ram": "4GiB"}
