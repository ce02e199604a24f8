"""Told: what somebody says of ourselves instead of a welcome.

That our run is over (STALE), or that we are kept out (OUTCAST). Each must answer a handshake of
ours that is open, and each handshake takes one such answer: so a recording is refused, and nobody
makes us check signatures at his pace. The handshake goes on: what we are shown is believed once it
has been checked, and a welcome of others is not kept waiting for that.
"""

from mesh.door.challenges import Challenges
from mesh.door.handshake import read_stale
from mesh.door.judgements import ToldOutcast, ToldStale
from mesh.identity import NodeId
from mesh.instant import Instant
from mesh.keys.secret import MeshKeys
from mesh.letters.datagram import Header
from mesh.letters.outcast import proves, read_outcast
from mesh.rejections import Rejection


def judge_stale(
    challenges: Challenges, own: NodeId, keys: MeshKeys, datagram: bytes, now: Instant
) -> ToldStale | Rejection:
    """We are shown what may be our own later record: unsigned gossip until the caller has
    checked."""
    stale = read_stale(keys, datagram)
    if isinstance(stale, Rejection):
        return stale
    if stale.to != own:
        return Rejection.NOT_FOR_US
    entry = challenges.waiting_for(stale.echo, now)
    if entry is None:
        return Rejection.UNKNOWN_CHALLENGE
    if entry.told_stale:
        return Rejection.REPLAYED
    entry.told_stale = True
    return ToldStale(stale.record)


def judge_outcast(
    challenges: Challenges, own: NodeId, keys: MeshKeys, header: Header, datagram: bytes,
    now: Instant,
) -> ToldOutcast | Rejection:  # fmt: skip
    """Somebody says, signed, that it keeps us out. Whether that counts here is for the caller."""
    notice = read_outcast(keys, header, datagram)
    if isinstance(notice, Rejection):
        return notice
    if notice.to != own:
        return Rejection.NOT_FOR_US
    asked = challenges.asked(notice.echo, now)
    if asked is None or asked.keys != keys or asked.target not in (None, notice.author):
        return Rejection.UNKNOWN_CHALLENGE
    if asked.told_outcast:
        return Rejection.REPLAYED
    asked.told_outcast = True
    if not proves(notice, keys.mesh_id):
        return Rejection.BAD_SIGNATURE
    return ToldOutcast(notice.author, notice.word)
