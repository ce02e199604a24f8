"""What somebody may say in another's name: a member that passes on what its author never signed.

Whoever is in the mesh may talk to everyone, and passes on the words of third parties. What it makes
up for them has no signature of theirs, and must be refused at the first door.
"""

import dataclasses
from random import Random
from typing import Final

from mesh.instant import SECOND
from mesh.parcels import Item, parcel_bytes
from mesh.reconcile import SERVICE_PUSH
from mesh.record import TOPIC_NODE, parse_record, record_body
from mesh.wire import block_bytes, fact_bytes
from simulations.faults.fault import End, Fault, over
from simulations.faults.scene import Scene
from simulations.host import Host


def _forged(forger: Host, author: Host, dice: Random) -> Item | None:
    """A next word of `author`, made up: a good-bye, a figure, or a block on top of its log."""
    mesh = forger.alive.mesh
    head = mesh.chains.head(author.id)
    if head is not None and dice.random() < 0.5:
        next_block = dataclasses.replace(head, height=head.height + 1, previous=head.hash)
        return Item("block", (block_bytes(next_block),))
    topics = mesh.board.topics(author.id)
    fact = mesh.board.fact(author.id, dice.choice(topics)) if topics else None
    if fact is None:
        return None
    body = fact.body
    record = parse_record(body) if fact.topic == TOPIC_NODE else None
    if record is not None:
        body = record_body(dataclasses.replace(record, left=True))
    return Item(
        "fact", (fact_bytes(dataclasses.replace(fact, version=fact.version + 1, body=body)),)
    )


def _forgery(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    others = [scene.world.hosts[name] for name in scene.others(host)]
    if host.agent is None or len(others) < 2:
        return None
    author, target = dice.sample(others, 2)
    item = _forged(host, author, dice)
    if item is None:
        return None
    parcel = parcel_bytes([item], None, more=False, lacks=None)
    scene.world.streams.request(host, target, SERVICE_PUSH, parcel, lambda _answer: None)
    return over


FAULTS: Final = (
    Fault(
        "forgery", "identity", "a member passes on what its author never said", 120 * SECOND,
        _forgery,
    ),
)  # fmt: skip
