"""Opening: from a state folder to an agent that may be born.

What a start must settle before the first packet, in this order: the folder is ours and locked; the
share of the machine is ours; the key, the secret and the name are there; the journal opens (a
damaged one is set aside, never repaired into a lie); the marker proves that nothing was forgotten,
or does not; the disk belongs to this machine; and this start's epoch is above every one before it.
"""

import fcntl
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from random import Random, SystemRandom
from typing import Final, Protocol

from ledger.limits import Limits
from ledger.observations import Continuity
from ledger.policy import Policy as Holders
from mesh.config import PROFILES
from mesh.identity import NONCE_BYTES, Epoch, Identity, NodeId, id_text, parse_id
from mesh.keys.keyring import Keyring
from mesh.logs import Position
from mesh.persistence import SPACE_META, Write
from mesh.roll.admission import Admission, Policy
from node.config import VERSION, UpOptions
from node.core.birth import Birth
from node.core.continuity import Marker, Saved, continuity, epoch_row, next_counter
from node.probes.host import read_host
from node.probes.offers import ShareRefused
from node.probes.shares import Claim, Onlooker, claim_share, registry_folder
from node.probes.sources import Roots
from node.shell.beforehand import share_refused, wanted
from node.shell.copied import UsedElsewhere, peers_in
from node.shell.datagrams.seeding import literal_seeds
from node.shell.disk.files import ON_DISK, Files
from node.shell.disk.journal import Journal, JournalCorrupt, set_aside
from node.shell.disk.marker import find_marker, read_boot_id
from node.shell.disk.spare import Spare
from node.shell.disk.state import StateError, StateFolder, explained
from node.shell.disk.stepping_aside import step_aside

META_FINGERPRINT: Final = b"fingerprint"

DICE: Final = SystemRandom()
"""The only dice of a running agent."""


