"""`holdfast simulate --serve`: one line in, one line out, and a cluster that is really there."""

import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from simulations.invented.observing import Observer
from simulations.invented.world import World
from simulations.serve.service import LINE_BYTES_MAX, Service, serve
from simulations.verdicts import PromiseBroken

RESERVE = {"type": "reserve", "ask": {"ram": "6GiB"}, "term_ms": 600_000}


def say(service: Service, do: str, **fields: Any) -> dict[str, Any]:
    """One command, and what was said to it."""
    said: dict[str, Any] = json.loads(service.answer(json.dumps({"do": do, **fields}).encode()))
    return said


def yes(service: Service, do: str, **fields: Any) -> dict[str, Any]:
    said = say(service, do, **fields)
    assert said["ok"], said
    return said


def no(service: Service, do: str, **fields: Any) -> dict[str, Any]:
    said = say(service, do, **fields)
    assert not said["ok"], said
    error: dict[str, Any] = said["error"]
    return error


@pytest.fixture
def service() -> Service:
    made = Service()
    yes(made, "new", seed=3, nodes=3, cards=["24GiB"])
    return made


def test_what_is_reserved_is_held_seen_by_everybody_and_given_back(service: Service) -> None:
    answer = yes(service, "ask", node="n0", request=RESERVE)["answer"]
    assert answer["ok"]
    assert answer["body"]["legs"][0]["amount"] == 6 << 30
    yes(service, "advance", time="2s")
    shown = yes(service, "ask", node="n2", request={"type": "holds"})["answer"]["body"]
    assert [hold["id"] for hold in shown["holds"]] == [answer["body"]["id"]]
    given = {"type": "release", "id": answer["body"]["id"]}
    assert yes(service, "ask", node="n1", request=given)["answer"]["ok"]


def test_a_machine_with_slots_grants_them_and_no_more() -> None:
    made = Service()
    yes(made, "new", seed=3, machines=[{"name": "a", "slots": {"whisper": 2}}, {"name": "b"}])
    asking = RESERVE | {"ask": {"slots": ["whisper:2"]}}
    assert yes(made, "ask", node="b", request=asking)["answer"]["ok"]
    assert not yes(made, "ask", node="b", request=asking)["answer"]["ok"]


def test_a_refusal_of_the_core_is_an_answer_and_not_an_error(service: Service) -> None:
    asking = RESERVE | {"ask": {"ram": "90GiB"}}
    answer = yes(service, "ask", node="n0", request=asking)["answer"]
    assert not answer["ok"]
    assert answer["body"]["code"] == "not_possible"


def test_who_is_cut_off_is_suspected_and_after_the_mend_is_alive_again(service: Service) -> None:
    cut = yes(service, "cut", here=["n0"], there=["n1", "n2"])["cut"]
    seen: dict[str, Any] = {"condition": "sees", "node": "n1", "of": "n0"}
    assert yes(service, "run-until", **seen, liveness="suspect")["reached"]
    assert yes(service, "state", node="n1")["nodes"][0]["sees"]["n2"] == "alive"
    assert not yes(service, "run-until", condition="agree", limit="2s")["reached"]
    yes(service, "mend", cut=cut)
    assert yes(service, "run-until", condition="agree")["reached"]
    assert no(service, "mend", cut=cut)["code"] == "not_found"


def test_a_killed_node_comes_back_with_what_it_had_granted(service: Service) -> None:
    hold = yes(service, "ask", node="n0", request=RESERVE | {"ask": {"ram": "6GiB", "node": "n1"}})
    yes(service, "kill", node="n1", power=True)
    assert no(service, "ask", node="n1", request={"type": "status"})["code"] == "down"
    assert yes(service, "start", node="n1")["up"]
    assert yes(service, "run-until", condition="open", limit="15m")["reached"]
    (state,) = yes(service, "state", node="n1")["nodes"]
    assert state["holds"] == [hold["answer"]["body"]["id"]]
    assert state["boots"] == 2


def test_two_who_want_the_last_room_at_once_are_answered_once_yes_and_once_no(
    service: Service,
) -> None:
    asking = RESERVE | {"ask": {"ram": "6GiB", "node": "n2"}}
    tokens = {
        name: yes(service, "ask", node=name, request=asking, wait=False)["asked"]
        for name in ("n0", "n1")
    }
    assert yes(service, "run-until", condition="quiet")["reached"]
    answers = [
        yes(service, "answer", node=name, asked=token)["answer"]["ok"]
        for name, token in tokens.items()
    ]
    assert sorted(answers) == [False, True]


