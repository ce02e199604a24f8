"""What is done to an agent on purpose, and what comes of it: a table of figures.

Each row is one kind of abuse, put to a living agent with a history: how many datagrams, what was
believed (which must be nothing), how much was answered for how much, by which names it was refused,
and what it cost. `believed` counts changes of the picture: who is a member and how alive, in which
run, what stands on the board and in the logs.
"""

import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from random import Random
from typing import Any, Final

from mesh.door.sessions import SEALED_HEADER_BYTES
from mesh.effects import Address, Send
from mesh.facts import Fact, version_of
from mesh.identity import NodeId
from mesh.instant import MILLISECOND, SECOND, Duration
from mesh.keys.keyring import Keyring
from mesh.keys.secret import Secret
from mesh.letters.datagram import HEADER_BYTES, PROTOCOL_VERSION, Kind
from mesh.letters.messages import Accuse, Ack, FactNews, Message, ProbeResult
from mesh.letters.wire import encode
from mesh.roll.membership import Liveness
from node.core.machine import Agent
from simulations.fuzz.invented import invented
from simulations.fuzz.row import Row
from simulations.fuzz.stage import ANN, BOB, EVE, Stage, staged
from simulations.invented.world import World

FLOOD: Final = 20_000
INVENTED: Final = 3_000


Packet = tuple[Address, bytes]
ELSEWHERE: Final = Address("203.0.113.7", 4653)


def rows(scale: float = 1.0) -> list[Row]:
    """All of them; `scale` makes floods and crowds smaller or larger."""
    made = [*_replays(), *_damages(), *_other_secrets(), *_members(), *_floods(scale)]
    return [*made, invented(int(INVENTED * scale))]


# Putting it to an agent ----------------------------------------------------------------------


def picture(agent: Agent) -> tuple[object, ...]:
    """All that an agent believes."""
    mesh = agent.mesh
    members = [
        (one.id, one.trust, one.epoch, one.record, one.answered)
        for one in mesh.roll.members()
        if one.public is not None  # the others are hints, which is all that a beacon can make
    ]
    return (members, mesh.root, mesh.epoch)


def put(
    name: str, agent: Agent, packets: Iterable[Packet], now: int, step: Duration = MILLISECOND
) -> Row:
    """Everything to one agent, `step` apart; answers to where it came from are counted."""
    row = Row(name)
    refused = Counter(agent.mesh.rejections)
    before = picture(agent)
    # Who is there may be looked for meanwhile; so that this is not taken for an answer, time
    # does not pass for the agent but by what it is sent.
    began = time.process_time()
    for source, datagram in packets:
        now += step
        effects = agent.receive(datagram, source, now)
        row.inputs += 1
        row.bytes_in += len(datagram)
        back = [e for e in effects if isinstance(e, Send) and e.to == source]
        row.bytes_out += sum(len(effect.datagram) for effect in back)
    row.cpu_us = 1e6 * (time.process_time() - began) / max(1, row.inputs)
    after = picture(agent)
    row.believed = sum(mine != theirs for mine, theirs in zip(before, after, strict=True))
    row.refused = _named(Counter(agent.mesh.rejections) - refused)
    return row


def _named(refused: Counter[Any]) -> Counter[str]:
    return Counter(
        {why if isinstance(why, str) else why.value: count for why, count in refused.items()}
    )


def _local(stage: Stage) -> int:
    return stage.world.shell.local(stage.ann)


def _heard(stage: Stage, source: Address = ELSEWHERE) -> list[Packet]:
    """The whole recording, from somewhere else."""
    return [(source, datagram) for _, datagram in stage.heard]


# Replays -------------------------------------------------------------------------------------


def _replays() -> list[Row]:
    stage = staged()
    made = [put("a recording of all, at once", stage.ann.alive, _heard(stage), _local(stage))]
    later = _local(stage) + 3600 * SECOND
    made.append(put("…an hour later", stage.ann.alive, _heard(stage), later))
    world = stage.world
    tape = _heard(stage)
    world.crash("ann")
    world.start("ann")
    world.run(3 * SECOND)
    made.append(put("…after its restart", stage.ann.alive, tape, _local(stage)))
    world.add("dot")
    world.start("dot", first=True)
    fresh = world.hosts["dot"]
    made.append(put("…to a node that is new", fresh.alive, tape, world.shell.local(fresh)))
    other = _stranger_world()
    made.append(put("…to a mesh with another secret", other.hosts["ann"].alive, tape, 10 * SECOND))
    return made


def _stranger_world() -> World:
    world = World(77)
    world.add("ann")
    world.start("ann", first=True)
    world.run(3 * SECOND)
    return world


# Damage --------------------------------------------------------------------------------------


