"""Bringing an invite to its inviter, and what to say when that does not work."""

from typing import TYPE_CHECKING, Final

from node.cli.exits import NO, Unable
from node.cli.render import clean, tell

if TYPE_CHECKING:
    from mesh.keys.invite import Invite
    from mesh.keys.keyring import Keyring
    from node.shell.streams.one_call import StreamFailed

SERVICE: Final = "join"
QUESTION_SERVICE: Final = "query"
QUESTION: Final = b'{"type": "status"}'
NO_REASON: Final = "the inviter refused, and did not say why"
NEW_INVITE: Final = "ask for a new one there: `holdfast invite`"


def fetch_keys(invite: "Invite") -> "Keyring":
    """The mesh's secrets, from the first address where the inviter itself answers."""
    from mesh.identity import short_id

    who = short_id(invite.inviter)
    tell(f"the invite is whole: mesh {invite.mesh_id.hex()}, inviter {who}")
    tell(f"dialling {', '.join(address.text for address in invite.addresses)}")
    answer = _redeemed(invite, who)
    keys = _keys_in(answer, invite)
    tell(f"{who} took the token and told the secret")
    return keys


def _redeemed(invite: "Invite", who: str) -> bytes:
    from node.shell.streams.one_call import PERHAPS_HEARD, StreamFailed, call_pinned

    try:
        answer, where = call_pinned(invite.addresses, invite.inviter, SERVICE, invite.token)
    except StreamFailed as failure:
        told = clean(failure.detail)
        if failure.cause in PERHAPS_HEARD:
            # The token has left our hands; a second try elsewhere could only confuse.
            raise Unable(
                "join_refused",
                f"the invite's token went to {who}, but {told}",
                f"the invite may be used up: {NEW_INVITE}",
                NO,
            ) from failure
        raise _nobody(failure, who) from failure
    tell(f"{who} answered with its own key at {where.text}")
    return answer


def _keys_in(answer: bytes, invite: "Invite") -> "Keyring":
    import msgspec

    from mesh.keys.keyring import Keyring
    from node.core.trust.inviting import JoinAnswer

    try:
        told = msgspec.json.decode(answer, type=JoinAnswer)
        lines = () if told.secret is None else (told.secret, *told.others)
        keys = Keyring.parse("\n".join(lines)) if lines else None
    except (msgspec.MsgspecError, ValueError, RecursionError) as error:
        hint = "the two machines may run different versions of Holdfast"
        raise Unable("bad_answer", "the inviter's answer cannot be read", hint, NO) from error
    if keys is None:
        # An inviter that gives its reason says there what to do about it, too.
        reason, hint = (clean(told.refused), "") if told.refused else (NO_REASON, NEW_INVITE)
        raise Unable("join_refused", reason, hint, NO)
    if keys.mesh_id != invite.mesh_id:
        sentence = "the secret that came back is of another mesh than the invite"
        raise Unable("bad_answer", sentence, NEW_INVITE, NO)
    return keys


def has_moved_on(invite: "Invite", keys: "Keyring") -> bool:
    """Whether the inviter's mesh no longer takes the secrets that this node has of it."""
    from node.shell.streams.one_call import Failure, StreamFailed, call_as_guest

    for address in invite.addresses:
        try:
            call_as_guest(address, keys, QUESTION_SERVICE, QUESTION)
        except StreamFailed as failure:
            if failure.cause in (Failure.HANDSHAKE, Failure.NOT_LET_IN):
                return True
            continue
        return False
    return False


def _nobody(failure: "StreamFailed", who: str) -> Unable:
    tried = clean(failure.detail)
    if failure.cause.name == "WRONG_PEER":
        return Unable(
            "other_node",
            f"the key there is not that of {who}, who made the invite: {tried}",
            "its state was made anew, or somebody stands in between; nothing was told to it. "
            f"If the machine is right, {NEW_INVITE}",
            NO,
        )
    return Unable(
        "no_inviter",
        f"the inviter {who} cannot be reached: {tried}",
        "is its agent running (`holdfast status` there), is this machine on a network from which "
        "one of these addresses can be reached, and do firewalls let TCP and UDP on that port "
        "through?",
        NO,
    )
