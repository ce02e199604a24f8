"""What is asked: amounts of pools, properties of the machine, and the one objective that ranks.

A `Request` that exists is valid: construction checks and normalises, so nobody downstream looks
twice. Two requests that mean the same have the same canonical bytes. Who asks is part of the
request but not of the question, unless the objective is `local`: that is what lets two peers
compare answers byte for byte.
"""

import hashlib
import re
from copy import copy
from enum import Enum
from typing import Any, Final, Self

import msgspec

from mesh.instant import Duration
from placement.amounts import AMOUNT_MAX
from placement.history import Scope

GPU_COUNT_MAX: Final = 64
GPU_SELECTORS_MAX: Final = 8
DISKS_MAX: Final = 16
SLOTS_NAMED_MAX: Final = 16
"""Names of slots in one request."""
SLOTS_MAX: Final = 1_000_000
"""Of one name. Whoever counts more of a thing counts something that has a unit."""
TOOLS_MAX: Final = 64
LABELS_MAX: Final = 64
GUESSES_MAX: Final = 16
ENGINES_MAX: Final = 8
LEANINGS_MAX: Final = 16
WORD_CHARS_MAX: Final = 200
DATA_CHARS_MAX: Final = 1024
"""Of a path."""
REQUEST_BYTES_MAX: Final = 64 * 1024

VENDORS: Final = ("amd", "apple", "intel", "nvidia")
DISK_CLASSES: Final = ("hdd", "network", "nvme", "ssd")
_SLOTS_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
"""No colon and no sign of equality: both stand before a number."""

_OS_NAMES: Final = {"macos": "darwin", "mac": "darwin", "osx": "darwin", "win32": "windows"}
_ARCH_NAMES: Final = {"amd64": "x86_64", "x64": "x86_64", "x86-64": "x86_64", "aarch64": "arm64"}


class RequestError(ValueError):
    """The request cannot be meant; the message says what to write instead."""


class Objective(Enum):
    """What makes one fitting node better than another."""

    HEADROOM = "headroom"
    """Most room left afterwards: the safest place."""
    PACK = "pack"
    """Least room left afterwards: keeps the big machines free for big work."""
    LOCAL = "local"
    """The asker's own node if it fits, else as headroom."""
    SOONEST = "soonest"
    """Where the model is ready first: in memory, on a disk, at a peer."""
    FASTEST = "fastest"
    """Where such work took least time before."""
    SPREAD = "spread"
    """The smallest share of memory promised already."""
    NEAR = "near"
    """Where the data is, or can be soonest."""


class Kind(Enum):
    """How the hold would end when nobody ends it; the words are the ledger's."""

    BOOKING = "booking"
    CARRIED = "carried"


