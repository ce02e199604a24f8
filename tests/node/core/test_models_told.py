"""Which models a machine has is known to every other, within the bounds of a fact."""

from mesh.instant import SECOND
from node.core import requests
from node.core.picture.reports import InventoryRead
from node.core.picture.self_image import NO_MODELS
from node.core.picture.topics import LoadedFact, Models, ServerFact
from simulations.invented.world import World

OLLAMA = Models(
    (ServerFact("ollama", 11434, "0.12.3"),),
    (LoadedFact("llama3.2:latest", "ollama", 11434, 5, 4, 4096, None),),
    (),
)


def test_a_model_loaded_on_one_machine_is_known_on_the_other_and_unloaded_too() -> None:
    world = World(1)
    for name in ("ann", "bob"):
        world.add(name)
        world.start(name, first=True)
    world.run(5 * SECOND)

    def known() -> object:
        body = world.answer("bob", requests.Facts("ann")).body
        return body["nodes"][0]["models"]

    assert known() is None
    for told, shown in ((OLLAMA, ["llama3.2:latest"]), (Models((), (), ()), [])):
        world.report("ann", InventoryRead(told))
        world.run(5 * SECOND)
        models = known()
        assert isinstance(models, dict)
        assert [row["name"] for row in models["loaded"]] == shown


def test_models_that_went_while_the_agent_was_off_are_known_no_more() -> None:
    world = World(1)
    for name in ("ann", "bob"):
        world.add(name)
        world.start(name, first=True)
    world.run(5 * SECOND)
    world.report("ann", InventoryRead(OLLAMA))
    world.run(5 * SECOND)
    world.crash("ann")
    world.start("ann")
    world.run(SECOND)
    world.report("ann", InventoryRead(NO_MODELS))
    world.run(5 * SECOND)
    models = world.answer("bob", requests.Facts("ann")).body["nodes"][0]["models"]
    assert models["loaded"] == []