def test_the_asker_that_dies_is_never_answered(service: Service) -> None:
    yes(service, "kill", node="n0", effects=3)
    token = yes(service, "ask", node="n0", request=RESERVE, wait=False)["asked"]
    assert yes(service, "run-until", condition="down", node="n0", limit="10s")["reached"]
    assert yes(service, "answer", node="n0", asked=token).get("unheard") is True


def test_every_misfortune_can_be_brought_about_and_the_calm_mends_it(service: Service) -> None:
    yes(service, "weather", loss=0.1, delay="3ms", duplication=0.05)
    yes(service, "weather", here="n0", there="n1", loss=0.3)
    yes(service, "slow", node="n1", by="0s")
    yes(service, "slow", node="n1", by="20ms")
    yes(service, "pause", node="n2", time="1s")
    yes(service, "pause", node="n0", time="2s", suspend=True)
    yes(service, "clock", node="n1", jump_ms=1500, ppm=400)
    yes(service, "hardware", node="n2", ram="4GiB", foreign="1GiB", lost=[0], blind="ram")
    for what in ("copy", "lie", "slow", "tear"):
        yes(service, "disk", node="n0", what=what, factor=3)
    yes(service, "advance", time="4s")
    yes(service, "kill", node="n0")
    yes(service, "disk", node="n0", what="set-back")
    yes(service, "disk", node="n1", what="full")
    started = yes(service, "work", node="n2", ram="1GiB")
    tied = (
        RESERVE
        | {"ask": {"ram": "512MiB", "node": "n1"}}
        | {name: started[name] for name in ("pid", "pid_started")}
    )
    yes(service, "ask", node="n2", request=tied, wait=False)
    yes(service, "advance", time="5s")
    yes(service, "end-work", node="n2", pid=started["pid"])
    yes(service, "stop", node="n2", leaving=True)
    yes(service, "advance", time="4s")
    looked = yes(service, "calm")["looked"]
    assert looked["V1"] and looked["V2"] and looked["V3"]  # noqa: PT018 - one fact
    assert all(node["standing"] == "open" for node in yes(service, "state")["nodes"])


def test_faults_strike_by_themselves_until_they_are_ended(service: Service) -> None:
    yes(service, "faults", faults="restarts=5,lossy", operations=5)
    yes(service, "advance", time="30s")
    struck = yes(service, "trace")["faults"]
    assert sum(struck.values()) > 10
    yes(service, "faults", faults="none")
    before = yes(service, "trace")["faults"]
    yes(service, "calm")
    assert yes(service, "trace")["faults"] == before
    assert sum(yes(service, "trace")["operations"].values()) > 20


def test_the_script_told_again_is_the_same_history(service: Service) -> None:
    yes(service, "faults", faults="all", operations=4)
    yes(service, "advance", time="15s")
    no(service, "start", node="n9")
    yes(service, "check")
    first = yes(service, "trace")
    again = Service()
    for line in yes(service, "script")["lines"]:
        assert json.loads(again.answer(line.encode()))["ok"]
    assert yes(again, "trace") == first


