"""Certificates of the mesh, written and read byte by byte (DER, X.680 and X.690; RFC 5280, 8410).

Of the whole of X.509 we need two certificates with an Ed25519 key each, and from a stranger's the
key. The library that knows all of it costs every agent two megabytes, so these few kinds of value
are spelled out here; the tests hold them against that library, to the byte.

Reading decides who is at the far end, so it must find the very key that OpenSSL has checked the
handshake with, and no other that somebody has put where a lazy reader would look. It walks the
fields in their order, and takes nothing that is not in the one shortest form that DER allows:
whatever two readers could understand in two ways is no certificate here.
"""

import hashlib
from binascii import b2a_base64
from typing import Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mesh.identity import PUBLIC_KEY_BYTES, Identity, PublicKey

_BOOLEAN, _INTEGER, _BITS, _OCTETS, _OID = 0x01, 0x02, 0x03, 0x04, 0x06
_UTF8, _UTC_TIME, _TIME, _SEQUENCE, _SET = 0x0C, 0x17, 0x18, 0x30, 0x31
_VERSION, _EXTENSIONS, _KEY_ID = 0xA0, 0xA3, 0x80
"""The tags that we use."""

_ED25519: Final = bytes.fromhex("06032b6570")
_COMMON_NAME: Final = bytes.fromhex("0603550403")
_SUBJECT_KEY: Final = bytes.fromhex("0603551d0e")
_USAGE: Final = bytes.fromhex("0603551d0f")
_CONSTRAINTS: Final = bytes.fromhex("0603551d13")
_ISSUER_KEY: Final = bytes.fromhex("0603551d23")
_YES: Final = bytes([_BOOLEAN, 1, 0xFF])
_V3: Final = bytes([_VERSION, 3, _INTEGER, 1, 2])
_MAY_SIGN_CERTIFICATES: Final = bytes([_BITS, 2, 2, 0x04])
_MAY_SIGN: Final = bytes([_BITS, 2, 7, 0x80])
VALID_FROM: Final = b"700101000000Z"
VALID_UNTIL: Final = b"99991231235959Z"
"""No clock decides anything."""
SHORT_LENGTHS_MAX: Final = 0x7F
CERTIFICATE_BYTES_MAX: Final = 64 * 1024
"""OpenSSL takes longer ones; nobody here writes one of half a kilobyte."""


def ca_certificate(key: Ed25519PrivateKey, name: str, serial: int) -> bytes:
    """What vouches for itself and, behind it, for leaves alone."""
    ours = _extension(_SUBJECT_KEY, _tlv(_OCTETS, _digest(key)))
    constraints = _sequence(_YES, _tlv(_INTEGER, b"\x00"))
    extensions = (
        _extension(_CONSTRAINTS, constraints, critical=True),
        _extension(_USAGE, _MAY_SIGN_CERTIFICATES, critical=True),
        ours,
    )
    return _signed(key, serial, name, name, key, extensions)


def leaf_certificate(ca_key: Ed25519PrivateKey, issuer: str, name: str, node: Identity) -> bytes:
    """The certificate of `node`, under its own key. `name` is for people."""
    serial = int.from_bytes(node.id) | 1  # any positive number; a node's is stable
    extensions = (
        _extension(_CONSTRAINTS, _sequence(), critical=True),
        _extension(_USAGE, _MAY_SIGN, critical=True),
        _extension(_SUBJECT_KEY, _tlv(_OCTETS, _digest(node.private_key))),
        _extension(_ISSUER_KEY, _sequence(_tlv(_KEY_ID, _digest(ca_key)))),
    )
    return _signed(ca_key, serial, issuer, name, node.private_key, extensions)


def key_pem(key: Ed25519PrivateKey) -> bytes:
    """The private key itself, as OpenSSL reads it (RFC 8410, section 7)."""
    octets = _tlv(_OCTETS, _tlv(_OCTETS, key.private_bytes_raw()))
    plain = _sequence(_tlv(_INTEGER, b"\x00"), _sequence(_ED25519), octets)
    return b"-----BEGIN PRIVATE KEY-----\n%s-----END PRIVATE KEY-----\n" % b2a_base64(plain)


