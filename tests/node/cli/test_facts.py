"""`holdfast facts`: watched, and with models to show."""

from argparse import Namespace
from collections.abc import Callable
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest

from node.cli.commands import facts
from node.cli.draw_facts import facts_lines
from node.cli.render import Ink
from tests.node.cli.conftest import Ran
from tests.support.fake_agent import FACTS, FakeAgent

MODELS: dict[str, Any] = {
    "servers": [
        {"kind": "ollama", "port": 11434, "version": "0.12.3", "note": ""},
        {"kind": "vllm", "port": 8000, "version": None, "note": "the answer is 404"},
        {"kind": "lm-studio", "port": 1234, "version": None, "note": ""},
    ],
    "loaded": [
        {"name": "llama3.2\x1b[2J", "server": "ollama", "port": 11434, "bytes": 3 << 30,
         "bytes_on_cards": 3 << 30, "context": 4096, "slots": None},
    ],
    "stored": [{"name": "qwen3:8b", "store": "ollama", "format": "gguf", "bytes": 5 << 30}],
    "left_out": 7,
}  # fmt: skip


def test_models_are_shown_by_where_they_are_and_cannot_move_a_cursor() -> None:
    (node,) = FACTS["nodes"]
    text = "\n".join(facts_lines({"nodes": [{**node, "models": MODELS}]}, Ink(False)))
    for words in (
        "3 GiB", "ollama, port 11434", "4,096 tokens", "qwen3:8b", "on disk", "and 7 more",
        "vllm at port 8000: the answer is 404", "lm-studio at port 1234, nothing loaded",
    ):  # fmt: skip
        assert words in text
    assert "\x1b" not in text


def test_a_watch_asks_anew_each_time(
    state: Any, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    shown: list[str] = []
    told = deepcopy(FACTS)

    def twice(flags: Namespace, look: Callable[[], Any], draw: Callable[..., list[str]]) -> int:
        for age in (1_000, 2_000):
            told["nodes"][0]["ages_ms"]["live"] = age
            shown.append("\n".join(draw(look(), Ink(False))))
        return 0

    monkeypatch.setattr(facts, "watch", twice)
    with FakeAgent(state, {"facts": told}):
        assert run("facts", "--watch", "--every", "1s").status == 0
    assert ["1 s ago" in shown[0], "2 s ago" in shown[1]] == [True, True]


def test_figures_of_cards_and_volumes_are_told_in_words() -> None:
    (node,) = deepcopy(FACTS)["nodes"]
    watts = {"value": 71, "unit": "watts", "source": "nvml", "status": "ok", "note": ""}
    node["live"]["metrics"] |= {"gpu.GPU-1.power_limit": watts, "disk:/srv.inodes_free": watts}
    text = "\n".join(facts_lines({"nodes": [node]}, Ink(False)))
    assert "power limit of GPU-1" in text
    assert "inodes free of disk:/srv" in text


def test_what_failed_here_is_forgotten_by_a_persons_word(
    state: Path, run: Callable[..., Ran]
) -> None:
    with FakeAgent(state) as agent:
        assert "forgotten: 2 kinds of failure of train" in run("facts", "--forgive", "train").out
        agent.say("forgive", {"workload": "train", "forgotten": 0})
        assert run("facts", "--forgive", "train").status == 1
        assert run("facts", "bob", "--forgive", "train").status == 2
