"""Every sentence a story may hold, each as one class with the forms in which it is written.

A form is literal words and fields in braces, `{name:kind}`; the kinds are in `reading.py`. Nothing
else knows the grammar: the parser, its errors and the reference page all go by these forms.
"""

from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from mesh.instant import Duration

BOOKING_TERM: Duration = 3_600_000_000_000
"""How long a reservation lasts when the story does not say: longer than any story."""


@dataclass(frozen=True, slots=True)
class Nodes:
    """Who takes part. They start, each for the first time, and meet; always the first sentence."""

    forms: ClassVar = ("nodes {names:new nodes} ram {ram:size}",)
    names: tuple[str, ...]
    ram: int


@dataclass(frozen=True, slots=True)
class AlsoOn:
    """Where else the story is told in small; in every story the invented world is first."""

    forms: ClassVar = ("also on {stages:stages}",)
    stages: tuple[str, ...]


# The network -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cut:
    """Nothing passes between the two groups, in either direction."""

    forms: ClassVar = ("cut {here:nodes} | {there:nodes}",)
    here: tuple[str, ...]
    there: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class CutOneWay:
    """Nothing passes from the first group to the second; the other way is open."""

    forms: ClassVar = ("cut {here:nodes} > {there:nodes}",)
    here: tuple[str, ...]
    there: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mend:
    """Everything passes again, with neither loss nor delay."""

    forms: ClassVar = ("mend",)


@dataclass(frozen=True, slots=True)
class Loss:
    """This share of all datagrams is lost from here on."""

    forms: ClassVar = ("loss {share:percent}",)
    share: float


@dataclass(frozen=True, slots=True)
class Delay:
    """Everything takes this long from here on."""

    forms: ClassVar = ("delay {delay:duration}",)
    delay: Duration


# Machines --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Kill:
    """SIGKILL: no goodbye, no last write."""

    forms: ClassVar = ("kill {node:node}",)
    node: str


@dataclass(frozen=True, slots=True)
class PowerCut:
    """As a kill, and what volatile memory vouched for is gone."""

    forms: ClassVar = ("cut the power of {node:node}",)
    node: str


@dataclass(frozen=True, slots=True)
class Start:
    """Somebody starts the agent again."""

    forms: ClassVar = ("start {node:node}",)
    node: str


@dataclass(frozen=True, slots=True)
class Pause:
    """The agent stands still and goes on later, as after SIGSTOP and SIGCONT."""

    forms: ClassVar = ("pause {node:node} for {duration:duration}",)
    node: str
    duration: Duration


@dataclass(frozen=True, slots=True)
class CopyDisk:
    """A careful person copies the disk."""

    forms: ClassVar = ("copy the disk of {node:node}",)
    node: str


@dataclass(frozen=True, slots=True)
class SetBackDisk:
    """A careless one puts the copy back; the agent must be down."""

    forms: ClassVar = ("set back the disk of {node:node}",)
    node: str


@dataclass(frozen=True, slots=True)
class LoseDisk:
    """The journal is gone, the key is not: it lies elsewhere. The agent must be down."""

    forms: ClassVar = ("lose the disk of {node:node}",)
    node: str


@dataclass(frozen=True, slots=True)
class FillDisk:
    """Nothing more can be written."""

    forms: ClassVar = ("fill the disk of {node:node}",)
    node: str


@dataclass(frozen=True, slots=True)
class FreeDisk:
    """Somebody makes room on it."""

    forms: ClassVar = ("free the disk of {node:node}",)
    node: str


@dataclass(frozen=True, slots=True)
class SlowDisk:
    """Every write that must be durable takes at least this long."""

    forms: ClassVar = ("slow the disk of {node:node} to {sync:duration}",)
    node: str
    sync: Duration


@dataclass(frozen=True, slots=True)
class Foreign:
    """Programs that nobody asked about have this much memory, and the probes see it."""

    forms: ClassVar = ("foreign {amount:size} at {node:node}",)
    node: str
    amount: int


@dataclass(frozen=True, slots=True)
class Shrink:
    """The machine has only this much memory from here on, and the probes see it."""

    forms: ClassVar = ("shrink {node:node} to {ram:size}",)
    node: str
    ram: int


@dataclass(frozen=True, slots=True)
class Advance:
    """Time passes."""

    forms: ClassVar = ("advance {duration:duration}",)
    duration: Duration