def _signed(
    signer: Ed25519PrivateKey, serial: int, issuer: str, subject: str,
    bearer: Ed25519PrivateKey, extensions: tuple[bytes, ...],
) -> bytes:  # fmt: skip
    number = serial.to_bytes(serial.bit_length() // 8 + 1)
    told = _sequence(
        _V3, _tlv(_INTEGER, number), _sequence(_ED25519), _name(issuer),
        _sequence(_tlv(_UTC_TIME, VALID_FROM), _tlv(_TIME, VALID_UNTIL)), _name(subject),
        _sequence(_sequence(_ED25519), _tlv(_BITS, b"\x00" + _raw(bearer))),
        _tlv(_EXTENSIONS, _sequence(*extensions)),
    )  # fmt: skip
    return _sequence(told, _sequence(_ED25519), _tlv(_BITS, b"\x00" + signer.sign(told)))


def _name(text: str) -> bytes:
    one = _sequence(_COMMON_NAME, _tlv(_UTF8, text.encode()))
    return _sequence(_tlv(_SET, one))


def _extension(kind: bytes, value: bytes, *, critical: bool = False) -> bytes:
    return _sequence(kind, _YES if critical else b"", _tlv(_OCTETS, value))


def _digest(key: Ed25519PrivateKey) -> bytes:
    # A label to find certificates by, and by RFC 5280 (4.2.1.2) of this hash; nothing rests on it.
    return hashlib.sha1(_raw(key), usedforsecurity=False).digest()


def _raw(key: Ed25519PrivateKey) -> bytes:
    return key.public_key().public_bytes_raw()


def _sequence(*parts: bytes) -> bytes:
    return _tlv(_SEQUENCE, b"".join(parts))


def _tlv(tag: int, content: bytes) -> bytes:
    if len(content) <= SHORT_LENGTHS_MAX:
        return bytes([tag, len(content)]) + content
    length = len(content).to_bytes((len(content).bit_length() + 7) // 8)
    return bytes([tag, 0x80 | len(length)]) + length + content


# Reading -----------------------------------------------------------------------------------------

_BEFORE_THE_KEY: Final = (_INTEGER, _SEQUENCE, _SEQUENCE, _SEQUENCE, _SEQUENCE)
"""Serial number, algorithm, issuer, validity, subject."""
_KEY_HEAD: Final = _sequence(_sequence(_ED25519), _tlv(_BITS, bytes(1 + PUBLIC_KEY_BYTES)))[
    :-PUBLIC_KEY_BYTES
]
"""Of an Ed25519 key as a certificate has it, all that comes before the key."""


class _Value(NamedTuple):
    tag: int
    content: bytes
    whole: bytes


def key_in(certificate: bytes) -> PublicKey | None:
    """The Ed25519 key that `certificate` is about; None when it is about another, or is none."""
    if len(certificate) > CERTIFICATE_BYTES_MAX:
        return None
    parts = _values(certificate)
    if parts is None or [part.tag for part in parts] != [_SEQUENCE]:
        return None
    parts = _values(parts[0].content)
    if parts is None or [part.tag for part in parts] != [_SEQUENCE, _SEQUENCE, _BITS]:
        return None
    fields = _values(parts[0].content)
    if fields is None:
        return None
    if fields and fields[0].tag == _VERSION:
        del fields[0]
    known = len(_BEFORE_THE_KEY)
    if tuple(field.tag for field in fields[:known]) != _BEFORE_THE_KEY or len(fields) == known:
        return None
    key = fields[known].whole
    if len(key) != len(_KEY_HEAD) + PUBLIC_KEY_BYTES or not key.startswith(_KEY_HEAD):
        return None
    return PublicKey(key[len(_KEY_HEAD) :])


def _values(content: bytes) -> list[_Value] | None:
    """The values laid end to end in `content`; None unless each is whole and in its one form."""
    found: list[_Value] = []
    at = 0
    while at < len(content):
        begins = _content_at(content, at)
        if begins is None:
            return None
        start, length = begins
        if start + length > len(content):
            return None
        whole = content[at : start + length]
        found.append(_Value(content[at], content[start : start + length], whole))
        at = start + length
    return found


def _content_at(content: bytes, at: int) -> tuple[int, int] | None:
    """(where the content of the value at `at` begins, how long it is)."""
    if content[at] & 0x1F == 0x1F or at + 1 >= len(content):
        return None  # a tag of several bytes, or no length
    length = content[at + 1]
    if length <= SHORT_LENGTHS_MAX:
        return at + 2, length
    start = at + 2 + (length & SHORT_LENGTHS_MAX)
    digits = content[at + 2 : start]
    long = int.from_bytes(digits)
    shortest = bool(digits) and digits[0] != 0 and long > SHORT_LENGTHS_MAX
    return (start, long) if shortest and start <= len(content) else None
