"""Why a datagram was refused: one name per cause, in the order in which we check.

A refused datagram changes nothing but a counter. The names are counted and shown to people, so
each value is a phrase that completes "refused, because it is …".
"""

from enum import Enum


class Rejection(Enum):
    """A cause for which a datagram, or the letter inside it, is refused."""

    OVERSIZED = "larger than any datagram of ours"
    TOO_SHORT = "too short to be whole"
    BAD_MAGIC = "not a datagram of ours"
    UNKNOWN_VERSION = "in a protocol version we do not speak"
    UNKNOWN_KIND = "of a kind we do not know"
    UNKNOWN_KEY = "made under another secret"
    REVOKED = "from a node that was revoked"
    BAD_TAG = "forged or damaged: its tag does not match"
    MALFORMED = "authentic, but not well formed"
    FROM_OURSELVES = "our own, come back to us"
    NOT_FOR_US = "meant for another node"
    REPLAYED = "a repetition of one already taken"
    CROSSED = "a hello that crossed ours, which it will answer"
    RATE_LIMITED = "more than we answer at a time"
    TABLE_FULL = "from a new node while our tables are full"
    UNKNOWN_CHALLENGE = "the answer to a question we did not ask"
    BAD_SIGNATURE = "not signed by the node it speaks for"
    LOWER_EPOCH = "from an earlier run of its sender"
    CLONED = "from a second machine that shows the same identity"
    NO_SESSION = "sealed in a session we do not have"