def _damages() -> list[Row]:
    stage = staged()
    tape = [datagram for _, datagram in stage.heard]
    dice = Random("damage")
    flipped = [(ELSEWHERE, _flipped(datagram, dice)) for datagram in tape for _ in range(8)]
    made = [put("one bit flipped", stage.ann.alive, flipped, _local(stage))]
    cuts = [(ELSEWHERE, datagram[: dice.randrange(len(datagram))]) for datagram in tape * 4]
    made.append(put("cut short", stage.ann.alive, cuts, _local(stage) + SECOND))
    longer = [(ELSEWHERE, datagram + bytes(1 + dice.randrange(40))) for datagram in tape]
    made.append(put("made longer", stage.ann.alive, longer, _local(stage) + 2 * SECOND))
    return made


def _flipped(datagram: bytes, dice: Random) -> bytes:
    bent = bytearray(datagram)
    # Behind the header's first bytes, so that it is still a datagram of ours that is bent.
    bent[dice.randrange(4, len(bent))] ^= 1 << dice.randrange(8)
    return bytes(bent)


# Other secrets -------------------------------------------------------------------------------


def _other_secrets() -> list[Row]:
    stage, other = staged(), staged(seed=78)
    foreign = [(ELSEWHERE, datagram) for _, datagram in other.heard]
    made = [put("a foreign mesh on the port", stage.ann.alive, foreign, _local(stage))]
    retired = Keyring.of(Secret(Random("retired").randbytes(32)))
    old = [(ELSEWHERE, bytes(d[:4] + retired.primary.key_id + d[8:])) for _, d in stage.heard]
    made.append(put("under a key that was removed", stage.ann.alive, old, _local(stage)))
    return made


# Members -------------------------------------------------------------------------------------


def _members() -> list[Row]:
    return [
        _letters("a member forges others' facts", _forged_facts),
        _letters("a member speaks of others' lives", _lies_of_life),
        _stolen_counters(),
        _answers_for_another(),
        _vouches_for_another(),
    ]


def _letters(name: str, lies: Callable[[Stage], Sequence[Message]]) -> Row:
    stage = staged()
    post = stage.eve.alive.mesh._post  # noqa: SLF001 - what a member seals is what it may forge
    now = _local(stage)
    packets = []
    for lie in lies(stage):
        sealed = post.gate.seal(stage.ann.id, encode((lie,)), now)
        assert sealed is not None, "eve shares a session with ann"
        packets.append((stage.eve.endpoint, sealed))
    row = put(name, stage.ann.alive, packets, now)
    row.remark = "answers go to a proven member"
    return row


def _forged_facts(stage: Stage) -> list[Message]:
    """Newer words of bob's, with bob's key and eve's signature; and bob's own, bent."""
    bob = stage.world.hosts[BOB]
    made: list[Message] = []
    for fact in stage.ann.alive.mesh.board.of(bob.id):
        version = version_of(bob.alive.mesh.epoch, 1_000_000)
        signature = stage.eve.identity.sign(b"hf1.fact", fact.body)
        made.append(FactNews(Fact(fact.public, fact.topic, version, fact.body, signature)))
        made.append(FactNews(Fact(fact.public, fact.topic, version, fact.body, fact.signature)))
        bent = fact.body + b"\x00"
        made.append(FactNews(Fact(fact.public, fact.topic, fact.version, bent, fact.signature)))
    return [one for one in made if len(encode((one,))) < 1000] * 20


def _lies_of_life(stage: Stage) -> list[Message]:
    bob = stage.world.hosts[BOB]
    epoch = bob.alive.mesh.epoch.counter
    return [Accuse(bob.id, epoch), Accuse(stage.ann.id, epoch), Accuse(bob.id, epoch + 9)] * 20


def _stolen_counters() -> Row:
    """Bob's session tags and the counters that he will use next, in datagrams of eve's making."""
    stage = staged()
    bob = stage.world.hosts[BOB]
    genuine = next(
        datagram
        for to, datagram in reversed(stage.heard)
        if datagram[3] == Kind.SEALED and to == "ann" and NodeId(datagram[8:24]) == bob.id
    )
    counter = int.from_bytes(genuine[HEADER_BYTES + 8 : SEALED_HEADER_BYTES], "big")
    dice = Random("counters")
    stolen = [
        (
            stage.eve.endpoint,
            genuine[: HEADER_BYTES + 8] + ahead.to_bytes(8, "big") + dice.randbytes(60),
        )
        for ahead in range(counter + 1, counter + 2001)
    ]
    row = put("a member steals counters", stage.ann.alive, stolen, _local(stage))
    word = bob.alive.mesh._post.gate.seal(stage.ann.id, encode((Ack(1, 1),)), _local(stage))  # noqa: SLF001 - the genuine next one
    assert word is not None, "bob shares a session with ann"
    refused = stage.ann.alive.mesh.rejections.total()
    stage.ann.alive.receive(word, bob.endpoint, _local(stage) + 3 * SECOND)
    heard = stage.ann.alive.mesh.rejections.total() == refused
    row.remark = "the genuine next one is " + ("heard" if heard else "LOST")
    return row


