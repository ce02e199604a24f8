"""A passphrase that people type, turned into a secret; weak ones are refused.

Whoever records one beacon can try passphrases against it at leisure, so two things stand in the
way: scrypt makes a try cost 32 MiB and some 80 ms, and we refuse what has less than 64 bits of
estimated entropy, so that the tries are too many.

The estimate is deliberately simple and errs on the low side: a run of three or more letters counts
as a *word*, worth 12 bits (about one of 4,000) plus 2 for every letter past the eighth. A loose
letter is worth 4 bits, a digit 3, a mark 4; a repeated or counted-on character (aaa, 123), or
anything said before, is worth 1. Blanks and hyphens are worth nothing. We would rather refuse a
good passphrase, which costs its owner a word more, than take a poor one.
"""

import re
import unicodedata
from typing import Final

from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

PASSPHRASE_BITS_MIN: Final = 64
PASSPHRASE_CHARS_MAX: Final = 1024

# 2**14 halves an attacker's cost, 2**16 makes a small board wait for a third of a second.
SCRYPT_COST: Final = 2**15
SCRYPT_BLOCK: Final = 8
SCRYPT_LANES: Final = 1
# Fixed, because two machines that are told only the passphrase must arrive at the same secret.
_SALT: Final = b"holdfast v1 passphrase"

WORD_LETTERS_MIN: Final = 3
WORD_BITS: Final = 12
WORD_TAIL_AFTER_LETTERS: Final = 8
WORD_TAIL_BITS: Final = 2
REPEATED_BITS: Final = 1
_RUNS: Final = re.compile(r"[^\W\d_]+|\d+|[^\w\s]+|_+")


class WeakPassphrase(ValueError):
    """The passphrase could be guessed. The message says what to do instead."""


def stretch(passphrase: str) -> bytes:
    """32 bytes from `passphrase`, slowly. Raises WeakPassphrase with advice.

    Case counts; how the blanks between words were typed does not.
    """
    if len(passphrase) > PASSPHRASE_CHARS_MAX:
        raise WeakPassphrase(f"a passphrase has at most {PASSPHRASE_CHARS_MAX} characters")
    tidy = " ".join(unicodedata.normalize("NFKC", passphrase).split())
    bits = estimated_bits(tidy)
    if bits < PASSPHRASE_BITS_MIN:
        raise WeakPassphrase(
            f"this passphrase could be guessed (about {bits} bits; {PASSPHRASE_BITS_MIN} are "
            "needed): use six or more words chosen by dice, or let Holdfast make a secret"
        )
    kdf = Scrypt(salt=_SALT, length=32, n=SCRYPT_COST, r=SCRYPT_BLOCK, p=SCRYPT_LANES)
    try:
        return kdf.derive(tidy.encode())
    except UnicodeEncodeError as error:
        raise WeakPassphrase("this passphrase has characters that cannot be written") from error


def estimated_bits(passphrase: str) -> int:
    """A low estimate of how many bits a guesser must find. See the theory above."""
    bits = 0
    said: list[str] = []
    for run in _RUNS.findall(passphrase):
        heard = run.lower()
        worth = _run_bits(heard)
        bits += min(worth, REPEATED_BITS) if heard in said else worth
        said.append(heard)
    return bits


def _run_bits(run: str) -> int:
    """What one run of letters, digits or marks is worth when it is first said."""
    loose = _loose_bits(run)
    if run.isalpha() and len(run) >= WORD_LETTERS_MIN:
        return min(WORD_BITS + WORD_TAIL_BITS * max(0, len(run) - WORD_TAIL_AFTER_LETTERS), loose)
    return loose


def _loose_bits(run: str) -> int:
    """Each character for itself, and the predictable ones for next to nothing."""
    bits = 0
    before: int | None = None
    for character in run:
        if character in "-_":
            continue
        predictable = before is not None and abs(ord(character) - before) <= 1
        bits += 1 if predictable else 3 if character.isdigit() else 4
        before = ord(character)
    return bits