def test_a_broken_promise_ends_its_cluster_with_seed_and_sentence_and_no_other(
    service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    yes(service, "new", cluster="other", seed=4, nodes=1)

    def lie(_self: object, world: World) -> None:
        raise PromiseBroken("B1", f"a lie at {world.now}")

    monkeypatch.setattr("simulations.checks.checks.Checks.look_at_all", lie)
    broken = no(service, "check")
    assert (broken["code"], broken["promise"], broken["seed"]) == ("broken", "B1", 3)
    assert broken["verdict"] == "violated"
    assert "script" in broken["again"]
    assert no(service, "advance", time="1s") == broken
    assert "a lie" in yes(service, "transcript", last=1)["lines"][0]
    assert yes(service, "state")["nodes"]
    yes(service, "advance", cluster="other", time="1s")


class Crashing(Observer):
    def stepped(self, host: object, cause: str, effects: object) -> None:
        raise KeyError("planted")


def test_a_crash_of_the_simulator_is_called_one(service: Service) -> None:
    service._clusters["cluster"].world.observe(Crashing())
    assert no(service, "advance", time="5s")["code"] == "internal"


@pytest.mark.parametrize(
    ("do", "fields", "code", "names"),
    [
        ("advnce", {}, "bad_command", "advance"),
        ("advance", {}, "bad_command", "time"),
        ("advance", {"time": 4}, "bad_command", "time"),
        ("advance", {"time": "4"}, "bad_value", "time"),
        ("advance", {"time": "1000h"}, "bad_value", "a day"),
        ("advance", {"time": "4s", "x": 1}, "bad_command", "x"),
        ("advance", {"time": "4s", "cluster": "nobody"}, "no_cluster", "nobody"),
        ("kill", {"node": "n9"}, "no_node", "n9"),
        ("start", {"node": "n0"}, "up", "n0"),
        ("disk", {"node": "n0", "what": "lose"}, "up", "n0"),
        ("disk", {"node": "n0", "what": "melt"}, "bad_value", "melt"),
        ("cut", {"here": ["n0"], "there": ["n0"]}, "bad_value", "n0"),
        ("cut", {"here": [], "there": ["n0"]}, "bad_command", "here"),
        ("hardware", {"node": "n0", "lost": [7]}, "bad_value", "7"),
        ("hardware", {"node": "n0", "ram": "4 GB of it"}, "bad_value", "ram"),
        ("faults", {"faults": "kil"}, "bad_value", "kill"),
        ("weather", {"loss": 1.5}, "bad_command", "loss"),
        ("weather", {"here": "n0"}, "bad_value", "both ends"),
        ("run-until", {"condition": "tea"}, "bad_value", "tea"),
        ("run-until", {"condition": "sees", "node": "n0"}, "bad_value", "of"),
        ("answer", {"node": "n0", "asked": 99}, "not_found", "99"),
        ("ask", {"node": "n0", "request": {"type": "reserv"}}, "bad_request", "reserv"),
        ("ask", {"node": "n0", "request": {"type": "events"}}, "bad_request", "transcript"),
        ("end-work", {"node": "n0", "pid": 5}, "not_found", "5"),
        ("new", {"seed": 1}, "no_cluster", "cluster"),
        ("new", {"seed": 1, "cluster": "b", "scheme": "rsa"}, "bad_value", "rsa"),
        ("new", {"seed": -1, "cluster": "b"}, "bad_command", "seed"),
        (
            "new", {"seed": 1, "cluster": "b", "machines": [{"name": "x"}, {"name": "x"}]},
            "bad_value", "two called x",
        ),
        (
            "new", {"seed": 1, "cluster": "b", "machines": [{"name": "x", "slots": {"a b": 1}}]},
            "bad_value", "slots: 'a b' is no name of slots",
        ),
        ("script", {"first": 500}, "not_found", "lines"),
    ],
)  # fmt: skip
def test_a_wrong_line_is_named_and_changes_nothing(
    service: Service, do: str, fields: dict[str, Any], code: str, names: str
) -> None:
    before = yes(service, "trace")
    error = no(service, do, **fields)
    assert error["code"] == code
    assert names in error["sentence"]
    assert yes(service, "trace") == before


def talk(*lines: bytes) -> list[dict[str, Any]]:
    answers = io.BytesIO()
    assert serve(io.BytesIO(b"".join(lines)), answers) == 0
    return [json.loads(line) for line in answers.getvalue().splitlines()]


def test_one_line_is_one_answer_however_long_it_is() -> None:
    long = b'{"do": "' + b"x" * (3 * LINE_BYTES_MAX) + b'"}\n'
    hello, *answers = talk(b"[]\n", b"\n", long, b"\xff\n", b'{"id": 7, "do": "bye"}\n', b"{}\n")
    assert hello["protocol"] == 1
    assert [answer["ok"] for answer in answers] == [False, False, False, True]
    assert {answer["error"]["code"] for answer in answers[:3]} == {"bad_line"}
    assert answers[-1]["id"] == 7


def test_nesting_without_end_is_a_bad_line() -> None:
    _, answer = talk(b'{"do":' + b"[" * 200_000 + b"\n")
    assert answer["error"]["code"] == "bad_line"


def test_the_command_says_nothing_else_on_stdout_and_ends_with_stdin() -> None:
    done = subprocess.run(
        [Path(sys.executable).with_name("holdfast"), "simulate", "--serve"],
        input=b'{"id": "a", "do": "new", "seed": 1, "nodes": 2}\n{"do": "calm"}\n',
        capture_output=True, check=True, timeout=60,
    )  # fmt: skip
    hello, made, calm = map(json.loads, done.stdout.splitlines())
    assert hello["holdfast"]
    assert (made["id"], made["nodes"]) == ("a", ["n0", "n1"])
    assert calm["looked"]["V3"]
    assert done.stderr == b""
