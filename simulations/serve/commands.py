"""Everything one may say to the service, each as one class; `do` in a line names it.

Times are text with a unit ("4s", "150ms"), sizes too ("8GiB"). What is bounded says by how much
here, and is refused by name when it is read; whether a node of that name exists is seen later.
"""

import difflib
from typing import Annotated, Any, Final, TypeAlias, get_args

import msgspec

from simulations.invented.hardware import TOOLS

Name: TypeAlias = Annotated[str, msgspec.Meta(pattern=r"^[a-z][a-z0-9-]{0,31}$")]
Text: TypeAlias = Annotated[str, msgspec.Meta(max_length=200)]
Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]
Names: TypeAlias = Annotated[list[Name], msgspec.Meta(min_length=1, max_length=1000)]
Pid: TypeAlias = Annotated[int, msgspec.Meta(ge=1, le=1 << 22)]

NODES_MAX: Final = 1000
LINES_MAX: Final = 10_000
SEED_MAX: Final = 10**18


class _Said(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="do"):
    """One line. `cluster`: which of several; a program with one need not name it."""

    cluster: Name = "cluster"


class _AtNode(_Said, frozen=True, kw_only=True):
    """About one node."""

    node: Name


class Machine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One machine: its memory, its cores, the memory of each card, its tools, its slots."""

    name: Name
    ram: Text = "8GiB"
    cores: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 8
    cards: Annotated[list[Text], msgspec.Meta(max_length=16)] = []
    tools: Annotated[tuple[Name, ...], msgspec.Meta(max_length=16)] = TOOLS[:2]
    slots: dict[str, int] = {}


# The cluster --------------------------------------------------------------------------------------


class New(_Said, frozen=True, tag="new", kw_only=True):
    """Make a cluster; everybody starts for the first time and meets, and then faults begin.

    `nodes`: how many alike (n0, n1, …), with `ram`, `cores` and `cards` each; or `machines`.
    → {nodes: [name…], seed}
    """

    seed: Annotated[int, msgspec.Meta(ge=0, le=SEED_MAX)]
    nodes: Annotated[int, msgspec.Meta(ge=1, le=NODES_MAX)] = 3
    machines: Annotated[list[Machine], msgspec.Meta(max_length=NODES_MAX)] = []
    ram: Text = "8GiB"
    cores: Annotated[int, msgspec.Meta(ge=1, le=4096)] = 8
    cards: Annotated[list[Text], msgspec.Meta(max_length=16)] = []
    faults: Annotated[str, msgspec.Meta(max_length=2000)] = "none"
    operations: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 0
    scheme: str = "stand-in"


class End(_Said, frozen=True, tag="end"):
    """Forget a cluster. → {}"""


class Bye(_Said, frozen=True, tag="bye"):
    """The service ends, with every cluster. → {}"""


# Time ---------------------------------------------------------------------------------------------


class Advance(_Said, frozen=True, tag="advance", kw_only=True):
    """Let so much virtual time pass. → {}"""

    time: Text


class RunUntil(_Said, frozen=True, tag="run-until", kw_only=True):
    """Let time pass until a condition holds, or `limit` is over. → {reached}

    agree: everybody who is up sees everybody who is up, and has the same picture; open: and grants;
    answered: request `asked` at `node` has its answer, or whoever asked died; quiet: nobody waits
    for an answer; sees: `node` takes `of` for `liveness`; up, down: `node` is.
    """

    condition: str
    limit: Text = "2m"
    node: Name | None = None
    asked: int | None = None
    of: Name | None = None
    liveness: str = "alive"


# People -------------------------------------------------------------------------------------------


class Ask(_AtNode, frozen=True, tag="ask", kw_only=True):
    """Put a request to a node's door, as `node.core.requests` has them; `wait` for its answer.

    → {asked} and, once answered, {answer: {ok, body}}; {unheard: true} when the asker's agent died.
    """

    request: dict[str, Any]
    wait: bool = True
    limit: Text = "150s"


class Answer(_AtNode, frozen=True, tag="answer", kw_only=True):
    """What became of a request that was not waited for. → as `ask`"""

    asked: int


class HangUp(_AtNode, frozen=True, tag="hang-up", kw_only=True):
    """Whoever asked closes the door without waiting. → {}"""

    asked: int


class Work(_AtNode, frozen=True, tag="work", kw_only=True):
    """A process of a person's, using `ram`. → {pid, pid_started}: what a `reserve` may name."""

    ram: Text = "0B"


class EndWork(_AtNode, frozen=True, tag="end-work", kw_only=True):
    """It is gone. → {}"""

    pid: Pid


# The network --------------------------------------------------------------------------------------


class Cut(_Said, frozen=True, tag="cut", kw_only=True):
    """Nothing passes between `here` and `there`, nor back unless `one_way`. → {cut: number}"""

    here: Names
    there: Names
    one_way: bool = False


class Mend(_Said, frozen=True, tag="mend", kw_only=True):
    """End one cut, or all of them when none is named. → {}"""

    cut: int | None = None


class SetWeather(_Said, frozen=True, tag="weather", kw_only=True):
    """The weather everywhere, or between `here` and `there`. What is not named is fair. → {}"""

    here: Name | None = None
    there: Name | None = None
    delay: Text = "1ms"
    jitter: Text = "1ms"
    loss: Share = 0
    duplication: Share = 0
    reordering: Share = 0
    corruption: Share = 0
    delay_tail: Share = 0
    breakage: Share = 0
    mtu: Annotated[int, msgspec.Meta(ge=64, le=65535)] | None = None


