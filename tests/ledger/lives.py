"""Lives drawn from numbers: what happens in a small world, one step after the other."""

from mesh.instant import MINUTE, SECOND
from tests.ledger.world import World


def live_through(seed: int, steps: int = 60) -> World:
    """A life drawn from one number."""
    world = World(seed)
    draw = world.random
    for _ in range(steps):
        number = draw.randint(1, len(world.holders)) if world.holders else 0
        step = draw.choices(
            ["hold", "again", "post", "renew", "void", "release", "wait", "fence", "stuck",
             "restart", "reboot", "look", "extend", "shrink", "transfer"],
            [9, 3, 12, 9, 2, 3, 8, 6, 1, 1, 2, 3, 3, 3, 4],
        )[0]  # fmt: skip
        if step == "hold":
            world.hold(draw.randint(1, 60), draw.random() < 0.4)
        elif step == "wait":
            world.advance(
                draw.choice([SECOND, 2 * SECOND, 5 * SECOND, 10 * SECOND, 29 * SECOND, 5 * MINUTE])
            )
        elif step in ("fence", "stuck"):
            world.fence(gone=step == "fence")
        elif step == "restart":
            world.restart()
        elif step == "reboot":
            world.reboot(draw.choice([0, 1, 3, 10_000, 10_000]))
        elif step == "look":
            world.look()
        elif step == "extend" and number:
            world.extend(number, draw.choice([20, 40, 50, 60]) * MINUTE)
        elif step == "shrink" and number:
            world.shrink(number, draw.randint(1, 30))
        elif step == "transfer":
            for above in world.bookings()[:1]:
                world.transfer(above, draw.randint(1, 40), draw.random() < 0.5)
        elif number:
            act = {"again": world.send_hold, "post": world.post, "renew": world.renew,
                   "void": world.void, "release": world.release}[step]  # fmt: skip
            act(number)
        world.check()
    world.finish()
    return world
