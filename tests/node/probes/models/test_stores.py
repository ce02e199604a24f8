"""Stores: what Hugging Face, Ollama and LM Studio keep, by name and size."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest

from node.cli.inspecting import described, lines
from node.cli.render import Ink
from node.probes.models import stores
from node.probes.models.files import ModelError, read_model
from node.probes.models.stores import Stores, find
from tests.placement.memory.headers.files import DATA

LITTLE = DATA / "little.gguf"


def _home(folder: Path) -> Stores:
    return Stores.of({"HOME": str(folder)})


def _hugging_face(home: Path) -> None:
    base = home / ".cache/huggingface/hub/models--tiny--llama"
    for revision in ("aaa", "bbb"):
        (base / "snapshots" / revision).mkdir(parents=True)
    (base / "refs").mkdir()
    (base / "refs/main").write_text("aaa")
    (base / "blobs").mkdir()
    shutil.copy(LITTLE, base / "blobs/1234")
    (base / "snapshots/aaa/little.gguf").symlink_to("../../blobs/1234")


def _ollama(home: Path, name: str = "library/tiny/latest") -> None:
    digest = hashlib.sha256(LITTLE.read_bytes()).hexdigest()
    models = home / ".ollama/models"
    (models / "blobs").mkdir(parents=True, exist_ok=True)
    shutil.copy(LITTLE, models / f"blobs/sha256-{digest}")
    manifest = models / "manifests/registry.ollama.ai" / name
    manifest.parent.mkdir(parents=True, exist_ok=True)
    layers = [
        {"mediaType": "application/vnd.ollama.image.model", "digest": f"sha256:{digest}"},
        {"mediaType": "application/vnd.ollama.image.license", "digest": f"sha256:{digest}"},
    ]
    manifest.write_text(json.dumps({"schemaVersion": 2, "config": {}, "layers": layers}))


def _lm_studio(home: Path) -> None:
    folder = home / ".lmstudio/models/someone/tiny-GGUF"
    folder.mkdir(parents=True)
    for part in (1, 2, 3):
        name = f"split-{part:05}-of-00003.gguf"
        shutil.copy(DATA / name, folder / name)


def test_every_store_tells_its_models_with_name_and_size(tmp_path: Path) -> None:
    _hugging_face(tmp_path)
    _ollama(tmp_path)
    _ollama(tmp_path, "someone/tiny/q4")
    _lm_studio(tmp_path)
    found = _home(tmp_path).all()
    size = LITTLE.stat().st_size
    parts = sum((DATA / f"split-{part:05}-of-00003.gguf").stat().st_size for part in (1, 2, 3))
    assert [(model.store, model.name, model.bytes) for model in found] == [
        ("hugging-face", "tiny/llama", size),
        ("lm-studio", "someone/tiny-GGUF/split", parts),
        ("ollama", "registry.ollama.ai/someone/tiny:q4", size),
        ("ollama", "tiny:latest", size),
    ]


def test_a_model_is_found_by_the_name_its_store_knows(tmp_path: Path) -> None:
    _hugging_face(tmp_path)
    _ollama(tmp_path)
    _ollama(tmp_path, "someone/tiny/q4")
    here = _home(tmp_path)
    for name in ("tiny/llama", "ollama:tiny", "ollama:tiny:latest", "ollama:someone/tiny:q4"):
        body = described(read_model(find(here, name)))
        assert body["parameters"] == 8448
        assert any("9.51 KiB" in line for line in lines(body, Ink(False)))


@pytest.mark.parametrize(
    "name", ["no/such", "nonsense", "a/b/c", "../../etc", "ollama:../../x", "ollama:", "ollama:no"]
)
def test_a_name_that_is_in_no_store_is_refused_and_leads_nowhere_else(
    tmp_path: Path, name: str
) -> None:
    with pytest.raises(ModelError) as caught:
        find(_home(tmp_path), name)
    assert caught.value.problem == "not_found"


def test_a_manifest_that_lies_is_left_out(tmp_path: Path) -> None:
    _ollama(tmp_path)
    manifest = tmp_path / ".ollama/models/manifests/registry.ollama.ai/library/tiny/latest"
    layer = {"mediaType": "application/vnd.ollama.image.model", "digest": "sha256:../../secret"}
    for text in ("{", "[]", json.dumps({"layers": [layer]}), "x" * 300_000):
        manifest.write_text(text)
        assert _home(tmp_path).all() == ()


def test_a_store_with_more_than_anybody_has_is_not_looked_through_for_ever(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(stores, "FOLDERS_MAX", 20)
    folder = tmp_path / ".lmstudio/models/a/b"
    folder.mkdir(parents=True)
    for number in range(50):
        (folder / f"{number:03}.gguf").touch()
    assert 0 < len(_home(tmp_path).all()) < 20
    (folder / "loop").symlink_to(tmp_path / ".lmstudio")
    assert len(_home(tmp_path).all()) < 20


def test_each_program_is_looked_for_where_its_variables_say(tmp_path: Path) -> None:
    named = Stores.of({"HOME": "/h", "OLLAMA_MODELS": "/o", "HF_HOME": "/f"})
    assert named.ollama == (Path("/o"),)
    assert named.hugging_face == Path("/f/hub")
    assert Stores.of({"HF_HUB_CACHE": "/c"}).hugging_face == Path("/c")
