"""What a person may set, where each value came from, and what it is when nobody says anything.

Order: flag > environment (`HOLDFAST_*`) > file (`config.toml` in the state folder) > default. This
module reads neither environment nor disk: it is told all four and settles them, so `config show
--origin` and `up` can't disagree. Every setting is one row of `SETTINGS`.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, NamedTuple

if TYPE_CHECKING:
    from ledger.policy import Policy

VERSION: Final = "0.1.0"
PORT_DEFAULT: Final = 4653
PORT_MAX: Final = 65_535
NAME_CHARS_MAX: Final = 63
LABELS_MAX: Final = 64
SLOT_NAMES_MAX: Final = 32
"""Each is a pool, told to everyone with every look."""
SEEDS_MAX: Final = 64
TRUST_POLICIES: Final = ("secret", "tofu", "allow-list")
TRUSTED_MAX: Final = 1024
MESH_PROFILES: Final = ("balanced", "fast")
CONFIG_NAME: Final = "config.toml"
CONFIG_BYTES_MAX: Final = 64 * 1024
SERVICE_STATE: Final = "/var/lib/holdfast"

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_LABEL_KEY: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}")


class ConfigError(ValueError):
    """A setting that cannot be: the sentence says which, where it came from and what to write."""


class Origin(Enum):
    """Who said so, first one wins."""

    FLAG = "flag"
    ENVIRONMENT = "environment"
    FILE = "file"
    DEFAULT = "default"


HISTORY_FOR_NS: Final = 30 * 24 * 3600 * 10**9


@dataclass(frozen=True, slots=True)
class UpOptions:
    """Everything `node.process.main` needs to know to start an agent."""

    state: Path
    port: int = PORT_DEFAULT
    name: str | None = None
    """None: the hostname."""
    offer: str | None = None
    """`ram=2GiB,cores=1`, as `node.probes.shares` reads it. None: the whole machine."""
    labels: tuple[tuple[str, str], ...] = ()
    slots: tuple[tuple[str, int], ...] = ()
    """Name → how many of what no probe can count: licences, places at a server, hands."""
    seeds: tuple[tuple[str, int], ...] = ()
    interfaces: tuple[str, ...] = ()
    """Names of the interfaces to speak on. Empty: every usable one."""
    mdns: bool = True
    """Whether to be found by mDNS too."""
    principal: "Policy | None" = None
    """Who may hold how much here. None: whoever asks, as far as there is room."""
    mesh_profile: str = "balanced"
    """How soon a silent machine is taken for dead: a name in `mesh.config.PROFILES`."""
    trust: str = TRUST_POLICIES[0]
    """What it takes to count here: a value of `mesh.roll.admission.Policy`."""
    trusted: tuple[str, ...] = ()
    """Nodes that count where only those listed do, beside those that a person has named since."""
    system_reserve: int | None = None
    """Bytes of RAM never promised. None: the probes' own rule."""
    history_for: int = HISTORY_FOR_NS
    """How long what logs no longer begin with stays readable, counted while this agent runs."""
    first: bool = False
    """This machine has promised nothing before: no quarantine, and that goes on record."""
    moved: bool = False
    """This state folder has come from another machine on purpose: keep its id."""
    new_identity: bool = False
    """This state folder is a copy: mint an id of its own."""
    json_logs: bool = False
    secret_file: Path | None = None


class Setting(NamedTuple):
    """One row: its name in the file and in code, how it is read, and the default."""

    name: str
    read: Callable[[Any], Any]
    default: Any
    flag: str
    this_start_only: bool = False
    """A word for one start. Kept in a file it would be said again at every later one."""

    @property
    def variable(self) -> str:
        """The environment variable."""
        return "HOLDFAST_" + self.name.upper()


class Settled(NamedTuple):
    """One setting as it came out."""

    value: Any
    origin: Origin


def settle(
    flags: Mapping[str, Any], environment: Mapping[str, str], document: Mapping[str, Any]
) -> dict[str, Settled]:
    """Every setting with its origin. Raises ConfigError at the first that cannot be read."""
    known = [setting.name for setting in SETTINGS if not setting.this_start_only]
    strangers = sorted(set(document) - set(known))
    if strangers:
        listed = ", ".join(known)
        raise ConfigError(f"{CONFIG_NAME} has no setting {strangers[0]!r}; it may set: {listed}")
    return {setting.name: _settled(setting, flags, environment, document) for setting in SETTINGS}


def options(state: Path, settled: Mapping[str, Settled]) -> UpOptions:
    """The settled values as the agent takes them."""
    return UpOptions(state=state, **{name: entry.value for name, entry in settled.items()})