# Machines -----------------------------------------------------------------------------------------


class Kill(_AtNode, frozen=True, tag="kill", kw_only=True):
    """SIGKILL; `power`: the whole machine goes dark. With `effects`: once it has carried out so
    many more. → {}"""

    power: bool = False
    effects: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] | None = None


class Start(_AtNode, frozen=True, tag="start"):
    """Switch it on. → {up}: false when its disk does not let it begin."""


class Stop(_AtNode, frozen=True, tag="stop", kw_only=True):
    """A clean stop, within three seconds; `leaving`: with a goodbye to everyone. → {}"""

    leaving: bool = False


class Pause(_AtNode, frozen=True, tag="pause", kw_only=True):
    """It stands still; `suspend`: and its links are silent, as with a closed lid. → {}"""

    time: Text
    suspend: bool = False


class Slow(_AtNode, frozen=True, tag="slow", kw_only=True):
    """Everything that reaches it is read so much late; "0s" ends it. → {}"""

    by: Text


class Disk(_AtNode, frozen=True, tag="disk", kw_only=True):
    """What befalls its disk. → {}

    fail-sync: the next `count` transactions fail; full, free; tear: the batch under way at the next
    crash is cut; damage: a flipped bit, seen at the next start; lie: with a power cut the last
    `count` transactions are lost, 0 ends it; slow: `factor` times as long, 1 ends it; copy;
    set-back: to the copy; lose: another disk, empty. For the last two it must be down.
    """

    what: str
    count: Annotated[int, msgspec.Meta(ge=0, le=1000)] = 1
    factor: Annotated[float, msgspec.Meta(ge=1, le=100_000)] = 1


class Clock(_AtNode, frozen=True, tag="clock", kw_only=True):
    """Its clock leaps by `jump_ms`, and from now on runs `ppm` parts per million too fast. → {}"""

    jump_ms: Annotated[int, msgspec.Meta(ge=-86_400_000, le=86_400_000)] = 0
    ppm: Annotated[int, msgspec.Meta(ge=-500_000, le=500_000)] | None = None


class Hardware(_AtNode, frozen=True, tag="hardware", kw_only=True):
    """What the machine is from now on; what is not named stays. → {}

    `foreign`: memory that nobody's hold uses; `lost`, `back`: numbers of cards; `blind`, `seen`: a
    pool whose figures can't be read, or can again; `probes_hang`: no look arrives.
    """

    ram: Text | None = None
    foreign: Text | None = None
    lost: Annotated[list[int], msgspec.Meta(max_length=16)] = []
    back: Annotated[list[int], msgspec.Meta(max_length=16)] = []
    blind: Text | None = None
    seen: Text | None = None
    probes_hang: bool | None = None


class Faults(_Said, frozen=True, tag="faults", kw_only=True):
    """Faults that strike by themselves, as behind `--faults`, from now on; "none" ends them.

    `operations`: requests per virtual second of people who live in the cluster. → {faults}
    """

    faults: Annotated[str, msgspec.Meta(max_length=2000)]
    operations: Annotated[float, msgspec.Meta(ge=0, le=1000)] = 0


# Looking ------------------------------------------------------------------------------------------


class State(_Said, frozen=True, tag="state", kw_only=True):
    """One node, or all. → {nodes: [{name, …}]}: see the page."""

    node: Name | None = None


class Check(_Said, frozen=True, tag="check"):
    """Every promise, now, and every log from its first block. → {looked: {promise: count}}"""


class Calm(_Said, frozen=True, tag="calm"):
    """Everything is mended and everybody switched on; soon all must be open, agree, have answered,
    have all room back once everything is released, and grant it again. → {looked}"""


class Transcript(_Said, frozen=True, tag="transcript", kw_only=True):
    """What happened last. → {lines: [sentence…]}"""

    last: Annotated[int, msgspec.Meta(ge=1, le=LINES_MAX)] = 50


class Trace(_Said, frozen=True, tag="trace"):
    """What two lives of one history have in common. → {trace_hash, operations, faults, states}"""


class Script(_Said, frozen=True, tag="script", kw_only=True):
    """Every line that made this cluster what it is, from number `first` on; told again, they are
    the same history. → {lines, of}"""

    first: Annotated[int, msgspec.Meta(ge=0, le=LINES_MAX * 10)] = 0


Command: TypeAlias = (
    New | End | Bye | Advance | RunUntil | Ask | Answer | HangUp | Work | EndWork | Cut | Mend
    | SetWeather | Kill | Start | Stop | Pause | Slow | Disk | Clock | Hardware | Faults | State
    | Check | Calm | Transcript | Trace | Script
)  # fmt: skip

NAMES: Final[tuple[str, ...]] = tuple(
    sorted(kind.__struct_config__.tag for kind in get_args(Command))
)


class BadCommand(ValueError):
    """No such command, or a field of it is wrong; the message names the field."""


def read_command(plain: dict[str, Any]) -> Command:
    """Raises BadCommand."""
    do = plain.get("do")
    if do not in NAMES:
        near = difflib.get_close_matches(str(do)[:40], NAMES, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(NAMES)}"
        raise BadCommand(f"do: {str(do)[:40]!r} is no command: {hint}")
    try:
        command: Command = msgspec.convert(plain, Command)
    except msgspec.ValidationError as error:
        sentence, _, path = str(error).partition(" - at `$")
        field = path.strip("`.") or "the line"
        raise BadCommand(f"{do}: {field}: {sentence}") from error
    return command