class GpuSelector(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """`count` different cards with `memory_min` of room each.

    `memory_max` bounds what a card has in all, to keep small work off big cards. `model` is looked
    for in the card's name, whatever the case.
    """

    memory_min: int
    vendor: str | None = None
    memory_max: int | None = None
    count: int = 1
    model: str = ""

    def __post_init__(self) -> None:
        _check_amount("a card's memory", self.memory_min)
        if self.vendor is not None and self.vendor not in VENDORS:
            raise RequestError(f"no cards of vendor {self.vendor!r}: write {', '.join(VENDORS)}")
        if self.memory_max is not None and self.memory_max < self.memory_min:
            raise RequestError("a card's memory range ends before it begins: write 16GiB..32GiB")
        if not 1 <= self.count <= GPU_COUNT_MAX:
            raise RequestError(f"{self.count} cards: write a count from 1 to {GPU_COUNT_MAX}")
        _check_words("a card's model", self.model)


class DiskNeed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So much of one disk, of a class when it matters."""

    amount: int
    disk_class: str | None = None

    def __post_init__(self) -> None:
        _check_amount("disk", self.amount)
        if self.disk_class is not None and self.disk_class not in DISK_CLASSES:
            raise RequestError(
                f"no disks of class {self.disk_class!r}: write {', '.join(DISK_CLASSES)}"
            )


class SlotsNeed(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """So many of the slots that a node has under one name."""

    name: str
    count: int = 1

    def __post_init__(self) -> None:
        check_slots_name(self.name)
        if not 1 <= self.count <= SLOTS_MAX:
            raise RequestError(f"{self.count} slots: write a count from 1 to {SLOTS_MAX}")


class Near(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Data to be near to: a path at `node` (a name or an id), or, where `node` is empty, a model
    in whatever store has it (in `store`, if that is named). `bytes` None: as large as those who
    have it say."""

    data: str
    node: str = ""
    store: str = ""
    bytes: int | None = None

    def __post_init__(self) -> None:
        if not 0 < len(self.data) <= DATA_CHARS_MAX or not self.data.isprintable():
            raise RequestError(f"data is named in 1 to {DATA_CHARS_MAX} printable characters")
        _check_words("a node's name", self.node)
        _check_words("a store's name", self.store)
        if self.bytes is not None:
            _check_amount("the data", max(1, self.bytes))  # an empty folder is small, and no error


class Window(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When it would run (`windows.py`), by the wall, in ns since 1970: from `start`, for `span`
    (None: nobody knows how long); asked at `asked`."""

    asked: int
    start: int
    span: Duration | None


class Request(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing to place. None and empty mean: not asked for.

    `memory_bytes` is wanted in one piece, in a card's memory before main memory. `node` pins by
    name or id. `asker` is the id of the node where the question was put. `guesses` are sentences:
    what was read into plain words.

    `workload`, `engines` and `model` say what work it is: what nodes remember of such work counts
    (`history.py`), and among equals an engine that is named goes before one that is not; they
    exclude nobody by themselves. `prefer` and `avoid` name nodes, by name or id: those that fit
    among them go first, or last. `despite_failures` lets remembered crashes pass. `near` names the
    data that is to be there soonest, and is the objective then. `window`: when it would run, if
    that is asked about; the picture is then as of that time.
    """

    ram_bytes: int | None = None
    memory_bytes: int | None = None
    gpus: tuple[GpuSelector, ...] = ()
    cpu_millicores: int | None = None
    disks: tuple[DiskNeed, ...] = ()
    slots: tuple[SlotsNeed, ...] = ()
    os: str | None = None
    arch: str | None = None
    tools: tuple[str, ...] = ()
    labels: tuple[tuple[str, str], ...] = ()
    workload: str = ""
    engines: tuple[str, ...] = ()
    model: str = ""
    prefer: tuple[str, ...] = ()
    avoid: tuple[str, ...] = ()
    despite_failures: bool = False
    objective: Objective = Objective.HEADROOM
    near: Near | None = None
    node: str | None = None
    kind: Kind = Kind.BOOKING
    duration: Duration | None = None
    principal: str = ""
    asker: str | None = None
    guesses: tuple[str, ...] = ()
    window: Window | None = None

    def __post_init__(self) -> None:
        for what, amount in (
            ("ram", self.ram_bytes),
            ("memory", self.memory_bytes),
            ("cpu", self.cpu_millicores),
            ("the duration", self.duration),
        ):
            if amount is not None:
                _check_amount(what, amount)
        self._check_lists()
        self._normalise()
        if self.objective is Objective.LOCAL and self.asker is None:
            raise RequestError("objective local needs to know who asks: name the asker's node")
        if (self.near is None) == (self.objective is Objective.NEAR):
            raise RequestError("objective near goes with the data to be near to, and no other does")

    def _check_lists(self) -> None:
        for what, count, most in (
            ("gpu selectors", len(self.gpus), GPU_SELECTORS_MAX),
            ("disks", len(self.disks), DISKS_MAX),
            ("names of slots", len(self.slots), SLOTS_NAMED_MAX),
            ("tools", len(self.tools), TOOLS_MAX),
            ("labels", len(self.labels), LABELS_MAX),
            ("guesses", len(self.guesses), GUESSES_MAX),
            ("engines", len(self.engines), ENGINES_MAX),
            ("preferred nodes", len(self.prefer), LEANINGS_MAX),
            ("avoided nodes", len(self.avoid), LEANINGS_MAX),
        ):
            if count > most:
                raise RequestError(f"{count} {what}: {most} is the most that can be asked at once")
        if sum(selector.count for selector in self.gpus) > GPU_COUNT_MAX:
            raise RequestError(f"more than {GPU_COUNT_MAX} cards: no machine has them")
        if len({slots.name for slots in self.slots}) != len(self.slots):
            raise RequestError("slots of one name are asked for twice: write whisper:2")
        pairs = [word for label in self.labels for word in label]
        names: list[str | None] = [
            self.os,
            self.arch,
            self.node,
            self.principal,
            self.asker,
            self.workload,
            self.model,
            *self.tools,
            *self.engines,
            *self.prefer,
            *self.avoid,
        ]
        for word in (*names, *pairs):
            _check_words("a name", word or "")
        if not all(self.tools) or not all(name for name, _ in self.labels):
            raise RequestError("a tool or label has no name: leave it out")
        if len({name for name, _ in self.labels}) != len({*self.labels}):
            raise RequestError("a label is asked to have two values: ask for one")
        if both := sorted({*self.prefer} & {*self.avoid}):
            raise RequestError(f"{both[0]!r} is to be preferred and avoided: choose one")

    def _normalise(self) -> None:
        # Order and spelling carry no meaning, so equal questions must be equal bytes.
        msgspec.structs.force_setattr(self, "tools", tuple(sorted({*self.tools})))
        msgspec.structs.force_setattr(self, "labels", tuple(sorted({*self.labels})))
        msgspec.structs.force_setattr(self, "slots", tuple(sorted(self.slots, key=_by_name)))
        msgspec.structs.force_setattr(self, "prefer", tuple(sorted({*self.prefer})))
        msgspec.structs.force_setattr(self, "avoid", tuple(sorted({*self.avoid})))
        msgspec.structs.force_setattr(self, "os", os_family(self.os))
        msgspec.structs.force_setattr(self, "arch", arch_family(self.arch))

    @property
    def scope(self) -> Scope:
        """What work this is, as nodes remember it."""
        engine = self.engines[0] if self.engines else ""
        return Scope(self.workload, engine, self.tools[0] if self.tools else "", self.model)

    def but(self, **changes: Any) -> Self:
        """The same request with some fields changed, checked again."""
        return msgspec.structs.replace(self, **changes)


def os_family(name: str | None) -> str | None:
    """One spelling per operating system: what Python's `sys.platform` means, in lower case."""
    lowered = name.strip().lower() if name else ""
    return _OS_NAMES.get(lowered, lowered) or None


def arch_family(name: str | None) -> str | None:
    """One spelling per instruction set: Linux says aarch64 where macOS says arm64."""
    lowered = name.strip().lower() if name else ""
    return _ARCH_NAMES.get(lowered, lowered) or None


def encode_request(request: Request) -> bytes:
    """For another process or peer; `decode_request` is the inverse."""
    return msgspec.json.encode(request, order="sorted")


def decode_request(body: bytes) -> Request:
    """Raises RequestError on anything but a whole, valid request."""
    if len(body) > REQUEST_BYTES_MAX:
        raise RequestError(f"the request is {len(body)} bytes; {REQUEST_BYTES_MAX} is the limit")
    try:
        return msgspec.json.decode(body, type=Request)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise RequestError(f"that is not a request: {error}") from error


def question(request: Request) -> bytes:
    """The canonical bytes of what a decision may depend on: not who asks, nor in whose name."""
    asked = copy(request)  # nothing that is checked changes, so nothing is checked again
    if request.objective is not Objective.LOCAL:
        msgspec.structs.force_setattr(asked, "asker", None)
    msgspec.structs.force_setattr(asked, "principal", "")
    return encode_request(asked)


def question_digest(request: Request) -> str:
    """SHA-256 of `question`, as hex: the name of a question in a decision."""
    return hashlib.sha256(question(request)).hexdigest()


def check_slots_name(name: str) -> None:
    """Raises RequestError for what slots cannot be called."""
    if not _SLOTS_NAME.fullmatch(name):
        raise RequestError(
            f"{name[:80]!r} is no name of slots: use letters, digits, dots, dashes and "
            "underscores, at most 63, beginning with a letter or digit"
        )


def _by_name(slots: SlotsNeed) -> str:
    return slots.name


def _check_amount(what: str, amount: int) -> None:
    if amount <= 0:
        raise RequestError(f"{what}: {amount} asks for nothing: leave it out")
    if amount > AMOUNT_MAX:
        raise RequestError(f"{what}: {amount} is more than any machine has")


def _check_words(what: str, text: str) -> None:
    if len(text) > WORD_CHARS_MAX or not text.isprintable():
        raise RequestError(f"{what} is longer than {WORD_CHARS_MAX} characters or not printable")