# People ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Reserve:
    """Hold and confirm at one owner; the name stands for the grant from here on."""

    forms: ClassVar = (
        "{asker:node} reserves {amount:size} at {owner:node} as {hold:new hold}",
        "{asker:node} reserves {amount:size} at {owner:node} as {hold:new hold} for {term:duration}",  # noqa: E501 - a form is one line
    )
    asker: str
    amount: int
    owner: str
    hold: str
    term: Duration = BOOKING_TERM


@dataclass(frozen=True, slots=True)
class Hold:
    """The first of the two steps alone."""

    forms: ClassVar = ("{asker:node} holds {amount:size} at {owner:node} as {hold:new hold}",)
    asker: str
    amount: int
    owner: str
    hold: str


@dataclass(frozen=True, slots=True)
class Confirm:
    """The second step."""

    forms: ClassVar = ("{asker:node} confirms {hold:hold}",)
    asker: str
    hold: str


@dataclass(frozen=True, slots=True)
class Release:
    """Give it back."""

    forms: ClassVar = ("{asker:node} releases {hold:hold}",)
    asker: str
    hold: str


@dataclass(frozen=True, slots=True)
class Forget:
    """A person says that a machine will not come back."""

    forms: ClassVar = ("{asker:node} forgets {gone:node}",)
    asker: str
    gone: str


@dataclass(frozen=True, slots=True)
class Race:
    """Two ask at one instant for the same room; the name stands for what the winner got."""

    forms: ClassVar = (
        "{one:node} and {other:node} race for {amount:size} at {owner:node} as {hold:new hold}",
    )
    one: str
    other: str
    amount: int
    owner: str
    hold: str


@dataclass(frozen=True, slots=True)
class Repeat:
    """The asker's command that began the hold reaches its owner once more, as first sent."""

    forms: ClassVar = ("{asker:node} repeats {hold:hold}",)
    asker: str
    hold: str


@dataclass(frozen=True, slots=True)
class RepeatChanged:
    """As `repeats`, under the same id and with another amount."""

    forms: ClassVar = ("{asker:node} repeats {hold:hold} with {amount:size}",)
    asker: str
    hold: str
    amount: int


# What is seen ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Where:
    """Where would it fit?"""

    forms: ClassVar = (
        "{asker:node} asks where {amount:size} fits",
        "{asker:node} asks where {amount:size} fits at {owner:node}",
    )
    asker: str
    amount: int
    owner: str = ""


@dataclass(frozen=True, slots=True)
class Sees:
    """What one node thinks of another: alive, suspect, dead, left, or unknown."""

    forms: ClassVar = ("{observer:node} sees {peer:node}",)
    observer: str
    peer: str


@dataclass(frozen=True, slots=True)
class Stands:
    """Whether a node grants: open, bookings_closed, disk_full, outcast, quarantine or closed."""

    forms: ClassVar = ("{node:node} stands",)
    node: str


@dataclass(frozen=True, slots=True)
class Shows:
    """Every live hold that a node knows of, those without a name of ours too."""

    forms: ClassVar = ("{node:node} shows the holds",)
    node: str


@dataclass(frozen=True, slots=True)
class Verify:
    """Every node that is up checks every log it keeps, from its first block."""

    forms: ClassVar = ("everyone verifies",)


# What is waited for ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UntilSees:
    """Time passes until it is so."""

    forms: ClassVar = ("until {observer:node} sees {peer:node} {liveness:liveness}",)
    observer: str
    peer: str
    liveness: str


@dataclass(frozen=True, slots=True)
class UntilStands:
    """Time passes until it is so."""

    forms: ClassVar = ("until {node:node} stands {standing:standing}",)
    node: str
    standing: str


@dataclass(frozen=True, slots=True)
class UntilAllMet:
    """Time passes until all that are up see each other alive, with facts and log."""

    forms: ClassVar = ("until everyone sees everyone",)


@dataclass(frozen=True, slots=True)
class UntilShows:
    """Time passes until a node knows this of the hold; ended ones are gone."""

    forms: ClassVar = ("until {node:node} shows {hold:hold} {state:state}",)
    node: str
    hold: str
    state: str


Step: TypeAlias = (
    Nodes | AlsoOn
    | Cut | CutOneWay | Mend | Loss | Delay
    | Kill | PowerCut | Start | Pause
    | CopyDisk | SetBackDisk | LoseDisk | FillDisk | FreeDisk | SlowDisk
    | Foreign | Shrink | Advance
    | Reserve | Hold | Confirm | Release | Forget | Race | Repeat | RepeatChanged
    | Where | Sees | Stands | Shows | Verify
    | UntilSees | UntilStands | UntilAllMet | UntilShows
)  # fmt: skip
