"""What `make engines` compares, and that it would notice; the servers themselves are not needed."""

from math import prod
from typing import Any

import pytest

from node.probes.models.servers import LoadedModel, Server
from placement.memory.description import describe_gguf
from placement.memory.llamacpp import Context
from placement.memory.model import Model
from simulations.engines import tiny
from simulations.engines.comparing import memory_rows, native_server, python_server


def kv(arch: str) -> dict[str, Any]:
    own = {f"{arch}.{key}": said for key, said in tiny.keys(arch).items()}
    return {"general.architecture": arch, **own}


PROPS = {"build_info": "b9000-abc", "default_generation_settings": {"n_ctx": 8192},
         "total_slots": 1}  # fmt: skip
MODELS = {"data": [{"id": "tiny", "meta": {"size": 1640960}}]}


@pytest.mark.parametrize("arch", ["llama", "rwkv7"])
def test_the_tiny_models_have_the_tensors_that_our_rules_count(arch: str) -> None:
    model = describe_gguf(kv(arch))
    assert isinstance(model, Model)
    stored = sum(weight.elements for _, weight in model.stored())
    assert stored == sum(prod(shape) for shape in tiny.shapes(arch).values())
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


LOG = """
llama_kv_cache:        CPU KV buffer size =     {} MiB
sched_reserve:        CPU compute buffer size =   {} MiB
"""
"""As llama.cpp of llama-cpp-python 0.3.36 printed it for the tiny llama: 8.00 and 145.76."""


def test_memory_is_compared_with_what_the_engine_logs() -> None:
    asked = Context(tokens=tiny.CONTEXT, flash=False)
    cache, compute = memory_rows("it", LOG.format("8.00", "145.76"), kv("llama"), asked)
    assert (cache.theirs, cache.ours) == (8.0, 8.0)
    assert compute.ours == pytest.approx(145.76, rel=0.05)
    assert cache.agrees
    assert compute.agrees
    cache, compute = memory_rows("it", LOG.format("9.00", "900.00"), kv("llama"), asked)
    assert not cache.agrees
    assert not compute.agrees
    assert memory_rows("it", "nothing", kv("llama"), asked) == []


def test_a_state_is_compared_as_a_cache_is() -> None:
    log = "llama_memory_recurrent:        CPU RS buffer size =     0.06 MiB\n"
    (row,) = memory_rows("it", log, kv("rwkv7"), Context(tokens=512))
    assert row.ours == pytest.approx(2 * (2 * 128 + 128 * 64) * 4 / (1 << 20), abs=0.005)
    assert row.agrees