def state_folder(flag: str | None, environment: Mapping[str, str], superuser: bool) -> Path:
    """Which agent is meant: `--state`, HOLDFAST_STATE, else the usual place for this user."""
    named = flag or environment.get("HOLDFAST_STATE")
    if named:
        return Path(named).expanduser().absolute()
    if superuser:
        return Path(SERVICE_STATE)
    home = environment.get("XDG_STATE_HOME")
    # The XDG rules say that a relative path is to be ignored.
    base = Path(home) if home and Path(home).is_absolute() else Path.home() / ".local/state"
    return base / "holdfast"


def _settled(
    setting: Setting,
    flags: Mapping[str, Any],
    environment: Mapping[str, str],
    document: Mapping[str, Any],
) -> Settled:
    said_where = [(Origin.FLAG, flags, setting.name)]
    if not setting.this_start_only:
        said_where.append((Origin.ENVIRONMENT, environment, setting.variable))
        said_where.append((Origin.FILE, document, setting.name))
    for origin, source, key in said_where:
        said = source.get(key)
        # An empty variable is one that is not set; an empty flag is a slip to be told of: were it
        # passed over, `--offer "$SHARE"` would offer the whole machine.
        if said is not None and (said != "" or origin is Origin.FLAG):
            return Settled(_read(setting, said, origin), origin)
    return Settled(setting.default, Origin.DEFAULT)


def _read(setting: Setting, said: object, origin: Origin) -> object:
    where = {
        Origin.FLAG: setting.flag,
        Origin.ENVIRONMENT: setting.variable,
        Origin.FILE: f"{setting.name} in {CONFIG_NAME}",
    }[origin]
    try:
        return setting.read(said)
    except ValueError as error:
        raise ConfigError(f"{where}: {error}") from error


def read_port(said: object) -> int:
    """1 to 65535."""
    text = str(said).strip()
    if isinstance(said, bool) or not text.isascii() or not text.isdigit():
        raise ConfigError(f"{text!r} is not a port: write a number from 1 to {PORT_MAX}")
    if len(text) > 5 or not 1 <= int(text) <= PORT_MAX:
        raise ConfigError(f"{text} is not a port: write a number from 1 to {PORT_MAX}")
    return int(text)


def read_name(said: object) -> str:
    """A name that fits in a table and on a command line."""
    if not isinstance(said, str) or len(said) > NAME_CHARS_MAX or not _NAME.fullmatch(said):
        raise ConfigError(
            f"{said!r} is not a name: use letters, digits, dots, dashes and underscores, "
            f"at most {NAME_CHARS_MAX}, beginning with a letter or digit"
        )
    return said


def read_seed(said: object) -> tuple[str, int]:
    """`HOST`, `HOST:PORT` or `[IPV6]:PORT`."""
    text = str(said).strip()
    host, port = text, str(PORT_DEFAULT)
    if text.startswith("["):
        host, _bracket, rest = text[1:].partition("]")
        port = rest.removeprefix(":") or port
    elif text.count(":") == 1:
        host, _colon, port = text.partition(":")
    elif ":" in text and not _is_ipv6(text):
        host = ""
    if not host or any(mark.isspace() or mark in "/[]@" for mark in host):
        raise ConfigError(f"{text!r} is not an address: write HOST:PORT, as in 10.0.0.5:4653")
    return host, read_port(port)


def _is_ipv6(text: str) -> bool:
    from ipaddress import AddressValueError, IPv6Address

    try:
        IPv6Address(text)
    except AddressValueError:
        return False
    return True


def read_label(said: object) -> tuple[str, str]:
    """`key=value`."""
    key, equals, value = str(said).partition("=")
    if not equals or not _LABEL_KEY.fullmatch(key) or not value or len(value) > NAME_CHARS_MAX:
        raise ConfigError(f"{str(said)!r} is not a label: write key=value, as in room=attic")
    return key, value


def read_flag(said: object) -> bool:
    """yes or no, as people write it."""
    if isinstance(said, bool):
        return said
    word = str(said).strip().lower()
    if word in ("1", "true", "yes", "on"):
        return True
    if word in ("0", "false", "no", "off"):
        return False
    raise ConfigError(f"{str(said)!r} is neither yes nor no")


def read_bytes(said: object) -> int:
    """An amount of memory with its unit."""
    from placement.amounts import parse_bytes

    if not isinstance(said, str):
        raise ConfigError(f"{said!r} has no unit: write it as text, as in '2GiB'")
    return parse_bytes(said)


def read_span(said: object) -> int:
    """A time with its unit, in nanoseconds."""
    from placement.amounts import parse_duration

    if not isinstance(said, str):
        raise ConfigError(f"{said!r} has no unit: write it as text, as in '30d'")
    return parse_duration(said)


