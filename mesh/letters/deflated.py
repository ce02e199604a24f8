"""Bodies of facts that no datagram holds as they are: deflated, most of them fit.

What a machine says of its four cards is two kilobytes in which every name comes up four times. As a
rumour it is everywhere in a tenth of a second; over streams, each of a hundred peers has to notice
that something is missing, find somebody who has it, and shake hands. Only the letter is deflated:
what is signed, kept and compared is the body itself.

A member may lie about what is inside. It is inflated as far as a body may be long and no further;
and what is not whole then, or has something behind it, is no body.
"""

import zlib
from typing import Final

from mesh.facts import FACT_BODY_BYTES_MAX

DEFLATED_FROM_BYTES: Final = 1_000
"""A shorter body fits a datagram beside its key, signature and topic, and costs nobody any time."""
DEFLATED_BYTES_MAX: Final = 1_024
"""A longer one travels in no datagram, so there is no reason to say it so."""
LEVEL: Final = 6


def deflate(body: bytes) -> bytes | None:
    """`body` made small (RFC 1950); None where that is not needed, or no use."""
    if len(body) < DEFLATED_FROM_BYTES:
        return None
    small = zlib.compress(body, LEVEL)
    return small if len(small) <= DEFLATED_BYTES_MAX else None


def inflate(content: bytes) -> bytes | None:
    """The inverse of `deflate`; None when it is none. Never raises."""
    reading = zlib.decompressobj()
    try:
        # One byte more than may be: else the end of the longest body would not be seen.
        body = reading.decompress(content, FACT_BODY_BYTES_MAX + 1)
    except zlib.error:
        return None
    whole = reading.eof and not reading.unused_data
    return body if whole and len(body) <= FACT_BODY_BYTES_MAX else None
