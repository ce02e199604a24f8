"""`holdfast model inspect`, from the command."""

import json
from collections.abc import Callable
from typing import Any

from tests.placement.memory.headers.files import DATA


def test_a_file_is_told_for_people_and_for_programs(run: Callable[..., Any], state: Any) -> None:
    shown = run("model", "inspect", str(DATA / "little.gguf"))
    assert shown.status == 0
    assert "8,448" in shown.out
    assert "2,048 tokens" in shown.out
    body = json.loads(run("model", "inspect", str(DATA / "little.gguf"), "--json").out)
    assert (body["parameters"], body["bytes"], body["architecture"]) == (8448, 9744, "llama")


def test_what_is_no_model_is_refused_by_name(run: Callable[..., Any], state: Any) -> None:
    for subject, code in ((__file__, "other_format"), ("no/such", "not_found")):
        refused = run("model", "inspect", subject, "--json")
        assert refused.status == 1
        assert json.loads(refused.out)["refused"]["code"] == code
    assert run("model", "inspect").status == 2


def test_an_estimate_stands_beside_what_is_known_and_is_not_invented(
    run: Callable[..., Any], state: Any
) -> None:
    known = json.loads(run("model", "inspect", str(DATA / "little.gguf"), "--json").out)
    needs = known["estimate"]["needs"]
    assert known["bytes"] < needs["low"] <= needs["likely"] <= needs["high"]
    index = DATA / "model.safetensors.index.json"
    assert json.loads(run("model", "inspect", str(index), "--json").out)["estimate"] is None
    assert "no estimate" in run("model", "inspect", str(index)).out
