"""The promises, checked from outside: nothing here looks at how an agent came to its state.

`check_world` may be called at any instant of a world: it trusts no agent's own sums, but folds
every log again from its first block and compares what was promised with what there is.
"""

from collections.abc import Sequence

from ledger.audit import check_books, verify_chain
from ledger.books import Books
from ledger.commands import Hold, Post, Renew, Resume
from ledger.leases import holder_span
from ledger.limits import PENDING_TTL
from mesh.instant import Instant
from mesh.logs import Block
from mesh.membership import check_roll
from simulations.host import Host
from simulations.world import World


class PromiseBroken(AssertionError):
    """Something that must never happen did. The sentence says what, where and when."""


def check_world(world: World) -> None:
    """Every check that is cheap enough for every step, on every host that is up."""
    for host in world.hosts.values():
        if host.agent is not None:
            check_host(world, host)
    check_beliefs(world)


def check_logs(world: World) -> None:
    """Every log on every host, from its first block; and every copy against its author's."""
    for host in world.hosts.values():
        if host.agent is not None:
            _verify_logs(world, host)
    check_prefixes(world)


def check_host(world: World, host: Host) -> None:
    """One host: its own books, and its memory's capacity."""
    agent = host.alive
    check_books(agent.ledger.books)
    check_roll(agent.mesh.roll)
    promised = sum(agent.ledger.books.holds_on("ram").values())
    if promised > host.ram:
        raise PromiseBroken(f"{_at(world, host)}: {promised} bytes promised of {host.ram}")


def check_beliefs(world: World) -> None:
    """Nobody begins to confirm over the mesh what it may no longer believe in (B6).

    A hold is believed in from its first send, for the pending time less the margin. A repetition is
    the same word again, so the first send of a confirmation is the one that counts. Renewals and
    resumptions never cross the mesh in this version: carrier and owner are one agent.
    """
    held: dict[bytes, Instant] = {}
    confirmed: dict[bytes, Instant] = {}
    for at, sender, command in world.commands:
        match command:
            case Hold():
                held.setdefault(command.id, at)
            case Post() if command.id in held:
                confirmed.setdefault(command.id, at)
            case Renew() | Resume():
                raise PromiseBroken(f"seed {world.seed}: {sender} carries a lease over the mesh")
            case _:
                pass  # Giving back and asking need no belief.
    for hold, at in confirmed.items():
        late = at - held[hold] - holder_span(PENDING_TTL)
        if late >= 0:
            raise PromiseBroken(f"seed {world.seed}: confirmed {late / 1e9:.3f} s after its belief")


def _verify_logs(world: World, host: Host) -> None:
    agent = host.alive
    for author in agent.mesh.chains.authors():
        report = verify_chain(agent.mesh.chains.chain(author))
        if not report.ok:
            raise PromiseBroken(f"{_at(world, host)} keeps a log that fails: {report.fault}")


def check_prefixes(world: World) -> None:
    """Every copy of a log is a prefix of what its author has (G3), and folds alike (G4)."""
    for author in world.hosts.values():
        if author.agent is None:
            continue
        whole = author.agent.mesh.chains.chain(author.id)
        for keeper in world.hosts.values():
            if keeper.agent is None or keeper is author:
                continue
            copy = keeper.agent.mesh.chains.chain(author.id)
            if copy != whole[: len(copy)]:
                raise PromiseBroken(f"{keeper.name}'s copy of {author.name}'s log is no prefix")
            _check_replica(author, keeper, copy)


def _check_replica(author: Host, keeper: Host, copy: Sequence[Block]) -> None:
    """What the keeper believes of the author is what its copy of the log says."""
    replicas = keeper.alive.knowledge.replicas
    believed = replicas.books(author.id)
    if believed is None or replicas.problem(author.id) is not None:
        return  # It keeps no log, or has stopped believing it and says so.
    if believed.state_hash() != folded(copy).state_hash():
        raise PromiseBroken(f"{keeper.name}'s books of {author.name} are not what its log says")


def folded(chain: Sequence[Block]) -> Books:
    """The books that a log folds to."""
    books = Books()
    for block in chain:
        refusal = books.apply_block(block)
        if refusal is not None:
            raise PromiseBroken(f"a kept log does not fold: {refusal.value}")
    return books


def _at(world: World, host: Host) -> str:
    return f"seed {world.seed}, {world.now / 1e9:.3f} s, {host.name}"
