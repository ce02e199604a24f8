"""Selves: other runs of ourselves that we hear of, and what each of them means for what we grant.

Two things look alike from here, and must not be mixed up:

- a run that **is over**: our own disk forgot it. We start again above it, in quarantine, and all is
  well; it takes a restart and no person.
- a run that **is under way** somewhere else: a copied home, a cloned virtual machine. Each of the
  two would grant what the other grants, and there is no telling which is the right one: neither may
  grant until a person has decided.

A signed word of a later run is either of the two. So it ends this run, and where that run was is
noted first: the next start knocks there, and so does this one while it still can. An answer to our
own fresh nonce under our own key (`TwinSeen`) is the second, beyond doubt. From then on it is no
use to rise above each other, which would go on for ever; the books are closed, on disk as well, so
that no restart opens them. They stay so until a person says on one of the machines that it is
to have another identity (`--new-identity`) and on the other that it is the one (`--moved`, or a
reason to open its bookings).

One case needs no person: the last era of our own log was opened on other hardware than this. Then
the twin is the machine that the log is about, and this one is a copy: it says good-bye and goes on
under an identity of its own. A good-bye of the very run that had proven itself, signed, lets the
other machine start again, in quarantine, for it is alone now. It may be that nobody is in reach yet
to pass it on, so it is kept as well, and the identity that comes after brings it along as what it
remembers of a peer: whoever meets it hears it.
"""

from collections.abc import Iterable
from typing import Final, NamedTuple, TypeAlias

import msgpack

from ledger.observations import Override, TwinLives
from ledger.owner.standings import CLOSED
from ledger.recovery.quarantine import is_elsewhere
from mesh.effects import Address, EpochBehind, FactLearned, MeshEffect, TwinSeen
from mesh.identity import Epoch
from mesh.persistence import SPACE_META, Persist, Write
from mesh.roll.record import ADDRESSES_MAX, HOST_CHARS_MAX
from mesh.roll.storage import Remembered, peer_write
from node.core.birth import META_EPOCH, Birth
from node.core.bulletin import Bulletin
from node.core.effects import Doubt, Effect, Stop, TellBooks
from node.core.picture.knowledge import Knowledge

META_TWIN: Final = b"twin"
"""The row that keeps the books closed: the sentence that says why."""
META_OTHER_RUN: Final = b"other run"
"""The row that says where a run was that this disk does not remember."""
META_LAST_WORD: Final = b"last word"
"""The row with the good-bye of an identity that is given up, as peers remember a peer."""
SENTENCE_BYTES_MAX: Final = 1024
PORT_MAX: Final = 65535


class Suspect(NamedTuple):
    """Look whether a run of ours is up at these addresses."""

    addresses: tuple[Address, ...]


class SayGoodBye(NamedTuple):
    """To everyone in reach, signed with the key that is not to be used here any more."""


SelvesEffect: TypeAlias = Effect | Suspect | TellBooks | SayGoodBye


