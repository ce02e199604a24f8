"""Whose word a command is: the stream's own key needs no second proof, any other does."""

from ledger.commands import (
    Answer,
    GrantKind,
    Hold,
    Leg,
    Outcome,
    SignedCommand,
    decode_answer,
    encode_command,
    encode_signed,
    sign_command,
)
from mesh.instant import SECOND
from node.core.errands import SERVICE_LEDGER
from simulations.invented.network import Weather
from simulations.invented.world import World

NO_SIGNATURE = bytes(64)


def mesh(*names: str) -> World:
    world = World(5, Weather())
    for name in names:
        world.add(name)
        world.start(name, first=True)
    world.run(3 * SECOND)
    return world


def hold(world: World, owner: str) -> Hold:
    session = world.hosts[owner].alive.ledger.session
    legs = (Leg("ram", 1 << 20),)
    return Hold(b"h" * 16, session, legs, GrantKind.CARRIED, 10 * SECOND, "", "")


def brought(world: World, by: str, signed: SignedCommand) -> Answer:
    """What ann says to a command that somebody brings her over a stream of its own."""
    came: list[Answer] = []
    world.streams.request(
        world.hosts[by], world.hosts["ann"], SERVICE_LEDGER, encode_signed(signed),
        lambda body: came.append(decode_answer(body or b"")),
    )  # fmt: skip
    assert world.run_until(lambda: bool(came), 5 * SECOND)
    return came[0]


def test_a_command_in_the_name_of_its_streams_own_key_needs_no_other_proof() -> None:
    world = mesh("ann", "bob")
    body = encode_command(hold(world, "ann"))
    said = brought(world, "bob", SignedCommand(body, world.hosts["bob"].identity.public, b""))
    assert said.outcome is Outcome.HELD


def test_a_command_that_somebody_brings_in_anothers_name_must_be_signed_by_that_other() -> None:
    world = mesh("ann", "bob", "cat")
    ann, cat = world.hosts["ann"], world.hosts["cat"]
    wanted = hold(world, "ann")
    forged = SignedCommand(encode_command(wanted), cat.identity.public, NO_SIGNATURE)
    assert brought(world, "bob", forged).outcome is Outcome.BAD_SIGNATURE
    signed = sign_command(cat.identity, ann.id, wanted)
    assert brought(world, "bob", signed).outcome is Outcome.HELD
    assert ann.alive.ledger.books.live[wanted.id].holder == cat.id
