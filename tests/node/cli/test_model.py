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


def test_a_published_config_is_reckoned_as_its_makers_stored_it(
    run: Callable[..., Any], state: Any, tmp_path: Any
) -> None:
    config = {
        "model_type": "qwen3_moe", "hidden_size": 2048, "intermediate_size": 6144,
        "moe_intermediate_size": 768, "num_hidden_layers": 48, "num_attention_heads": 32,
        "num_key_value_heads": 4, "head_dim": 128, "num_experts": 128, "num_experts_per_tok": 8,
        "vocab_size": 151936, "tie_word_embeddings": False,
        "quantization_config": {"quant_method": "fp8"},
    }  # fmt: skip
    place = tmp_path / "config.json"
    # Models with states are published with this word, which is no JSON.
    text = json.dumps(config)
    place.write_text(text[:-1] + ', "time_step_limit": [0.0, Infinity]}')
    body = json.loads(run("model", "inspect", str(place), "--json").out)
    assert body["parameters"] is None
    assert body["parameters_by_rule"] == 30_532_122_624
    assert (body["experts"], body["experts_used"]) == (128, 8)
    assert body["estimate"]["quant"] == "fp8"
    assert 29e9 < body["estimate"]["needs"]["likely"] < 38e9
    assert "30,532,122,624 by the rules of its family" in run("model", "inspect", str(place)).out
    place.write_text('{"model_type": "llama", "hidden_size": Infinite}')
    assert run("model", "inspect", str(place)).status == 1