class Selves:
    """What one agent knows of its other runs."""

    def __init__(self, knowledge: Knowledge, bulletin: Bulletin, fingerprint: str | None) -> None:
        self._knowledge = knowledge
        self._bulletin = bulletin
        self._fingerprint = fingerprint
        self._forgot_a_start = False
        self._twin = False
        self._twin_epoch: Epoch | None = None
        self._above: int | None = None
        """The epoch counter that the next start rises above, because of what was heard."""

    @property
    def in_doubt(self) -> bool:
        """Whether nothing may vouch for what is on our disk."""
        return self._forgot_a_start or self._twin

    def restore(self, birth: Birth) -> list[SelvesEffect]:
        """What the last run left for this one."""
        rows = birth.saved.get(SPACE_META, {})
        effects: list[SelvesEffect] = []
        done = [key for key in (META_OTHER_RUN, META_TWIN) if key in rows]
        sentence = rows.get(META_TWIN)
        if sentence is not None and not birth.moved:
            done.remove(META_TWIN)
            self._twin = True
            effects.append(TellBooks(TwinLives(sentence.decode("utf-8", "replace"))))
        elif birth.moved and self._knowledge.ledger.standing[0] == CLOSED:
            effects.append(TellBooks(Override("the disk moved to this machine")))
        if done:
            effects.append(Persist(tuple(Write(SPACE_META, key, None) for key in done)))
        where = read_addresses(rows.get(META_OTHER_RUN, b""))
        return [*effects, Suspect(where)] if where else effects

    def heard(self, sign: EpochBehind | TwinSeen) -> list[SelvesEffect]:
        """Of a run of ours that is not this one."""
        return self._behind(sign) if isinstance(sign, EpochBehind) else self._seen(sign)

    def decided(self, why: str = "a person decided") -> list[SelvesEffect]:
        """This is the machine that goes on. If the other one still answers, it is seen again."""
        if not self._twin:
            return []
        self._twin = False
        effects: list[SelvesEffect] = [Persist((Write(SPACE_META, META_TWIN, None),))]
        if self._above is not None:
            effects.append(Stop(f"{why}: starting again above epoch {self._above}"))
        return effects

    def _behind(self, sign: EpochBehind) -> list[SelvesEffect]:
        """The floor goes to disk first; the next start rises above it."""
        counter = sign.highest.counter
        self._forgot_a_start = True
        self._above = max(counter, self._above or 0)
        floor = Write(SPACE_META, META_EPOCH, counter.to_bytes(8, "big"))
        where = Write(SPACE_META, META_OTHER_RUN, address_row(sign.addresses))
        look: list[SelvesEffect] = [Suspect(sign.addresses), Doubt(), Persist((floor, where))]
        if self._twin and sign.left and sign.highest == self._twin_epoch:
            return [*look[1:], *self.decided("the other machine with this key has left")]
        if self._twin:
            return look  # to rise above each other would go on for ever
        sentence = (
            f"a peer proved that we once reached epoch {counter}, which this disk has "
            "forgotten: starting again above it, in quarantine"
        )
        return [*look, Stop(sentence)]

    def _seen(self, sign: TwinSeen) -> list[SelvesEffect]:
        if self._twin:
            return []
        self._twin, self._twin_epoch = True, sign.epoch
        is_copy = is_elsewhere(self._knowledge.ledger.books.opening, self._fingerprint)
        sentence = _sentence(sign.address, is_copy=is_copy)
        row = Write(SPACE_META, META_TWIN, sentence.encode()[:SENTENCE_BYTES_MAX])
        event = self._bulletin.event("identity.twin", sentence)
        shut: list[SelvesEffect] = [
            Doubt(), Persist((row,)), event, TellBooks(TwinLives(sentence)),
        ]  # fmt: skip
        return [*shut, SayGoodBye(), Stop(sentence, self._doors(sign.address))] if is_copy else shut

    def _doors(self, twin: Address) -> tuple[Address, ...]:
        """Where the mesh is to be found again: first where the good-bye has to arrive."""
        found = (member.address for member in self._knowledge.mesh.roll.reachable())
        known = (address for address in found if address is not None)
        return tuple(dict.fromkeys((twin, *known)))[:ADDRESSES_MAX]


def last_word(said: Iterable[MeshEffect], epoch: Epoch) -> Persist:
    """The good-bye among what was `said`, kept for the identity that follows on this disk."""
    fact = next(effect.fact for effect in said if isinstance(effect, FactLearned))
    row = peer_write(fact.author, Remembered(fact.public, epoch, (), fact))
    return Persist((Write(SPACE_META, META_LAST_WORD, row.value),))


def _sentence(address: Address, *, is_copy: bool) -> str:
    where = f"another machine, at {address.host}:{address.port}, is up and shows this node's key"
    if is_copy:
        return (
            f"{where}, and its log was last opened there and not on this hardware: this is a copy, "
            "and goes on under an identity of its own (`holdfast up --new-identity`)"
        )
    return (
        f"{where}; nothing tells which of the two is the copy. Neither grants anything until you "
        "decide: start the copy with `holdfast up --new-identity`, then the one that stays with "
        "`holdfast up --moved`"
    )


def address_row(addresses: tuple[Address, ...]) -> bytes | None:
    """Addresses for the journal; None: nothing to keep."""
    if not addresses:
        return None
    row: bytes = msgpack.packb([[one.host, one.port] for one in addresses[:ADDRESSES_MAX]])
    return row


def read_addresses(row: bytes) -> tuple[Address, ...]:
    """The inverse; nothing, where the row is not one: it is only a place to look at."""
    if not row:
        return ()
    try:
        plain = msgpack.unpackb(row, max_array_len=ADDRESSES_MAX, max_str_len=HOST_CHARS_MAX)
    except (ValueError, msgpack.UnpackException):
        return ()
    if type(plain) is not list:
        return ()
    return tuple(Address(*pair) for pair in plain if _is_address(pair))


def _is_address(pair: object) -> bool:
    if type(pair) is not list or len(pair) != 2:
        return False
    host, port = pair
    return type(host) is str and type(port) is int and 0 < port <= PORT_MAX
