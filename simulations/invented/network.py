"""An invented network: late, lost, twice, out of order, bent, cut.

Each kind of misfortune has a stream of dice of its own for every *sending host*, so that taking one
kind or one host away reshuffles nothing else, and a failing night can be made smaller without
becoming another night. A die is rolled only while its kind has a share at all.

Datagrams suffer everything. Streams are TCP under TLS: what is lost is sent again and comes late,
what is bent or broken off ends the call, and nothing half is ever taken for whole.
"""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random
from typing import Final

from mesh.instant import MILLISECOND, SECOND, Duration

REORDERED_BY_MAX: Final[Duration] = 50 * MILLISECOND
"""How much later a datagram comes that others overtake."""
TAIL_FROM: Final[Duration] = 2 * SECOND
TAIL_DOUBLINGS: Final = 6
"""A straggler comes after 2 s and up to 2 min: seconds, or a restart later."""
SENT_AGAIN_AFTER: Final[Duration] = 200 * MILLISECOND
"""TCP's shortest patience; it doubles with each loss in a row."""
SENT_AGAIN_MAX: Final = 5
GROWTH_BYTES_MAX: Final = 64

Arrivals = tuple[tuple[Duration, bytes], ...]
"""How much later, and what: nothing when it is lost."""


@dataclass(frozen=True, slots=True)
class Weather:
    """How bad the network is. Shares are per datagram, and per leg of a stream request."""

    delay: Duration = 1 * MILLISECOND
    jitter: Duration = 1 * MILLISECOND
    loss: float = 0.0
    duplication: float = 0.0
    reordering: float = 0.0
    """Share that comes up to REORDERED_BY_MAX later than it would have."""
    corruption: float = 0.0
    """Share of which bits are flipped, the end is cut off, or more follows."""
    mtu: int | None = None
    """A datagram of more bytes is lost. None: everything fits."""
    delay_tail: float = 0.0
    """Share that comes seconds to minutes later."""
    breakage: float = 0.0
    """Share of stream legs on which the connection breaks."""


