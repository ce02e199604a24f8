"""Passport control: every datagram is judged here, and most of what is refused dies here.

`judge` either names a cause (`Rejection`; nothing has changed then) or says what the datagram
establishes. The order of belief: a *beacon* is a hint and a *hello* may be a recording, so neither
changes anything but a bounded table of open questions. Only an answer to our own fresh nonce,
signed by the node's key, proves a peer and its epoch; only what is sealed in a session that such an
answer opened is taken from it, and each datagram once.

Epochs: a proven higher one ends all sessions with the peer's earlier runs. A lower one is told so
(`LowerEpoch`), by its own later signature. The same counter with another start nonce, or another
run of our own, is two machines with one key (`CloneSeen`), said only once it is proven; or one disk
that was set back twice, and then the caller may `follow` the run that everyone else knows.
"""

from collections.abc import Mapping
from dataclasses import replace
from random import Random
from typing import Final

from mesh.door.allowance import HelloAllowance
from mesh.door.challenges import Answered, Challenges
from mesh.door.confirming import Confirmations
from mesh.door.epochs import Epochs, Standing
from mesh.door.handshake import (
    STALE_RECORD_BYTES_MAX,
    Hello,
    Welcome,
    read_hello,
    read_welcome,
    write_stale,
)
from mesh.door.judgements import (
    CloneSeen,
    Established,
    HeardBeacon,
    Judgement,
    LowerEpoch,
    Respond,
    Verified,
)
from mesh.door.passport import Papers
from mesh.door.sessions import PAYLOAD_BYTES_MAX, Session, Sessions, session_tag_of
from mesh.door.told import judge_outcast, judge_stale
from mesh.door.turned_away import Doorman
from mesh.effects import Address, Outcasts, Send
from mesh.identity import Epoch, Identity, NodeId
from mesh.instant import Instant, earliest
from mesh.kept.notary import Notary
from mesh.keys.keyring import Keyring
from mesh.keys.secret import MeshKeys
from mesh.letters.beacon import BEACON_SEQUENCES, beacon_of, read_beacon, write_beacon
from mesh.letters.datagram import Header, Kind, read_header
from mesh.rejections import Rejection


