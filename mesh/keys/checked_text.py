"""Bytes that people copy by hand: grouped base32 with a checksum that no single slip survives.

The checksum is CRC-32, not a hash, on purpose: a CRC *guarantees* to notice any one wrong character
and any two neighbours swapped, because both change a run of fewer than 32 bits; a truncated hash
only makes it likely. It keeps out accidents, not attackers. Bytes and checksum are spelled apart,
so that no character carries bits of both, and unused bits must be zero.
"""

import base64
import zlib
from typing import Final

GROUP_CHARS: Final = 5
CHECK_CHARS: Final = 7
CHECK_BYTES: Final = 4
TEXT_CHARS_MAX: Final = 2048
"""Longer than any text we make: an invite with eight IPv6 addresses has about 400 characters."""


class NotThisText(ValueError):
    """The text does not even look like one of this kind."""


class Mistyped(ValueError):
    """The text is one of this kind, but a character of it is wrong, missing or too many."""


def write_checked(prefix: str, content: bytes) -> str:
    """`content` as text: `prefix`, then groups of base32 that end with a checksum."""
    letters = _spell(content) + _spell(_checksum(content))
    groups = [letters[at : at + GROUP_CHARS] for at in range(0, len(letters), GROUP_CHARS)]
    return "-".join([prefix, *groups])


def read_checked(prefix: str, text: str) -> bytes:
    """The inverse of `write_checked`; case, blanks and hyphens do not matter.

    Raises NotThisText when the prefix is another, Mistyped when the rest does not add up.
    """
    letters = "".join(character for character in text.lower() if not _is_separator(character))
    if len(letters) > TEXT_CHARS_MAX:
        raise NotThisText("it is far too long")
    beginning, body = letters[: len(prefix)], letters[len(prefix) :]
    if beginning == prefix:
        return _checked(body)
    try:
        _checked(body)
    except Mistyped:
        raise NotThisText(f"it does not begin with {prefix}-") from None
    raise Mistyped(f"its beginning should be {prefix}-")


def _checked(letters: str) -> bytes:
    content = _unspell(letters[:-CHECK_CHARS])
    if _unspell(letters[-CHECK_CHARS:]) != _checksum(content):
        raise Mistyped("a character is wrong, missing or too many")
    return content


def _checksum(content: bytes) -> bytes:
    return zlib.crc32(content).to_bytes(CHECK_BYTES, "big")


def _is_separator(character: str) -> bool:
    return character == "-" or character.isspace()


def _spell(content: bytes) -> str:
    return base64.b32encode(content).decode().rstrip("=").lower()


def _unspell(letters: str) -> bytes:
    try:
        content = base64.b32decode(letters.upper() + "=" * (-len(letters) % 8))
    except ValueError as error:
        raise Mistyped("a character is wrong, missing or too many") from error
    if _spell(content) != letters:
        raise Mistyped("a character is wrong, missing or too many")  # unused bits were set
    return content