class MarkerKeeper(Protocol):
    """Where the continuity marker lies: as `node.shell.disk.marker.MarkerFile`."""

    @property
    def path(self) -> Path:
        """For people to read."""

    def read(self) -> Marker | None: ...
    def write(self, marker: Marker) -> bool: ...
    def forget(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Ground:
    """What a start stands on once its folder and its share are taken: all that is read from
    outside, before any of it is judged."""

    folder: StateFolder
    files: Files
    """Where the journal lies."""
    claim: Onlooker
    identity: Identity
    marker: MarkerKeeper | None
    marker_note: str
    """Why the marker lies there, or nowhere."""
    boot_id: str | None
    fingerprint: str | None
    hostname: str
    dice: Random


@dataclass(slots=True)
class Opened:
    """Everything that a running agent's hands rest on. `said`: what a person should be told."""

    folder: StateFolder
    journal: Journal
    marker: MarkerKeeper | None
    boot_id: str | None
    claim: Onlooker
    birth: Birth
    spare: Spare
    said: list[str] = field(default_factory=list)
    standing_warnings: tuple[str, ...] = ()
    """What stays true for as long as this agent runs, for `status` and `doctor`."""

    def mark(self, epoch_counter: int, head: Position | None) -> None:
        """Note in volatile memory how far the disk has come."""
        if self.marker is not None and self.boot_id is not None:
            self.marker.write(Marker(self.boot_id, epoch_counter, head))

    def forget_mark(self) -> None:
        """Nothing is proven until a quarantine is over: a crash in one must not skip the next."""
        if self.marker is not None:
            self.marker.forget()


@contextmanager
def opened(options: UpOptions, environment: Mapping[str, str], port: int) -> Iterator[Opened]:
    """Open everything; close it in the opposite order. Raises StateError with what to do.

    `port`: the one that was bound, which differs from the option when that was 0.
    """
    options = replace(options, port=port)
    folder = StateFolder.open(options.state)
    with ExitStack() as held:
        held.enter_context(folder.locked())
        Spare(folder.path, ON_DISK).begin()
        anew = step_aside(folder, asked=options.new_identity)
        claim = _claim(options, folder, environment)
        held.callback(claim.release)
        identity, fresh = folder.identity()
        said = [f"a new identity was made and kept in {folder.key_path} (mode 0600)"] * (
            fresh or anew
        )
        held.enter_context(_alone_with(identity.id, registry_folder(environment)))
        ground = _ground(environment, folder, claim, identity)
        yield held.enter_context(standing_on(ground, options, said))


def _ground(
    environment: Mapping[str, str], folder: StateFolder, claim: Claim, identity: Identity
) -> Ground:
    marker, note = find_marker(environment, os.getuid(), identity.id)
    return Ground(
        folder=folder, files=ON_DISK, claim=claim, identity=identity,
        marker=marker, marker_note=note, boot_id=read_boot_id(),
        fingerprint=read_host(Roots()).fingerprint, hostname=os.uname().nodename, dice=DICE,
    )  # fmt: skip


@contextmanager
def standing_on(ground: Ground, options: UpOptions, said: list[str]) -> Iterator[Opened]:
    """Open the journal there, judge what it says, and spend an epoch. Raises StateError.

    `said`: what a person should be told of how the ground was taken.
    """
    journal, saved, told = _journal(ground)
    try:
        yield _open(ground, options, journal, saved, said + told)
    finally:
        journal.close()


@contextmanager
def _alone_with(key: NodeId, registry: Path) -> Iterator[None]:
    """Hold this key on this machine. A copied folder would speak with the same voice as its
    original, and throw it into quarantine. Raises StateError when somebody has it."""
    path = registry / f"key-{id_text(key)}"
    flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
    with explained(f"taking the lock {path}"):
        handle = os.open(path, flags, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise StateError(
                "another agent on this machine runs with this very key",
                "if this folder is a copy, start it with --new-identity",
            ) from None
        yield
    finally:
        os.close(handle)


def _open(
    ground: Ground, options: UpOptions, journal: Journal, saved: Saved, said: list[str]
) -> Opened:
    keys = _keyring(ground.folder)
    marker, note = ground.marker, ground.marker_note
    warnings = () if marker is not None else (f"every start is in doubt here: {note}",)
    _check_machine(options, saved, ground)
    birth = _birth(ground, options, keys, saved)
    # The epoch is spent once it is on disk, and only then may anyone hear of it: a counter used
    # twice, by a start that a power cut made us forget, looks like a clone to every peer.
    rows = [epoch_row(birth.epoch.counter)]
    if ground.fingerprint is not None:
        rows.append(Write(SPACE_META, META_FINGERPRINT, ground.fingerprint.encode()))
    spare = Spare(ground.folder.path, ground.files)
    spare.spend_on(partial(journal.commit, rows))
    return Opened(
        ground.folder, journal, marker, ground.boot_id, ground.claim, birth, spare,
        [*said, *warnings], warnings,
    )  # fmt: skip


def _birth(ground: Ground, options: UpOptions, keys: Keyring, saved: Saved) -> Birth:
    identity, folder = ground.identity, ground.folder
    noted = None if ground.marker is None else ground.marker.read()
    proof = _continuity(noted, saved, ground)
    counter = next_counter(noted, saved, identity.id)
    name = options.name or folder.read_name() or ground.hostname
    folder.write_name(name)
    return Birth(
        identity=identity,
        name=name,
        state_folder=str(folder.path),
        epoch=Epoch(counter, ground.dice.randbytes(NONCE_BYTES)),
        keys=keys,
        saved=saved,
        port=options.port,
        continuity=proof,
        first=options.first,
        limits=Limits(policy=options.principal or Holders()),
        moved=options.moved,
        fingerprint=ground.fingerprint,
        boot=ground.boot_id,
        version=VERSION,
        seeds=literal_seeds(options.seeds),
        admission=Admission(
            Policy(options.trust), tuple(parse_id(text) for text in options.trusted)
        ),
        mesh_profile=options.mesh_profile,
        history_for=options.history_for,
        mesh_config=PROFILES[options.mesh_profile](),
    )


def _continuity(noted: Marker | None, saved: Saved, ground: Ground) -> Continuity:
    if ground.marker is None or ground.boot_id is None:
        return Continuity(False, "there is nowhere volatile to keep proof of continuity")
    return continuity(noted, saved, ground.identity.id, ground.boot_id)


def _check_machine(options: UpOptions, saved: Saved, ground: Ground) -> None:
    """A folder that was copied to another machine must not speak with the same voice from both."""
    there, here = saved.get(SPACE_META, {}).get(META_FINGERPRINT), ground.fingerprint
    if there is None or here is None or there.decode() == here or options.moved:
        return
    raise UsedElsewhere(
        f"the state folder {ground.folder.path} was last used on another machine",
        "if it was copied, start with --new-identity; if the disk moved here for good and the old "
        "machine is off, start with --moved",
        ground.identity.id,
        peers_in(saved),
    )


def _claim(options: UpOptions, folder: StateFolder, environment: Mapping[str, str]) -> Claim:
    try:
        offer, capacity = wanted(options)
        slots = tuple(name for name, _ in options.slots)
        return claim_share(offer, capacity, folder.path, registry_folder(environment), slots)
    except ShareRefused as refused:
        raise share_refused(refused) from None


def _journal(ground: Ground) -> tuple[Journal, Saved, list[str]]:
    """The journal and what it says. A damaged one is set aside for a person to look at, and nothing
    is granted until peers have told what it may have held."""
    path, files = ground.folder.journal_path, ground.files
    try:
        journal = Journal.open(path, files)
        return journal, journal.load(), []
    except JournalCorrupt as corrupt:
        aside = set_aside(path, files)
        sentence = (
            f"{corrupt.sentence}: it was set aside as {aside.name}. Starting with an empty one, in "
            "quarantine, until the peers have shown their copies of our log"
        )
        journal = Journal.open(path, files)
        return journal, journal.load(), [sentence]


def _keyring(folder: StateFolder) -> Keyring:
    text = folder.read_secret()
    if text is None:
        raise StateError(f"{folder.path} has no secret", "start with `holdfast up`, or join a mesh")
    try:
        return Keyring.parse(text)
    except ValueError as error:
        raise StateError(
            f"{folder.secret_path}: {error}", "copy it again from a node that has it"
        ) from error
