"""The fact about models: complete where it fits, bounded where it does not."""

from node.core.picture.self_image import SelfImage
from node.core.picture.topics import Models, decode_models, encode
from node.probes.models.servers import LoadedModel, Server
from node.probes.models.stores import StoredModel
from node.probes.models.telling import FACT_BYTES_MAX, models_fact

SERVER = Server("ollama", 11434, "0.12.3", (LoadedModel("llama3.2:latest", 5, 4, 4096),))


def _stored(count: int, name: str = "model") -> list[StoredModel]:
    return [
        StoredModel(f"{name}-{i}", "ollama", "gguf", 2**40, "/secret/path") for i in range(count)
    ]


def test_what_is_loaded_and_stored_is_told_and_never_where_it_lies() -> None:
    fact = models_fact([SERVER], _stored(2))
    assert [model.name for model in fact.loaded] == ["llama3.2:latest"]
    assert [model.name for model in fact.stored] == ["model-0", "model-1"]
    assert fact.left_out == 0
    assert b"secret" not in encode(fact)
    assert decode_models(encode(fact)) == fact


def test_more_models_than_a_fact_has_room_for_are_counted() -> None:
    for name in ("m", "\U0001f999" * 300):
        busy = Server("vllm", 8000, None, tuple(LoadedModel(f"l{i}", 2**50) for i in range(64)))
        fact = models_fact([busy], _stored(2000, name))
        assert len(encode(fact)) <= FACT_BYTES_MAX
        assert len(fact.loaded) == 64
        assert fact.left_out == 2000 - len(fact.stored) > 0


def test_a_machine_without_models_says_nothing_and_one_that_lost_its_last_says_so() -> None:
    image = SelfImage()
    nothing = Models((), (), ())
    assert image.inventory_read(nothing) is None
    assert image.inventory_read(models_fact([SERVER], ())) is not None
    assert image.inventory_read(models_fact([SERVER], ())) is None
    assert image.inventory_read(nothing) is not None
