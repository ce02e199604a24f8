"""Models on disk: recognised by their headers, whatever they are called."""

import json
import os
import shutil
from pathlib import Path

import pytest

from node.probes.models.files import PACKED, ModelError, read_model
from placement.memory.headers.tensors import weigh
from tests.placement.memory.headers.files import DATA, SIZES


def _folder(place: Path, *names: str, **texts: str) -> Path:
    for name in names:
        shutil.copy(DATA / name, place / name)
    for name, text in texts.items():
        (place / f"{name}.json").write_text(text)
    return place


def test_a_folder_with_one_gguf_model_is_that_model_whatever_lies_beside_it(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "little.gguf")
    shutil.copy(DATA / "big.gguf", folder / "mmproj-little.gguf")
    (folder / "README.md").write_text("read me")
    found = read_model(folder)
    assert found.files == (str(folder / "little.gguf"),)
    assert found.beside == (str(folder / "mmproj-little.gguf"),)
    assert weigh(found.tensors or ()).bytes == sum(SIZES["little"].values())
    assert found.gguf_kv is not None
    assert found.gguf_kv["llama.block_count"] == 2


def test_any_part_of_a_split_model_names_the_whole(tmp_path: Path) -> None:
    parts = [f"split-{part:05}-of-00003.gguf" for part in (1, 2, 3)]
    folder = _folder(tmp_path, *parts)
    for place in (folder, folder / parts[0], folder / parts[2]):
        assert weigh(read_model(place).tensors or ()).bytes == sum(SIZES["split"].values())
    (folder / parts[1]).unlink()
    with pytest.raises(ModelError) as caught:
        read_model(folder)
    assert caught.value.problem == "not_found"
    assert parts[1] in str(caught.value)


def test_two_models_in_one_folder_are_not_guessed_between(tmp_path: Path) -> None:
    folder = _folder(tmp_path, "little.gguf", "big.gguf")
    with pytest.raises(ModelError) as caught:
        read_model(folder)
    assert caught.value.problem == "several_models"
    assert "big.gguf, little.gguf" in str(caught.value)


def test_safetensors_are_read_with_their_index_or_without_it(tmp_path: Path) -> None:
    names = [f"model-{part:05}-of-00002.safetensors" for part in (1, 2)]
    index = "model.safetensors.index.json"
    folder = _folder(tmp_path, *names, index, config='{"model_type": "llama"}')
    with_index = read_model(folder)
    (folder / index).unlink()
    without = read_model(folder)
    for found in (with_index, without):
        assert weigh(found.tensors or ()).bytes == 160 + 32 + 80
        assert found.config == {"model_type": "llama"}
    (folder / "config.json").write_text('{"quantization_config": {"bits": 4}}')
    assert PACKED in read_model(folder).notes


def test_a_bare_config_is_a_model_without_weights(tmp_path: Path) -> None:
    folder = _folder(tmp_path, config='{"model_type": "llama"}')
    for place in (folder, folder / "config.json"):
        found = read_model(place)
        assert (found.format, found.tensors) == ("config", None)


@pytest.mark.parametrize(
    "text", ["", "[]", '"x"', "{", '{"a":' * 40 + "1" + "}" * 40, "[" * 100_000, "\xff"]
)
def test_a_config_that_is_none_is_refused_by_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "config.json").write_bytes(text.encode("latin-1"))
    with pytest.raises(ModelError) as caught:
        read_model(tmp_path)
    assert caught.value.problem == "malformed"


def test_what_is_no_plain_file_is_refused_and_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.gguf")
    with pytest.raises(ModelError) as caught:
        read_model(tmp_path / "pipe.gguf")
    assert caught.value.problem == "not_a_file"
    (tmp_path / "empty").mkdir()
    for name, problem in (("empty", "not_found"), ("missing.gguf", "not_found")):
        with pytest.raises(ModelError) as caught:
            read_model(tmp_path / name)
        assert caught.value.problem == problem


def test_an_index_that_names_a_file_elsewhere_is_refused(tmp_path: Path) -> None:
    (tmp_path / "secret.safetensors").write_bytes(
        (DATA / "model-00001-of-00002.safetensors").read_bytes()
    )
    inner = tmp_path / "model"
    inner.mkdir()
    index = {"weight_map": {"model.embed_tokens.weight": "../secret.safetensors"}}
    (inner / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(ModelError) as caught:
        read_model(inner)
    assert caught.value.problem == "malformed"