def _answers_for_another() -> Row:
    """Bob is switched off, and eve answers every probe of his: is he found out as fast?"""
    row = Row("a member answers others' probes")
    honest, _ = _until_suspect(lambda _stage, _seq: ())
    found, row.inputs = _until_suspect(lambda _stage, seq: [Ack(seq + n, 1) for n in range(20)])
    row.believed = int(found is None)
    row.remark = f"suspect after {_told(found)}; {_told(honest)} with nobody lying"
    return row


def _vouches_for_another() -> Row:
    """Bob is switched off, and eve, the only one who can be asked, says that she reaches him."""
    row = Row("a member vouches for the dead")

    def lies(stage: Stage, seq: int) -> list[Message]:
        return [ProbeResult(seq, stage.world.hosts[BOB].id, True)]

    found, row.inputs = _until_suspect(lies)
    row.remark = f"the only helper: suspect after {_told(found)}; safety does not rest on it"
    return row


def _told(seconds: Duration | None) -> str:
    return "30 s or more" if seconds is None else f"{seconds / SECOND:.1f} s"


def _until_suspect(
    lies: Callable[[Stage, int], Sequence[Message]],
) -> tuple[Duration | None, int]:
    stage = staged()
    world, bob = stage.world, stage.world.hosts[BOB]
    world.crash(BOB)
    began, said = world.now, 0
    gate = stage.eve.alive.mesh._post.gate  # noqa: SLF001 - as above
    while world.now - began < 30 * SECOND:
        member = stage.ann.alive.mesh.roll.member(bob.id)
        assert member is not None, "bob was met"
        if member.liveness is not Liveness.ALIVE:
            return world.now - began, said
        if letters := lies(stage, said):
            sealed = gate.seal(stage.ann.id, encode(letters), _local(stage))
            assert sealed is not None, "eve shares a session with ann"
            world.inject("ann", sealed, stage.eve.endpoint)
            said += len(letters)
        world.run(100 * MILLISECOND)
    return None, said


# Floods --------------------------------------------------------------------------------------


def _floods(scale: float) -> list[Row]:
    count = int(FLOOD * scale)
    dice = Random("flood")
    return [
        _flood("flood of noise", count, lambda _stage, _n: dice.randbytes(200)),
        _flood("flood of our header and noise", count, _headed(dice)),
        _flood("flood of one recorded hello", count, _recorded(Kind.HELLO)),
        _flood("flood of one recorded beacon", count, _recorded(Kind.BEACON)),
        _flood("flood of one recorded word", count, _recorded(Kind.SEALED)),
        _flood("flood of beacons of one who is away", count, _recorded(Kind.BEACON), away=True),
    ]


def _flood(
    name: str, count: int, make: Callable[[Stage, int], bytes], *, away: bool = False
) -> Row:
    stage = staged()
    if away:
        stage.ann.alive.mesh._post.gate.hang_up(stage.eve.id)  # noqa: SLF001 - they part
    packets = [
        (Address(f"203.0.{n >> 8 & 255}.{n & 255}", 4653), make(stage, n)) for n in range(count)
    ]
    row = put(name, stage.ann.alive, packets, _local(stage), step=MILLISECOND // 10)
    if away:
        row.remark = "a hello a second; it is larger than a beacon"
        return row
    eve = stage.eve.alive.mesh._post.gate.seal(stage.ann.id, b"", _local(stage))  # noqa: SLF001 - a genuine word
    assert eve is not None, "eve shares a session with ann"
    refused = stage.ann.alive.mesh.rejections.total()
    stage.ann.alive.receive(eve, stage.eve.endpoint, _local(stage) + 3 * SECOND)
    heard = stage.ann.alive.mesh.rejections.total() == refused
    row.remark = "members are " + ("heard" if heard else "LOST")
    return row


def _headed(dice: Random) -> Callable[[Stage, int], bytes]:
    def make(stage: Stage, number: int) -> bytes:
        key_id = stage.world.keys.primary.key_id
        kind = 1 + number % 6
        return b"HF" + bytes((PROTOCOL_VERSION, kind)) + key_id + dice.randbytes(300)

    return make


def _recorded(kind: Kind) -> Callable[[Stage, int], bytes]:
    def make(stage: Stage, _number: int) -> bytes:
        said = [(to, d) for to, d in stage.heard if d[3] == kind]
        if kind is Kind.HELLO:  # of two who meet, only one greets: whoever it was that greeted her
            return next(d for to, d in said if to == ANN)
        return next(d for _, d in said if NodeId(d[8:24]) == _id_of(stage))

    return make


def _id_of(stage: Stage) -> NodeId:
    return stage.world.hosts[EVE].id