class Gate:
    """One node's passport control, for one run of it. A new epoch takes a new Gate."""

    payload_bytes_max: Final = PAYLOAD_BYTES_MAX

    def __init__(
        self,
        identity: Identity,
        epoch: Epoch,
        keys: Keyring,
        random: Random,
        highest: Mapping[NodeId, Epoch],
        notary: Notary,
    ) -> None:
        """`highest`: per peer, the highest epoch proven before this start; `notary`: of the node,
        who may have seen a peer's record before the peer shows it."""
        self._identity = identity
        self._epoch = epoch
        self._keys = keys
        self._epochs = Epochs(identity.id, epoch, highest)
        self.papers = Papers(identity, epoch, keys.mesh_id, random)
        self._challenges = Challenges(identity, epoch, random, self.papers, notary)
        self._sessions = Sessions()
        self._confirmations = Confirmations(self._sessions)
        self._allowance = HelloAllowance()
        self._beacons_sent = 0
        self._primary_since: Instant | None = None
        self._doorman = Doorman(identity, keys.mesh_id)

    # What we say ------------------------------------------------------------------------------

    def beacon(self, port: int) -> bytes:
        """A beacon that says: knock on `port`."""
        seq, self._beacons_sent = self._beacons_sent, (self._beacons_sent + 1) % BEACON_SEQUENCES
        said = beacon_of(self._identity.id, self._epoch, port, seq)
        return write_beacon(self._keys.primary, said)

    def hello(self, to: NodeId | None, now: Instant) -> bytes:
        """A hello; may be sent to several addresses of `to`. The first good welcome wins."""
        return self._challenges.ask(to, self._keys.primary, now)

    def hellos(self, to: NodeId | None, now: Instant) -> list[bytes]:
        """A hello under every secret: whoever slept through a rotation may have but one."""
        return [self._challenges.ask(to, keys, now) for keys in self._keys.keys]

    def seal(self, to: NodeId, payload: bytes, now: Instant) -> bytes | None:
        """`payload` for `to` alone, or None when there is no session with it."""
        session = self._sessions.best(to, now)
        return None if session is None else session.seal(Kind.SEALED, payload)

    def respond(self, met: Established, letters: bytes, now: Instant) -> bytes:
        """The first word in the session that `met` opened: `letters`, which may be none. If we
        said hello it is our confirmation, and `wake` repeats it until the far end is heard."""
        session = self._sessions.find(met.peer, met.tag, now)
        assert session is not None, "nobody is answered in a session that is over"
        if met.took is None:
            return session.seal(Kind.SEALED, letters)
        return self._confirmations.begin(session, letters, met.address, met.took, now)

    def stale(self, late: LowerEpoch, record: bytes) -> bytes | None:
        """The answer to a run that is over: its own later `record`. None when that cannot fit."""
        if not 0 < len(record) <= STALE_RECORD_BYTES_MAX:
            return None
        keys = self._keys.named(late.key_id) or self._keys.primary
        return write_stale(keys, self._identity.id, late.peer, late.echo, record)

    # What we know -----------------------------------------------------------------------------

    @property
    def next_wake(self) -> Instant | None:
        """When `wake` next has something to do; None while no handshake is under way."""
        return earliest(self._challenges.next_expiry, self._confirmations.next_due)

    def wake(self, now: Instant) -> list[Send]:
        """Repeat what was not heard, and give up what has waited too long."""
        self._challenges.expire(now)
        return self._confirmations.wake(now)

    def has_session(self, peer: NodeId) -> bool:
        """Whether we share keys with `peer`."""
        return self._sessions.has(peer)

    @property
    def open_sessions(self) -> Mapping[NodeId, None]:
        """Everyone of whom `has_session` is true."""
        return self._sessions.open

    @property
    def session_changes(self) -> int:
        """Moves whenever what `has_session` says of anybody may have changed."""
        return self._sessions.changes

    def wants_hello(self, peer: NodeId, now: Instant) -> bool:
        """Whether it is time to say hello: no session is left, or the best is worn."""
        best = self._sessions.best(peer, now)
        if best is None or best.is_worn(now):
            return True
        # Agreed under another secret than the one we have since taken up: move over, once.
        since, key_id = self._primary_since, self._keys.primary.key_id
        return since is not None and best.opened_at < since and best.agreed.key_id != key_id

    def bar(self, nodes: Outcasts, words: Mapping[NodeId, bytes]) -> None:
        """Whoever is in `nodes`, now or later, is not heard; only that it spoke is noted there, and
        it is told what `words` has for it."""
        self._doorman.bar(nodes, words)

    def change_keys(self, keys: Keyring, now: Instant) -> None:
        """From here on these secrets count. What was agreed under another one is over."""
        if keys.primary != self._keys.primary:
            self._primary_since = now
        self._keys = keys
        in_force = {one.key_id for one in keys.keys}
        self._sessions.keep_keys(in_force)
        self._challenges.keep_keys(in_force)

    def epochs(self) -> dict[NodeId, Epoch]:
        """The highest proven epoch of every peer we know."""
        return self._epochs.all()

    def hang_up(self, peer: NodeId) -> None:
        """End all sessions and handshakes with `peer`, but remember its highest epoch."""
        self._sessions.drop_peer(peer)
        self._challenges.forget(peer)

    def forget(self, peer: NodeId) -> None:
        """`hang_up`, and forget its highest epoch too: an older run would be believed again."""
        self.hang_up(peer)
        self._epochs.forget(peer)

    def follow(self, peer: NodeId, epoch: Epoch) -> None:
        """Of two runs under one number, the mesh has settled on this one: it is the one we know."""
        self.hang_up(peer)
        self._epochs.follow(peer, epoch)

    # What we hear -----------------------------------------------------------------------------

    def judge(self, datagram: bytes, source: Address, now: Instant) -> Judgement | Rejection:
        """What this datagram establishes, or why it is refused (then nothing has changed)."""
        header = read_header(datagram)
        if isinstance(header, Rejection):
            return header
        if (keys := self._keys.named(header.key_id)) is None:
            return Rejection.UNKNOWN_KEY
        if header.sender in self._doorman.barred:
            return self._doorman.judge(keys, header, datagram, source, now)
        match header.kind:  # the usual one first
            case Kind.SEALED:
                return self._judge_sealed(header, datagram, source, now)
            case Kind.BEACON:
                return self._judge_beacon(keys, header, datagram, source)
            case Kind.HELLO:
                return self._judge_hello(keys, header, datagram, source, now)
            case Kind.WELCOME:
                return self._judge_welcome(keys, header, datagram, source, now)
            case Kind.CONFIRM:
                return self._judge_confirm(header, datagram, source, now)
            case Kind.STALE:
                return judge_stale(self._challenges, self._identity.id, keys, datagram, now)
            case Kind.OUTCAST:
                own = self._identity.id
                return judge_outcast(self._challenges, own, keys, header, datagram, now)

    def believes(self, hello: Hello) -> bool:
        """Whether a hello alone proves its sender. Never: it may be a recording.

        The one home of that rule; a simulation that plants its opposite here must be caught.
        """
        return False

    def _judge_beacon(
        self, keys: MeshKeys, header: Header, datagram: bytes, source: Address
    ) -> Judgement | Rejection:
        beacon = read_beacon(keys, header, datagram)
        if isinstance(beacon, Rejection):
            return beacon
        if beacon.node == self._identity.id and beacon.is_of(self._epoch):
            return Rejection.FROM_OURSELVES
        return HeardBeacon(beacon.node, beacon.epoch_counter, Address(source.host, beacon.port))

    def _judge_hello(
        self, keys: MeshKeys, header: Header, datagram: bytes, source: Address, now: Instant
    ) -> Judgement | Rejection:
        hello = read_hello(keys, header, datagram)
        if isinstance(hello, Rejection):
            return hello
        refusal = self._refusal_of(hello, source, now)
        if refusal is not None:
            return refusal
        match self._epochs.standing(hello.sender, hello.epoch):
            case Standing.LOWER:
                return self._lower(hello, source)
            case Standing.NO_ROOM:
                return Rejection.TABLE_FULL
            case Standing.OPEN | Standing.CLONED:
                return self._challenge(hello, keys, source, now)

    def _refusal_of(self, hello: Hello, source: Address, now: Instant) -> Rejection | None:
        if hello.sender == self._identity.id and hello.epoch == self._epoch:
            return Rejection.FROM_OURSELVES
        if hello.target not in (None, self._identity.id):
            return Rejection.NOT_FOR_US
        if self._sessions.answers(hello.sender, hello.nonce):
            return Rejection.REPLAYED
        if self._challenges.crosses(hello.sender):
            return Rejection.CROSSED
        met = self._epochs.known(hello.sender) is not None
        if not self._allowance.take(source, now, met=met):
            return Rejection.RATE_LIMITED
        return None

    def _challenge(
        self, hello: Hello, keys: MeshKeys, source: Address, now: Instant
    ) -> Judgement | Rejection:
        answered = self._challenges.answer(hello, keys, now)
        if isinstance(answered, Rejection):
            return answered
        if self.believes(hello):
            return self._admit(answered, source)
        return Respond(answered.welcome, hello.sender)

    def _judge_welcome(
        self, keys: MeshKeys, header: Header, datagram: bytes, source: Address, now: Instant
    ) -> Judgement | Rejection:
        welcome = read_welcome(keys, header, datagram)
        if isinstance(welcome, Rejection):
            return welcome
        if welcome.to != self._identity.id:
            return Rejection.NOT_FOR_US
        asked = self._challenges.asked(welcome.echo, now)
        if asked is None or asked.keys != keys or asked.target not in (None, welcome.sender):
            return Rejection.UNKNOWN_CHALLENGE
        accepted = self._challenges.accept(asked, welcome, now)
        if isinstance(accepted, Rejection):
            return accepted
        # From here on the peer is proven live, whatever we may think of its epoch.
        self._challenges.settle(asked)
        session, passport = accepted
        doubt = self._doubt(welcome, source)
        if isinstance(doubt, CloneSeen):
            return replace(doubt, proof=session.seal(Kind.CONFIRM, b""))
        if doubt is not None:
            return doubt
        self._prove(session)
        return Established(
            welcome.sender, welcome.public, welcome.epoch, source, session.agreed.tag, passport,
            took=now - asked.said_at,
        )  # fmt: skip

    def _judge_confirm(
        self, header: Header, datagram: bytes, source: Address, now: Instant
    ) -> Judgement | Rejection:
        tag = session_tag_of(datagram)
        if isinstance(tag, Rejection):
            return tag
        answered = self._challenges.answered(header.sender, tag, now)
        if answered is None:
            return self._confirm_again(header.sender, tag, datagram, now)
        payload = answered.session.open(datagram)
        if isinstance(payload, Rejection):
            return payload
        # It has the keys: so it holds the share that it showed, and heard our nonce.
        self._challenges.settle(answered)
        return self._doubt(answered.hello, source) or self._admit(answered, source, payload)

    def _confirm_again(
        self, sender: NodeId, tag: bytes, datagram: bytes, now: Instant
    ) -> Judgement | Rejection:
        """It did not hear us in the session we already share: say something in it."""
        session = self._sessions.find(sender, tag, now)
        if session is None or session.agreed.initiated:
            return Rejection.NO_SESSION
        payload = session.open(datagram)
        if isinstance(payload, Rejection):
            return payload
        return Respond(session.seal(Kind.SEALED, b""), sender)

    def _admit(self, answered: Answered, source: Address, letters: bytes = b"") -> Established:
        hello, session = answered.hello, answered.session
        self._challenges.met(hello.sender)
        self._prove(session)
        return Established(
            hello.sender, hello.public, hello.epoch, source, session.agreed.tag, answered.passport,
            letters,
        )  # fmt: skip

    def _judge_sealed(
        self, header: Header, datagram: bytes, source: Address, now: Instant
    ) -> Judgement | Rejection:
        tag = session_tag_of(datagram)
        if isinstance(tag, Rejection):
            return tag
        session = self._sessions.find(header.sender, tag, now)
        if session is None:
            return Rejection.NO_SESSION
        payload = session.open(datagram)
        if isinstance(payload, Rejection):
            return payload
        self._confirmations.heard(session)
        return Verified(header.sender, session.agreed.epoch, payload, source)

    # Epochs -----------------------------------------------------------------------------------

    def _doubt(self, said: Hello | Welcome, source: Address) -> Judgement | Rejection | None:
        """What stands between a peer that has proven its key and its admission."""
        if said.sender == self._identity.id:
            return self._clone(said, source)
        match self._epochs.standing(said.sender, said.epoch):
            case Standing.OPEN:
                return None
            case Standing.LOWER:
                return self._lower(said, source)
            case Standing.CLONED:
                return self._clone(said, source)
            case Standing.NO_ROOM:
                return Rejection.TABLE_FULL

    def _lower(self, said: Hello | Welcome, source: Address) -> LowerEpoch:
        known = self._epochs.known(said.sender)
        assert known is not None, "a lower epoch is lower than one we know"
        return LowerEpoch(said.sender, said.epoch, known, source, said.nonce, said.key_id)

    def _clone(self, said: Hello | Welcome, source: Address) -> CloneSeen:
        known = self._epochs.known(said.sender)
        assert known is not None, "a clone is a clone of one we know"
        return CloneSeen(
            said.sender, said.public, said.epoch, known, source, said.nonce, said.key_id
        )

    def _prove(self, session: Session) -> None:
        """The peer is live in this epoch: earlier runs of it are over."""
        agreed = session.agreed
        self._epochs.prove(agreed.peer, agreed.epoch)
        self._sessions.add(session)
