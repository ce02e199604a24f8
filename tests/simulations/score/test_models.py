"""The score over measured models, and that it can be failed."""

import json
from pathlib import Path
from typing import Any, Final

import pytest

from simulations.score.command import MET, MISSED, MISUSED, main
from simulations.score.models import score

FILE: Final = Path(__file__).parents[2] / "data" / "models" / "measured.json"


def vectors() -> list[dict[str, Any]]:
    told: list[dict[str, Any]] = json.loads(FILE.read_text(encoding="utf-8"))["vectors"]
    return told


def test_every_bar_is_met_on_the_measured_models(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["models", "--vectors", str(FILE)]) == MET
    assert "every bar is met" in capsys.readouterr().out


def test_the_file_alone_and_the_configuration_alone_say_the_same_of_the_cache() -> None:
    for left_out in ("config", "gguf_kv"):
        told = [{k: v for k, v in vector.items() if k != left_out} for vector in vectors()[::4]]
        told = [vector for vector in told if "config" in vector or "gguf_kv" in vector]
        met, points = score(told).tally["cache"]
        assert met == points


def test_the_name_of_a_vector_is_not_looked_at() -> None:
    told = [{**vector, "id": "someone/else"} for vector in vectors()[::8]]
    assert score(told).tally == score(vectors()[::8]).tally


def test_a_byte_of_cache_too_many_is_a_miss(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    told = vectors()[:1]
    told[0]["llamacpp_measured"]["points"][0]["context_bytes"] += 1
    told[0]["config"]["model_type"] = "hyperion_9"
    file = tmp_path / "vectors.json"
    file.write_text(json.dumps({"vectors": told}), encoding="utf-8")
    assert main(["models", "--vectors", str(file), "--json"]) == MISSED
    said = json.loads(capsys.readouterr().out)
    assert said["measures"]["cache"] == {"met": 12, "points": 13, "bar": 1.0}
    file.write_text("[]", encoding="utf-8")
    assert main(["models", "--vectors", str(file)]) == MISUSED


def test_a_kind_without_rules_misses_every_point_it_has() -> None:
    told = vectors()[0]
    told["config"] = {**told["config"], "model_type": "hyperion_9"}
    told["gguf_kv"] = {**told["gguf_kv"], "general.architecture": "hyperion9"}
    made = score([told])
    assert [met for met, _ in made.tally.values()] == [0, 0, 0, 0]
    assert any("no rules" in miss for miss in made.misses)
