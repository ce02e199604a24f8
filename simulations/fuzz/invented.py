"""A holder of the secret who invents nodes: each has a key, shakes hands, and leaves.

Every one of them is a proper member as far as anybody can tell. What an agent keeps of them must
have an end, and those who were there before must not suffer.
"""

import resource
import time
from random import Random
from typing import Final

from mesh.door.gate import Gate
from mesh.door.judgements import Established
from mesh.effects import Address, Send
from mesh.facts import Fact, sign_fact
from mesh.identity import Epoch, Identity
from mesh.instant import MILLISECOND
from mesh.kept.notary import Notary
from mesh.letters.messages import FactNews
from mesh.letters.wire import encode
from mesh.roll.record import Endpoint, NodeRecord, record_body
from simulations.checks.bounds import TABLES
from simulations.checks.memory import tables
from simulations.fuzz.row import Row
from simulations.fuzz.stage import Stage, staged
from simulations.invented import signatures

STEP: Final = 6 * MILLISECOND
"""Between two of them: under the rate at which hellos of new nodes are answered."""


def invented(count: int) -> Row:
    """`count` nodes that join and leave."""
    stage = staged()
    agent = stage.ann.alive
    row = Row("invented nodes join and leave")
    now = stage.world.shell.local(stage.ann)
    before = _resident()
    began = time.process_time()
    for number in range(count):
        now += STEP
        row.inputs += 1
        _live_and_leave(stage, number, now)
        if number % 16 == 0:
            agent.wake(now)
    row.cpu_us = 1e6 * (time.process_time() - began) / max(1, count)
    over = _over(stage)
    row.believed = len(over)
    mesh = agent.mesh
    row.remark = f"{len(mesh.roll.members())} on the roll, +{(_resident() - before) >> 20} MiB" + (
        f"; OVER THEIR BOUND: {', '.join(over)}" if over else ", all tables within bounds"
    )
    return row


def _live_and_leave(stage: Stage, number: int, now: int) -> None:
    """One node's whole life, as ann sees it."""
    world, ann = stage.world, stage.ann
    identity = signatures.identity(number.to_bytes(32, "big"), signatures.STAND_IN)
    epoch = Epoch(1, number.to_bytes(16, "big"))
    dice = Random(number)
    gate = Gate(identity, epoch, world.keys, dice, {}, Notary(world.keys.mesh_id))
    source = Address(f"198.{18 + (number >> 16 & 1)}.{number >> 8 & 255}.{number & 255}", 4653)
    welcomes = ann.alive.receive(gate.hello(ann.id, now), source, now)
    for effect in welcomes:
        if not isinstance(effect, Send) or effect.to != source:
            continue
        met = gate.judge(effect.datagram, ann.endpoint, now)
        if isinstance(met, Established):
            there = Endpoint(source.host, source.port, "ethernet")
            record = NodeRecord(f"n{number}", (there,), "", "", epoch.nonce, left=True)
            fact = _signed(world.keys.mesh_id, identity, record)
            ann.alive.receive(gate.respond(met, encode((FactNews(fact),)), now), source, now)


def _signed(mesh_id: bytes, identity: Identity, record: NodeRecord) -> Fact:
    return sign_fact(identity, mesh_id, "node", 1 << 32 | 7, record_body(record))


def _over(stage: Stage) -> list[str]:
    """Tables that hold more than their bound."""
    config = stage.ann.alive.birth.mesh_config
    found = []
    for names, size in tables(stage.ann.alive):
        for name in names:
            bound = TABLES.get(name)
            if bound is not None and size > (bound if isinstance(bound, int) else bound(config)):
                found.append(f"{name} {size}")
    return found


def _resident() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
