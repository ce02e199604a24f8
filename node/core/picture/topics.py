"""How this machine's hardware and standing travel: the bodies of the facts we sign.

`inventory` changes when someone opens the case, `models` when one is fetched or loaded; `live`
changes all day and is published with hysteresis, so that an idle mesh stays silent. Unknown stays
unknown: a metric that could not be read is `None` with a status and a note, never a zero. Ages are
durations counted from the moment of reading, because no two clocks agree on when that was.
"""

from enum import Enum
from typing import Final, TypeVar

import msgspec

TOPIC_INVENTORY: Final = "inventory"
TOPIC_LIVE: Final = "live"

STATUS_OK: Final = "ok"
STATUS_UNKNOWN: Final = "unknown"
STATUS_ERROR: Final = "error"


class How(Enum):
    """How a process ended, as far as anybody could see."""

    WELL = "well"
    OUT_OF_MEMORY = "out-of-memory"
    CRASHED = "crashed"
    """By a signal that nobody sends on purpose."""
    FAILED = "failed"
    """It said so itself, by its exit status."""
    UNKNOWN = "unknown"
    """Nobody saw, or somebody ended it: neither speaks for or against the machine."""


class Metric(msgspec.Struct, frozen=True, array_like=True):
    """One figure: value (None = unknown), unit, where it came from, and how that went."""

    value: int | float | str | None
    unit: str
    source: str
    status: str = STATUS_OK
    note: str = ""


class PoolFact(msgspec.Struct, frozen=True):
    """One real memory (or cores, or a disk) whose owner may promise it.

    `total` None: could not be read; the pool exists and admits nothing.
    """

    pool: str
    kind: str
    """ram | cpu | vram | unified | disk | slots"""
    unit: str
    """bytes | millicores | slots"""
    total: int | None
    system_reserve: int
    """What is never promised: the operating system's own share."""
    label: str
    source: str


class GpuFact(msgspec.Struct, frozen=True):
    """One card (or MIG instance). `pool` names the pool its memory is charged to."""

    uuid: str
    vendor: str
    model: str
    pool: str
    memory_total: int | None
    driver: str | None
    capability: str | None
    unified: bool = False
    """Its memory is main memory; `memory_total` is then the most that it may take of it."""
    slot: str = ""
    """Its PCI address; empty where it has none."""
    numa: int | None = None
    """The memory node that it is near to; None on machines with one."""


class VolumeFact(msgspec.Struct, frozen=True):
    """One mounted disk. `kind`: nvme | ssd | hdd | network | unknown."""

    mount: str
    device: str
    filesystem: str
    kind: str
    total: int | None
    pool: str
    world_writable: bool | None = None
    """Anybody may write at its top, and remove what others wrote."""
    encrypted: bool | None = None
    """Encryption was observed in the devices below it; None: they cannot be seen."""
    quota: bool | None = None
    """It is mounted with quotas."""


class ToolFact(msgspec.Struct, frozen=True):
    """A program found on PATH. `version` None: it did not say within its time limit."""

    name: str
    path: str
    version: str | None


class AddressFact(msgspec.Struct, frozen=True):
    """One address of this machine. `kind`: ethernet | wifi | loopback | bridge | tunnel | other."""

    host: str
    interface: str
    kind: str


class InterfaceFact(msgspec.Struct, frozen=True):
    """One piece of network hardware. `speed_mbps` None: it does not say, as wifi never does."""

    name: str
    kind: str
    up: bool
    speed_mbps: int | None
    mtu: int | None


class Inventory(msgspec.Struct, frozen=True):
    """What this machine is. Published when it changes."""

    hostname: str
    os: str
    os_version: str
    kernel: str
    arch: str
    cpu_model: Metric
    cores_logical: Metric
    cores_physical: Metric
    memory_total: Metric
    pools: tuple[PoolFact, ...]
    gpus: tuple[GpuFact, ...]
    volumes: tuple[VolumeFact, ...]
    tools: tuple[ToolFact, ...]
    addresses: tuple[AddressFact, ...]
    labels: dict[str, str]
    share: str | None
    """The named share this agent offers, or None when it speaks for the whole machine."""
    fingerprint: str | None
    """A hash over what identifies the hardware; None when nothing readable does."""
    boot: str | None
    """A hash of the kernel's boot id: two agents that share it share a machine."""
    version: str
    """Of Holdfast."""
    cpu_features: tuple[str, ...] = ()
    """Those that decide which programs run here, and how fast; as the kernel calls them."""
    interfaces: tuple[InterfaceFact, ...] = ()
    runtimes: dict[str, Metric] = {}
    """init, cgroup, selinux, apparmor, container, virtual, docker, podman: what can run work, and
    what work runs in."""