class Network:
    """Who can hear whom, how late, and in what state."""

    def __init__(self, weather: Weather, seed: int) -> None:
        self.weather = weather
        self.met: Counter[str] = Counter()
        """Misfortunes that really happened, by kind."""
        self._seed = seed
        self._dice: dict[tuple[str, str], Random] = {}
        self._links: dict[tuple[str, str], Weather] = {}
        self._cuts: dict[int, tuple[tuple[str, str], ...]] = {}
        self._cut_ways: Counter[tuple[str, str]] = Counter()
        self._cuts_made = 0
        self._silent: set[str] = set()

    # Who can hear whom ---------------------------------------------------------------------------

    def is_cut(self, source: str, target: str) -> bool:
        """Whether nothing passes from `source` to `target`."""
        if self._silent and (source in self._silent or target in self._silent):
            return True
        return bool(self._cut_ways) and (source, target) in self._cut_ways

    def cut(self, here: Iterable[str], there: Iterable[str], one_way: bool = False) -> int:
        """Nothing passes from `here` to `there`, nor back unless `one_way`. A number for `mend`.

        Cuts lie over one another: a way is open when every cut across it is mended.
        """
        behind = tuple(there)
        ways = tuple((a, b) for a in here for b in behind if a != b)
        if not one_way:
            ways += tuple((b, a) for a, b in ways)
        self._cuts_made += 1
        self._cuts[self._cuts_made] = ways
        self._cut_ways.update(ways)
        return self._cuts_made

    def mend(self, cut: int) -> None:
        """End one cut; one that is over already stays so."""
        for way in self._cuts.pop(cut, ()):
            self._cut_ways[way] -= 1
            if not self._cut_ways[way]:
                del self._cut_ways[way]

    def heal(self) -> None:
        """Everything passes again."""
        self._cuts.clear()
        self._cut_ways.clear()

    @property
    def cuts(self) -> tuple[int, ...]:
        """The cuts there are, oldest first."""
        return tuple(self._cuts)

    def silence(self, name: str, *, silent: bool) -> None:
        """A machine that sleeps neither sends nor hears."""
        (self._silent.add if silent else self._silent.discard)(name)

    def set_link(self, source: str, target: str, weather: Weather | None) -> None:
        """Weather of its own for one way; None: as everywhere."""
        if weather is None:
            self._links.pop((source, target), None)
        else:
            self._links[source, target] = weather

    def weather_between(self, source: str, target: str) -> Weather:
        """The weather of one way."""
        return self._links.get((source, target), self.weather) if self._links else self.weather

    # What becomes of it --------------------------------------------------------------------------

    def datagram(self, source: str, target: str, datagram: bytes) -> Arrivals:
        """What arrives of a datagram, and how much later."""
        weather = self.weather_between(source, target)
        # Every die is rolled for every datagram, also for one that will not come: so the n-th roll
        # of each kind stays the n-th when another kind is taken away.
        lost = self._hits("loss", source, weather.loss)
        twice = self._hits("duplication", source, weather.duplication)
        first = self._copy(source, datagram, weather)
        if lost:
            return ()
        if self.is_cut(source, target):
            self.met["cut"] += 1
            return ()
        if weather.mtu is not None and len(datagram) > weather.mtu:
            self.met["mtu"] += 1
            return ()
        if not twice:
            return (first,)
        return (first, self._copy(f"{source}, again", datagram, weather))

    def _copy(self, source: str, datagram: bytes, weather: Weather) -> tuple[Duration, bytes]:
        late = self._delay(source, weather)
        if weather.reordering and self._hits("reordering", source, weather.reordering):
            late += 1 + int(self._die("how late", source).random() * REORDERED_BY_MAX)
        if weather.delay_tail and self._hits("delay_tail", source, weather.delay_tail):
            doublings = self._die("how very late", source).random() * TAIL_DOUBLINGS
            late += int(TAIL_FROM * 2**doublings)
        if weather.corruption and self._hits("corruption", source, weather.corruption):
            return late, corrupted(datagram, self._die("which bits", source))
        return late, datagram

    def stream(self, source: str, target: str) -> Duration | None:
        """How long one leg of a stream request takes; None when the connection breaks on it.

        Whether the way is cut is for the caller to ask: a cut is silence, not an end.
        """
        weather = self.weather_between(source, target)
        late = self._delay(source, weather)
        if weather.loss:
            late += self._sent_again(source, weather)
        bent = self._hits("garbled stream", source, weather.corruption)
        if self._hits("broken stream", source, weather.breakage) or bent:
            return None
        return late

    def _sent_again(self, source: str, weather: Weather) -> Duration:
        late, wait = 0, SENT_AGAIN_AFTER
        for _ in range(SENT_AGAIN_MAX):
            if self._die("stream loss", source).random() >= weather.loss:
                break
            late, wait = late + wait, wait * 2
        return late

    def _delay(self, source: str, weather: Weather) -> Duration:
        if not weather.jitter:
            return weather.delay
        return weather.delay + int(self._die("delay", source).random() * (weather.jitter + 1))

    def _hits(self, kind: str, source: str, share: float) -> bool:
        if not share or self._die(kind, source).random() >= share:
            return False
        self.met[kind] += 1
        return True

    def _die(self, kind: str, source: str) -> Random:
        die = self._dice.get((kind, source))
        if die is None:
            die = self._dice[kind, source] = Random(f"{self._seed}/{kind}/{source}")
        return die


def corrupted(datagram: bytes, dice: Random) -> bytes:
    """`datagram` with some bits flipped, its end cut off, or rubbish behind it; never the same."""
    way = dice.randrange(3)
    if way == 0 and len(datagram) > 1:
        return datagram[: dice.randrange(len(datagram))]
    if way == 1:
        return datagram + dice.randbytes(1 + dice.randrange(GROWTH_BYTES_MAX))
    bent = bytearray(datagram or b"\0")
    for at in sorted({dice.randrange(len(bent)) for _ in range(1 + dice.randrange(4))}):
        bent[at] ^= 1 << dice.randrange(8)
    return bytes(bent)
