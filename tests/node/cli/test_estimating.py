"""`holdfast model estimate`, from the command."""

import json
from pathlib import Path
from typing import Any

import pytest

from node.cli import main as command
from node.cli import parser
from node.cli.asks import document
from node.cli.estimating import catalogue, tokens
from node.cli.exits import Unable
from placement.memory.description import describe
from placement.memory.model import Model
from tests.placement.memory.test_description import LLAMA

GIB = 1 << 30


def ask(capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, Any]:
    assert command.main(["model", "estimate", *words, "--json"]) == 0
    told: dict[str, Any] = json.loads(capsys.readouterr().out)
    return told


def test_a_model_by_name_is_estimated_and_every_term_has_its_source(
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ("llama3.1:70b", "--quant", "q4_k_m", "--ctx", "32k", "--parallel", "4")
    told = ask(capsys, *words, "--engine", "llama.cpp", "--cards", "2", "--card", "h100")
    assert {term["name"] for term in told["terms"]} >= {"weights", "cache", "compute"}
    assert all(term["source"] for term in told["terms"])
    cache = next(term for term in told["terms"] if term["name"] == "cache")
    assert cache["likely"] == 40 * GIB
    assert len(told["cards"]) == 2
    assert told["speed"]["low"] < told["speed"]["high"]
    assert command.main(["model", "estimate", *words]) == 0
    shown = capsys.readouterr().out
    assert "GiB" in shown
    assert " GB)" in shown


def test_a_name_that_is_nearly_known_brings_the_names_that_are(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command.main(["model", "estimate", "llama3.1:7b"]) == 1
    assert "llama3.1:8b" in capsys.readouterr().err


def test_a_configuration_on_disk_is_read_and_a_contradiction_never_fits(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    place = tmp_path / "config.json"
    place.write_text(json.dumps(LLAMA), encoding="utf-8")
    told = ask(capsys, str(place))
    assert told["parameters"] == 8_030_261_248
    place.write_text(json.dumps(LLAMA | {"hidden_size": -1}), encoding="utf-8")
    assert command.main(["model", "estimate", str(place)]) == 1
    assert "hidden_size" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--ctx", "lots"), "lots"), (("--quant", "q9"), "q9"), (("--engine", "abacus"), "abacus"),
        (("--cards", "3", "--split", "tensor"), "3"), (("--card", "rtx409"), "rtx4090"),
    ],
)  # fmt: skip
def test_a_wrong_word_is_named(
    words: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert command.main(["model", "estimate", "llama3.1:8b", *words]) != 0
    assert said in capsys.readouterr().err


def test_tokens_are_counted_in_thousands_of_1024() -> None:
    assert [tokens(word) for word in ("8192", "32k", "1.5K", "1m")] == [8192, 32768, 1536, 1 << 20]
    with pytest.raises(Unable):
        tokens("32GB")


def test_every_model_of_the_catalogue_has_the_size_its_makers_give() -> None:
    for name, row in catalogue().items():
        made = describe(row["config"])
        assert isinstance(made, Model), name
        assert abs(made.text_parameters() / 1e9 / row["billions"] - 1) < 0.01, name
        assert row["source"].startswith("https://"), name


def asked(*words: str) -> dict[str, Any]:
    return document(parser.build().parse_args(["where", *words]))


def test_a_request_for_a_model_asks_for_the_high_side_of_its_estimate(
    capsys: pytest.CaptureFixture[str],
) -> None:
    told = ask(capsys, "llama3.1:8b", "--ctx", "32k")
    room = -(-told["needs"]["high"] // (1 << 20))
    assert asked("--model", "llama3.1:8b", "--ctx", "32k")["gpus"] == [f"{room}MiB:1"]
    two = asked("--model", "llama3.1:8b", "--ctx", "32k", "--cards", "2")["gpus"][0]
    assert two.endswith(":2")
    assert room // 2 < int(two.partition("MiB")[0]) < room
    assert "high side" in capsys.readouterr().err


def test_an_amount_that_is_written_comes_before_what_the_model_needs() -> None:
    said = asked("--model", "llama3.1:8b", "--gpu", "nvidia:24GB")
    assert said["gpus"] == ["nvidia:24GB"]
    assert said["ram"].endswith("MiB")


def test_how_a_model_runs_means_nothing_without_the_model() -> None:
    with pytest.raises(Unable):
        asked("--ram", "4GiB", "--ctx", "32k")
    with pytest.raises(Unable):
        asked("--model", "llama3.1:8b", "--cards", "33")


@pytest.mark.parametrize(
    ("words", "gibibytes"),
    [
        ("run llama3.1:70b with ollama", 45.75),
        ("run llama: llama3.1:70b, by ollama", 45.75),
        ("serve kimi-k2.5 with vllm", 619.2),  # its experts are published in four bits
        ("run deepseek-v4-flash with llama.cpp", 168.8),  # and no size in the name
    ],
)
def test_words_that_call_a_model_by_its_name_ask_for_that_model(
    words: str, gibibytes: float
) -> None:
    room = asked(words)["memory"]
    assert float(room.removesuffix("MiB")) / 1024 == pytest.approx(gibibytes, rel=0.001)


@pytest.mark.parametrize(
    "words", ["run a 7b model", "cargo build the llama3.1:8b repo", "read about gpt2"]
)
def test_words_that_run_no_model_of_the_catalogue_are_left_to_their_reader(words: str) -> None:
    assert "memory" not in asked(words)


def test_an_amount_that_is_given_is_not_overruled_by_a_name(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert asked("run llama3.1:70b", "--ram", "4GiB") == {
        "words": "run llama3.1:70b", "ram": "4GiB",
    }  # fmt: skip


def test_a_flag_with_two_values_is_refused_and_not_chosen_from(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert command.main(["where", "--os", "linux", "--os", "darwin"]) == 2
    assert "'linux' and 'darwin': give it once" in capsys.readouterr().err
    assert asked("--ram", "1GiB", "--ram", "1GiB") == {"ram": "1GiB"}
    assert asked("--tool", "git", "--tool", "node")["tools"] == ["git", "node"]
