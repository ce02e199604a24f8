"""Slots under every check: taken, given back, and declared anew at each start, kills included."""

from collections import Counter
from random import Random

from mesh.instant import MILLISECOND, SECOND
from node.core.requests import Release, Reserve
from simulations.checks import all_checks
from simulations.invented.network import Weather
from simulations.invented.world import World

STEPS = 30
NAMES = ("ann", "bob", "cyd")


def lived(seed: int) -> Counter[str]:
    """What happened in one world, every promise of which was kept."""
    dice = Random(f"{seed}/slots")
    weather = Weather(delay=MILLISECOND, jitter=5 * MILLISECOND, loss=0.05, duplication=0.05)
    world = World(seed, weather)
    checks = all_checks(world)
    world.observe(checks)
    for name in NAMES:
        world.add(name).slots = {} if name == "ann" else {"whisper": 3}
        world.start(name, first=True)
    world.run(5 * SECOND)
    happened: Counter[str] = Counter()
    for _ in range(STEPS):
        step = dice.choice((take, take, take, give_back, declare_anew))
        happened[step(world, dice)] += 1
        checks.look_at_all(world)
    world.run(5 * SECOND)
    checks.look_at_all(world)
    return happened


def take(world: World, dice: Random) -> str:
    more = {"ram": "1GiB"} if dice.random() < 0.3 else {}
    wanted = Reserve({"slots": {"whisper": dice.choice((1, 1, 2))}, **more}, 3_600_000)
    reply = world.answer(dice.choice(NAMES), wanted)
    return "granted" if reply.ok else "refused"


def give_back(world: World, dice: Random) -> str:
    owner = world.hosts[dice.choice(NAMES)].alive
    held = [hold.id.hex() for hold in owner.ledger.books.live_holds()]
    if not held:
        return "nothing to give back"
    world.answer(dice.choice(NAMES), Release(dice.choice(held)))
    return "given back"


def declare_anew(world: World, dice: Random) -> str:
    """An owner starts again, with as many slots as its configuration says by then."""
    host = world.hosts[dice.choice(NAMES[1:])]
    promised = host.alive.ledger.books.promised("slots:whisper")
    if dice.random() < 0.5:
        world.crash(host.name)
    else:
        world.stop(host.name)
        world.run(4 * SECOND)
    count = dice.randrange(-1, 4)
    host.slots = {} if count < 0 else {"whisper": count}
    world.start(host.name)
    world.run(3 * SECOND)
    books = host.alive.ledger.books
    assert books.promised("slots:whisper") == promised, "a hold was lost with its slots"
    in_service = books.capacity("slots:whisper")
    assert in_service == max(count, promised, 0), "more than is declared is kept for holds alone"
    return "fewer than promised" if count < promised else "declared anew"


def test_every_promise_of_slots_is_kept_whatever_is_declared_at_the_next_start() -> None:
    happened = sum((lived(seed) for seed in range(6)), Counter[str]())
    for what in ("granted", "refused", "given back", "declared anew", "fewer than promised"):
        assert happened[what] > 5, f"hardly any {what}: this shows nothing"
