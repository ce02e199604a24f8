"""Bad input: one clear sentence that says what to do, and exit 2."""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from node.cli import asks
from node.cli.exits import Unable
from node.cli.parser import COMMANDS, build, parse
from tests.node.cli.conftest import ROOT, Ran
from tests.support.fake_agent import FakeAgent

Run = Callable[..., Ran]

WRONG: list[tuple[tuple[str, ...], str]] = [
    (("staus",), "did you mean `status`?"),
    (("frobnicate",), "no command 'frobnicate'"),
    (("where", "--gppu", "3"), "did you mean --gpu?"),
    (("where", "--xyzzy"), "has no flag --xyzzy"),
    (("reserve", "--requre-copy", "--ram", "1GiB"), "did you mean --require-copy?"),
    (("--stat", "/tmp", "status"), "did you mean --state?"),
    (("where", "--ra", "4GiB"), "did you mean --ram?"),
    (("status", "now"), "one word too many"),
    (("where",), "say what is needed"),
    (("reserve", "--for", "2h"), "say what is needed"),
    (("where", "--ram"), "--ram needs a value"),
    (("where", "--ram", "-4GiB"), "--ram needs a value"),
    (("where", "--ram=-4GiB"), "negative"),
    (("where", "--ram", "4"), "has no unit: write 4GiB"),
    (("where", "--ram", "4G"), "has no unit"),
    (("where", "--ram", "0GiB"), "asks for nothing"),
    (("where", "--ram", "0"), "asks for nothing"),
    (("why-not", "--ram", "4GiB", "--nodes", "2"), "--nodes is asked of one NODE"),
    (("where", "--ram", "9999999PiB"), "more than any machine has"),
    (("where", "--ram", "nan"), "--ram: "),
    (("where", "--ram", ""), "say what is needed"),
    (("where", "--memory", "6 parsecs"), "unknown unit"),
    (("where", "--cpu", "two"), "--cpu: "),
    (("where", "--cpu=-1"), "negative"),
    (("where", "--gpu", "nvidia"), "how much of the card"),
    (("where", "--gpu", "nvidia:24GB..:0"), "count from 1"),
    (("where", "--disk", "floppy:1GiB"), "no disk class"),
    (("where", "--label", "attic"), "write key=value"),
    (("where", "--label", "a=1", "--label", "a=2"), "a node says one"),
    (("where", "--prefer", "oak", "--avoid", "oak"), "holdfast: 'oak' is to be preferred and"),
    (("where", "--near", "/nowhere"), "is not on this machine"),
    (("where", "--near", "bob:/x=40"), "--near: '40' has no unit"),
    (("where", "--near", "org/repo", "--objective", "pack"), "leave out --objective"),
    (("where", "--near", ".", "--peer", "bob"), "write HOST:/path=40GB"),
    (("plan", "--jobs", "/dev/zero"), "is not a plain file"),
    (("plan", "--jobs", "/nowhere.toml"), "no such file or directory"),
    (("where", "--objective", "cheapest"), "'headroom'"),
    (("where", "--for", "2", "--ram", "1GiB"), "--for: "),
    (("where", "run ollama", "--ram", "4G"), "has no unit"),
    (("where", "ollama", "--ram", "4GiB", "and", "more"), "one word too many"),
    (("reserve", "--ram", "4GiB", "--for", "soon"), "--for: "),
    (("reserve", "--ram", "4GiB", "--for=-2h"), "negative"),
    (("reserve", "--ram", "4GiB", "--pid", "x"), "is not a process id"),
    (("reserve", "--ram", "4GiB", "--pid", "0"), "is not a process id"),
    (("reserve", "--ram", "4GiB", "--pid", "9" * 30), "is not a process id"),
    (("reserve", "--ram", "4GiB", "--pid", "4194300"), "no process 4194300 runs"),
    (("adopt", "x", "--hold", "0123"), "is not a process id"),
    (("adopt", "1"), "required: --hold"),
    (("adopt", "1", "--hold", "0123", "--group"), "no control group of its own"),
    (("release",), "required: ID"),
    (("invite", "--ttl", "forever"), "--ttl: "),
    (("ledger",), "required: show|history|verify|export|open"),
    (("ledger", "burn"), "show"),
    (("ledger", "show", "--last", "many"), "is not a count"),
    (("ledger", "show", "--receipt", "x"), "goes with `ledger verify`"),
    (("ledger", "show", "--reason", "x"), "goes with `ledger open`"),
    (("ledger", "open"), "needs --reason"),
    (("ledger", "open", "--reason", " "), "needs --reason"),
    (("ledger", "open", "bob", "--reason", "x"), "this machine's own"),
    (("ledger", "verify", "--receipt", "/nowhere"), "cannot be read"),
    (("completion", "tcsh"), "bash"),
    (("up", "--port", "70000"), "number from 1 to 65535"),
    (("up", "--port", "http"), "--port: 'http' is not a port"),
    (("up", "--name", "../etc"), "is not a name"),
    (("up", "--seed", "host:port:more"), "--seed: "),
    (("up", "--seed", "10.0.0.1:0"), "--seed: "),
    (("up", "--label", "x"), "--label: "),
    (("up", "--offer", "everything"), "--offer: "),
    (("up", "--system-reserve", "2"), "--system-reserve: "),
    (("up", "--moved", "--new-identity"), "--moved"),
    (("up", "--secret-file", "/nowhere"), "the secret file /nowhere cannot be read"),
    (("join",), "no terminal to type the secret on"),
]


