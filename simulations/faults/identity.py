"""What somebody may say in another's name: a member that passes on what its author never signed.

Whoever is in the mesh may talk to everyone, and passes on the words of third parties. What it makes
up for them has no signature of theirs, and must be refused at the first door.
"""

import dataclasses
from random import Random
from typing import Final

from mesh.exchange.parcels import Item, parcel_bytes
from mesh.exchange.reconcile import SERVICE_PUSH
from mesh.identity import id_text
from mesh.instant import SECOND
from mesh.keys.keyring import Keyring
from mesh.keys.secret import SECRET_BYTES, Secret, derive
from mesh.letters.wire import block_bytes, fact_bytes
from mesh.roll.membership import Liveness
from mesh.roll.record import TOPIC_NODE, parse_record, record_body
from node.core.requests import ChangeKeys, Forget, Revoke
from simulations.faults.fault import End, Fault, over
from simulations.faults.machines import LEFT_MIN
from simulations.faults.scene import Scene
from simulations.invented.host import Host

SNAPSHOTS: Final = 0.5
"""Share of copies that have the marker too, as snapshots of running machines do: they need no
quarantine, by their own lights."""
PAUSES: Final = (SECOND, 3 * SECOND, 8 * SECOND)
"""Between the steps of a person."""


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


def _rotation(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    """A person changes the secret, step by step, and goes on whatever came of each. Nobody is shut
    out for good: the last step is taken only when everybody has what it takes. And nobody is away
    and forgotten meanwhile: who then loses its disk too knows nobody, and is known to nobody under
    a secret of today, which is a matter for people (a seed, or the new secret by hand)."""
    if host.agent is None or any(one.alive.mesh.roll.forgotten for one in scene.world.up()):
        return None
    world, secret = scene.world, Secret(dice.randbytes(SECRET_BYTES))
    new = derive(secret).key_id
    old = _ring(scene, host).primary.key_id

    def step(change: str, key: bytes = b"") -> None:
        if host.agent is None or scene.over:
            return
        text = secret.text if change == "install" else ""
        world.ask(host.name, ChangeKeys(change, secret=text, key=key.hex()))

    def remove() -> None:
        if all(_ring(scene, one).primary.key_id == new for one in world.hosts.values()):
            step("remove", old)

    step("install")
    world.at(dice.choice(PAUSES), step, "use", new)
    world.at(3 * PAUSES[-1], remove)
    return over


def _ring(scene: Scene, host: Host) -> Keyring:
    return host.keys or scene.world.keys


def _revocation(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    """`host` was stolen: somebody revokes it while it holds and is held at, and the thief lets it
    run for a while."""
    others = [one for one in scene.world.up() if one is not host and one.name not in scene.gone]
    left = len(scene.world.hosts) - len(scene.gone)
    if host.agent is None or not others or left <= LEFT_MIN:
        return None
    known = [one for one in others if one.alive.mesh.roll.member(host.id) is not None]
    if not known:
        return None
    scene.gone.add(host.name)
    scene.world.ask(dice.choice(known).name, Revoke(id_text(host.id), "stolen"))
    scene.world.at(dice.choice(PAUSES), _switched_off, scene, host)
    return over


def _found_again(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    """`host` was lost, and somebody revokes it; then it turns up, is switched on where it was, and
    people there go on asking it, until somebody hears of that."""
    others = [one for one in scene.world.up() if one is not host and one.name not in scene.gone]
    known = [one for one in others if one.alive.mesh.roll.member(host.id) is not None]
    left = len(scene.world.hosts) - len(scene.gone)
    if host.agent is None or host.name in scene.gone or not known or left <= LEFT_MIN:
        return None
    scene.gone.add(host.name)
    scene.world.crash(host.name, power=dice.random() < 0.5)
    scene.world.ask(dice.choice(known).name, Revoke(id_text(host.id), "lost"))
    scene.world.at(dice.choice(PAUSES), _switched_on, scene, host)
    return lambda: _switched_off(scene, host)


def _switched_on(scene: Scene, host: Host) -> None:
    if host.agent is None and not scene.over:
        scene.world.start(host.name)


def _switched_off(scene: Scene, host: Host) -> None:
    if host.agent is not None:
        scene.world.crash(host.name, power=True)


def _cloned(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    """The machine is copied and the copy runs beside it. In the end somebody sees it, switches the
    copy off for good, and says at the first that it is the one that goes on."""
    name = f"{host.name} again"
    if host.agent is None or host.name in scene.gone or name in scene.world.hosts:
        return None
    with_marker = dice.random() < SNAPSHOTS
    scene.world.clone(host.name, name, marker=with_marker)
    scene.gone.add(name)  # whoever ends it while it runs has done what a person would
    scene.world.start(name)

    def decide() -> None:
        twin = scene.world.hosts[name]
        if twin.agent is not None:
            scene.world.crash(name, power=True)
        scene.chosen.add(host.name)
        if host.agent is not None:
            scene.world.crash(host.name)
        scene.switch_on(host)

    return decide


def _forgetting(scene: Scene, host: Host, dice: Random, _strength: float) -> End | None:
    """A person at `host` gives up a machine that it sees dead: one that is, or one behind a cut."""
    if host.agent is None or any(one.keys is not None for one in scene.world.hosts.values()):
        return None  # see `_rotation`
    dead = [one for one in host.alive.mesh.roll.members() if one.liveness is Liveness.DEAD]
    if not dead:
        return None
    scene.world.ask(host.name, Forget(id_text(dice.choice(dead).id), reason="given up"))
    return over


FAULTS: Final = (
    Fault(
        "forgery", "identity", "a member passes on what its author never said", 120 * SECOND,
        _forgery,
    ),
    Fault(
        "key-rotation", "identity", "a person changes the secret of the live mesh", 150 * SECOND,
        _rotation,
    ),
    Fault(
        "forgetting", "identity", "a person gives up a machine that looks dead from there",
        40 * SECOND, _forgetting,
    ),
    Fault(
        "revocation", "identity", "a machine is stolen, and revoked while it runs", 2000 * SECOND,
        _revocation,
    ),
    Fault(
        "found-again", "identity", "a lost machine is revoked, and turns up again", 2000 * SECOND,
        _found_again, (10 * SECOND, 45 * SECOND),
    ),
    Fault(
        "cloned-identity", "identity", "a machine is copied, key and disk, and both run",
        600 * SECOND, _cloned, (5 * SECOND, 45 * SECOND),
    ),
)  # fmt: skip
