"""What `make engines` compares, and that it would notice; the servers themselves are not needed."""

from math import prod
from typing import Any

import pytest

from node.probes.models.servers import LoadedModel, Server
from placement.memory.description import describe_gguf
from placement.memory.model import Model
from simulations.engines import tiny
from simulations.engines.comparing import cache_row, native_server, python_server

KV: dict[str, Any] = {
    "general.architecture": "llama", "llama.block_count": tiny.LAYERS,
    "llama.embedding_length": tiny.HIDDEN, "llama.feed_forward_length": tiny.INNER,
    "llama.attention.head_count": tiny.HEADS, "llama.attention.head_count_kv": tiny.KEY_HEADS,
    "llama.context_length": tiny.CONTEXT, "llama.vocab_size": tiny.VOCABULARY,
}  # fmt: skip
PROPS = {"build_info": "b9000-abc", "default_generation_settings": {"n_ctx": 8192},
         "total_slots": 1}  # fmt: skip
MODELS = {"data": [{"id": "tiny", "meta": {"size": 1640960}}]}


def test_the_tiny_model_has_the_tensors_that_our_rules_count() -> None:
    model = describe_gguf(KV)
    assert isinstance(model, Model)
    assert model.parameters() == sum(prod(shape) for shape in tiny.shapes().values())
    words, scores, kinds = tiny.tokens()
    assert len(words) == len(scores) == len(kinds) == len({*words}) == tiny.VOCABULARY


def test_a_probe_that_says_the_same_agrees_and_one_that_does_not_is_found() -> None:
    loaded = LoadedModel("tiny", 1640960, None, 8192, 1)
    ours = Server("llama.cpp", 1, "b9000-abc", (loaded,))
    assert all(row.agrees for row in native_server(PROPS, MODELS, ours))
    assert not any(row.agrees for row in native_server(PROPS, MODELS, None))
    short = Server("llama.cpp", 1, "b9000-abc", (LoadedModel("tiny", 1640960, None, 4096, 1),))
    assert [row.what for row in native_server(PROPS, MODELS, short) if not row.agrees] == [
        "context"
    ]
    python = Server("llama.cpp", 1, "llama-cpp-python 0.3.36", (LoadedModel("tiny"),))
    assert all(row.agrees for row in python_server("0.3.36", MODELS, python))
    assert not all(row.agrees for row in python_server("0.3.36", MODELS, ours))


@pytest.mark.parametrize(("said", "agrees"), [("8.00", True), ("9.00", False)])
def test_the_cache_is_compared_with_what_the_engine_logs(said: str, agrees: bool) -> None:
    log = f"llama_kv_cache:        CPU KV buffer size =     {said} MiB\n"
    row = cache_row("llama-server", log, KV, tiny.CONTEXT)
    assert row is not None
    assert row.ours == 8.0, "two layers of 128 keys and 128 values, 8,192 times, at half precision"
    assert row.agrees is agrees
    assert cache_row("llama-server", "nothing", KV, tiny.CONTEXT) is None