@pytest.mark.parametrize(("words", "said"), WRONG, ids=lambda value: " ".join(value)[:40])
def test_wrong_usage_is_one_sentence_and_exit_2(
    words: tuple[str, ...], said: str, state: Path, run: Run
) -> None:
    with FakeAgent(state / "other") as agent:
        ran = run(*words)
        spoken = run(*words, "--json")
    assert ran.status == 2, ran
    assert ran.out == ""
    assert said in ran.err
    assert ran.err.startswith("holdfast")
    assert len(ran.err.splitlines()) <= 2
    assert "Traceback" not in ran.err
    assert json.loads(spoken.out)["refused"]["code"] == "bad_request"
    assert agent.heard == []
    # Nothing was begun: no key, no secret, no journal.
    assert os.listdir(state) == ["other"]  # noqa: PTH208


MODELS: dict[str, tuple[bytes, str]] = {
    "negative.json": (b'{"model_type":"llama","num_hidden_layers":-3}', "is -3, outside 1 to"),
    "absurd.json": (b'{"model_type":"llama","num_hidden_layers":1e30}', "is 1e+30, outside 1 to"),
    "deep.json": (b'{"a":' * 9999 + b"1" + b"}" * 9999, "nested too deep"),
    "empty.json": (b"", "cannot be read"),
    "half.gguf": (b"GGUF\x03\x00\x00\x00\x01", "half.gguf: "),
    "huge.gguf": (b"GGUF\x03\x00\x00\x00" + b"\xff" * 7 + b"\x7f" + b"\xff" * 7 + b"\x7f",
                  "9223372036854775807 keys are announced"),
    "long.safetensors": (b"\xff" * 7 + b"\x7f{}", "the length of a header"),
}  # fmt: skip


@pytest.mark.parametrize("name", MODELS)
@pytest.mark.parametrize("words", [("where", "--model"), ("model", "estimate")], ids=" ".join)
def test_a_model_file_that_cannot_be_is_named_with_its_fault_and_never_fits(
    words: tuple[str, ...], name: str, tmp_path: Path, run: Run
) -> None:
    body, said = MODELS[name]
    file = tmp_path / name
    file.write_bytes(body)
    ran = run(*words, str(file))
    assert (ran.status, ran.out) == (1, "")
    assert said in ran.err
    assert "no file is there" not in ran.err


def test_gigabytes_are_read_as_such_and_shown_beside_gibibytes(run: Run) -> None:
    ran = run("where", "--ram", "1GB")
    assert "note: 1GB is 953.67 MiB" in ran.err
    assert "GB count by 1000" not in run("where", "--ram", "1GiB").err
    assert "GB count by 1000" not in run("where", "--ram", "1GB", "--json").err


@pytest.mark.parametrize(
    "words",
    [("join", "hello"), ("join", "hfi1-aaaa-bbbb"), ("join", "")],
    ids=str,
)
def test_a_text_that_is_no_invite_is_exit_1_and_says_where_invites_come_from(
    words: tuple[str, ...], state: Path, run: Run
) -> None:
    ran = run(*words)
    assert ran.status == 1
    assert "invite" in ran.err
    assert "`holdfast invite` on a member prints one" in ran.err


def test_a_secret_as_an_argument_is_refused_and_not_repeated(state: Path, run: Run) -> None:
    ran = run("join", "hf1-aaaa-bbbb-cccc")
    assert ran.status == 2
    assert "aaaa" not in ran.err
    assert "--secret-file" in ran.err


anything = st.text(st.characters(codec="utf-8"), max_size=40)
AMOUNTS = ("--ram", "--memory", "--cpu", "--gpu", "--disk", "--os", "--label")


def _ending(call: Callable[[], object]) -> int:
    """How a command would end; anything but a sentence or help is a bug that passes through."""
    try:
        return 0 if call() else 1
    except Unable as no:
        return no.status
    except SystemExit as help_was_shown:
        return int(help_was_shown.code or 0)


@given(anything)
def test_any_text_as_a_duration_is_a_time_or_wrong_usage(text: str) -> None:
    assert _ending(lambda: asks.term_ms(text)) in (0, 2)


@given(st.sampled_from(AMOUNTS), anything)
def test_any_text_as_an_amount_is_a_document_or_wrong_usage(flag: str, text: str) -> None:
    flags = parse(build(), ["where", f"{flag}={text}"])
    assert _ending(lambda: asks.document(flags)) in (0, 2)


@settings(deadline=None)
@given(st.lists(anything, max_size=6))
def test_no_command_line_at_all_ends_in_a_traceback(line: list[str]) -> None:
    assert _ending(lambda: parse(build(), line)) in (0, 2)
    assert _ending(lambda: parse(build(), ["where", *line])) in (0, 2)


@pytest.mark.parametrize(
    "words", [("status",), ("status", "--json"), ("facts", "nobody", "--json"), ("--version",)],
    ids=str,
)  # fmt: skip
def test_a_full_disk_behind_stdout_is_one_sentence_and_status_1(
    words: tuple[str, ...], state: Path
) -> None:
    with FakeAgent(state), open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-P", "-m", "node.cli", *words],
            stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60,
            env={"PYTHONPATH": str(ROOT), "HOLDFAST_STATE": str(state)},
        )  # fmt: skip
    assert done.returncode == 1
    assert done.stderr == (
        "holdfast: the answer could not be written to the standard output: "
        "No space left on device\n"
    )


def test_a_life_that_no_invite_has_is_told_the_units_and_the_longest(run: Run) -> None:
    ran = run("invite", "--ttl", "1y")
    assert ran.status == 2
    assert "units: s, m, h, d; an invite is good for 7d at most" in ran.err


def test_each_command_has_its_help_on_its_own_line() -> None:
    listed = build().format_help()
    for command in COMMANDS:
        assert f" {command.name} " in next(x for x in listed.splitlines() if command.help in x)