def _read_labels(said: object) -> tuple[tuple[str, str], ...]:
    if isinstance(said, Mapping):
        said = [f"{key}={value}" for key, value in said.items()]
    labels = dict(read_label(entry) for entry in _listed(said, LABELS_MAX))
    return tuple(sorted(labels.items()))


def read_slots(said: object) -> tuple[tuple[str, int], ...]:
    """`NAME=N`, several; or a table. By name."""
    from placement.request import SLOTS_MAX, check_slots_name

    if isinstance(said, Mapping):
        said = [f"{name}={count}" for name, count in said.items()]
    slots: dict[str, int] = {}
    for entry in _listed(said, SLOT_NAMES_MAX):
        name, equals, count = (part.strip() for part in str(entry).rpartition("="))
        digits = count.isascii() and count.isdigit() and len(count) <= len(str(SLOTS_MAX))
        if not equals or not digits or int(count) > SLOTS_MAX:
            raise ConfigError(
                f"{str(entry)[:80]!r} is no number of slots: write NAME=N, as in whisper=2, "
                f"with N from 0 to {SLOTS_MAX}"
            )
        check_slots_name(name)
        if slots.setdefault(name, int(count)) != int(count):
            raise ConfigError(f"slots called {name} are named twice: write one number of them")
    return tuple(sorted(slots.items()))


def _read_seeds(said: object) -> tuple[tuple[str, int], ...]:
    return tuple(dict.fromkeys(read_seed(entry) for entry in _listed(said, SEEDS_MAX)))


def _read_interfaces(said: object) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(entry) for entry in _listed(said, SEEDS_MAX)))


def _read_profile(said: object) -> str:
    if said not in MESH_PROFILES:
        raise ConfigError(f"{said!r} is no profile of the mesh: {' or '.join(MESH_PROFILES)}")
    return str(said)


def _read_trust(said: object) -> str:
    if said not in TRUST_POLICIES:
        raise ConfigError(f"{said!r} is no policy of trust: {', '.join(TRUST_POLICIES)}")
    return str(said)


def _read_trusted(said: object) -> tuple[str, ...]:
    from mesh.identity import parse_id

    ids = dict.fromkeys(str(entry).strip().lower() for entry in _listed(said, TRUSTED_MAX))
    for text in ids:
        try:
            parse_id(text)
        except ValueError as error:
            hint = "`holdfast peers --json` has it"
            raise ConfigError(f"{text[:40]!r} is not a node's whole id: {hint}") from error
    return tuple(ids)


def _read_text(said: object) -> str:
    if not isinstance(said, str):
        raise ConfigError(f"{said!r} is not text")
    return said


def _read_secret_file(said: object) -> Path:
    return Path(_read_text(said)).expanduser()


def _read_principals(said: object) -> "Policy":
    from node.principals import read_principals

    return read_principals(said)


def _listed(said: object, most: int) -> Sequence[object]:
    # In the environment a list is comma separated; flags and TOML bring real lists.
    if isinstance(said, str):
        said = [part.strip() for part in said.split(",") if part.strip()]
    if not isinstance(said, Sequence):
        raise ConfigError(f"{said!r} is not a list")
    if len(said) > most:
        raise ConfigError(f"that is {len(said)} entries; {most} is the most")
    return said


SETTINGS: Final = (
    Setting("port", read_port, PORT_DEFAULT, "--port"),
    Setting("name", read_name, None, "--name"),
    Setting("offer", _read_text, None, "--offer"),
    Setting("labels", _read_labels, (), "--label"),
    Setting("slots", read_slots, (), "--slots"),
    Setting("seeds", _read_seeds, (), "--seed"),
    Setting("interfaces", _read_interfaces, (), "--interface"),
    Setting("mdns", read_flag, True, "--no-mdns"),
    Setting("mesh_profile", _read_profile, MESH_PROFILES[0], "--profile"),
    Setting("trust", _read_trust, TRUST_POLICIES[0], "--trust"),
    Setting("trusted", _read_trusted, (), "--trusted"),
    Setting("principal", _read_principals, None, f"[principal.NAME] in {CONFIG_NAME}"),
    Setting("system_reserve", read_bytes, None, "--system-reserve"),
    Setting("history_for", read_span, HISTORY_FOR_NS, "--history-for"),
    Setting("first", read_flag, False, "--first", this_start_only=True),
    Setting("moved", read_flag, False, "--moved", this_start_only=True),
    Setting("new_identity", read_flag, False, "--new-identity", this_start_only=True),
    Setting("json_logs", read_flag, False, "--json-logs"),
    Setting("secret_file", _read_secret_file, None, "--secret-file"),
)