class PoolLive(msgspec.Struct, frozen=True):
    """One pool right now, in the pool's unit. None: unknown.

    `used` is what each hold's own processes were seen to use (hold id as hex → amount); a hold
    without an entry counts as 0 used. `foreign` is use that nobody reserved.
    """

    free: int | None
    used: dict[str, int]
    foreign: int | None
    source: str


class ForeignFact(msgspec.Struct, frozen=True, array_like=True):
    """A process that uses memory which nobody reserved, in bytes."""

    user: str
    pid: int
    command: str
    ram: int
    vram: int


class Live(msgspec.Struct, frozen=True):
    """How this machine is doing. Published with hysteresis."""

    pools: dict[str, PoolLive]
    metrics: dict[str, Metric]
    """load1, cpu_percent, psi_memory_some_avg10, psi_memory_full_avg10, temperature_max,
    battery_percent, on_battery, gpu.<uuid>.utilisation, gpu.<uuid>.temperature …"""
    foreign: tuple[ForeignFact, ...] = ()
    """The largest users of memory that nobody reserved; told along with the figures, and by
    themselves no reason to tell anything."""


class Standing(msgspec.Struct, frozen=True):
    """Whether this owner grants, published under TOPIC_STANDING."""

    state: str
    """open | bookings_closed | disk_full | outcast | quarantine | closed"""
    reason: str
    remaining_ms: int | None
    """Until the next change of state, counted from signing; None when not known."""


TOPIC_STANDING: Final = "standing"


TOPIC_MODELS: Final = "models"


class StoredFact(msgspec.Struct, frozen=True):
    """A model on a disk of this machine."""

    name: str
    store: str
    """hugging-face | ollama | lm-studio"""
    format: str
    """gguf | safetensors"""
    bytes: int


class LoadedFact(msgspec.Struct, frozen=True):
    """A model that a server of this machine has ready. None: the server does not say."""

    name: str
    server: str
    """ollama | llama.cpp | vllm | sglang | lm-studio"""
    port: int
    bytes: int | None
    bytes_on_cards: int | None
    context: int | None
    slots: int | None


class ServerFact(msgspec.Struct, frozen=True):
    """A model server of this machine; it listens on loopback at least."""

    kind: str
    port: int
    version: str | None
    note: str = ""


class Models(msgspec.Struct, frozen=True):
    """Which models are here. Published when that changes."""

    servers: tuple[ServerFact, ...]
    loaded: tuple[LoadedFact, ...]
    stored: tuple[StoredFact, ...]
    left_out: int = 0
    """How many more there are than a fact has room for."""


class KeysHeld(msgspec.Struct, frozen=True):
    """Which secrets a node takes for the mesh's, by key id in hex. Published under TOPIC_KEYS, and
    only by nodes of a mesh whose secret has been changed: who says nothing has the founding one."""

    primary: str
    installed: tuple[str, ...]


TOPIC_KEYS: Final = "keys"
TOPIC_REVOKED: Final = "revoked"
TOPIC_FORGOTTEN: Final = "forgotten"
TOPIC_RECOVERY: Final = "recovery"
"""The public half of the key that may name a successor, as 32 bytes."""


def encode(body: Inventory | Live | Standing | Models | KeysHeld) -> bytes:
    """Canonical bytes: sorted keys, so equal bodies are equal bytes."""
    return msgspec.msgpack.encode(body, order="sorted")


def decode_inventory(body: bytes) -> Inventory:
    """Raises msgspec.MsgspecError when the bytes are not an inventory."""
    return _decoded(body, Inventory)


def decode_live(body: bytes) -> Live:
    """Raises msgspec.MsgspecError when the bytes are not a live sample."""
    return _decoded(body, Live)


def decode_keys(body: bytes) -> KeysHeld:
    """Raises msgspec.MsgspecError when the bytes are not such a list."""
    return _decoded(body, KeysHeld)


def decode_standing(body: bytes) -> Standing:
    """Raises msgspec.MsgspecError when the bytes are not a standing."""
    return _decoded(body, Standing)


_T = TypeVar("_T", Inventory, Live, Standing, Models, KeysHeld)


def _decoded(body: bytes, kind: type[_T]) -> _T:
    try:
        return msgspec.msgpack.decode(body, type=kind)
    except (RecursionError, UnicodeDecodeError) as error:
        # Neither is of msgspec's own family: thousands of brackets in a field that we would have
        # passed over, and text that is none. A member may sign such a thing and have it spread.
        raise msgspec.DecodeError(f"not readable: {error}") from error


def decode_models(body: bytes) -> Models:
    """Raises msgspec.MsgspecError when the bytes are not a list of models."""
    return _decoded(body, Models)
