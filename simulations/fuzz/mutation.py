"""How an example is bent: a bit, a cut, a lie about length, a splice; and, where the example has a
structure, a value in it replaced by one that nobody expects there.

The second kind is what reaches the inner checks: a flipped bit dies at the first length that no
longer adds up, while a well-formed list with a float where a number belongs gets to the place that
would use it. One die throws everything, so a seed is a sequence of inputs.

`neighbours` are all of an example's next neighbours, without any die: each prefix, and each byte
set to what a length or a type byte might be mistaken for.
"""

import copy
import json
from collections.abc import Callable, Iterator, Sequence
from random import Random
from typing import Any, Final, TypeAlias

import msgpack

from simulations.fuzz.target import Shape

Roll: TypeAlias = Callable[[], float]

INPUT_BYTES_MAX: Final = 16 * 1024
NEST: Final = (8, 64, 600, 3000)
BYTES_SET: Final = (
    0x00, 0x01, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xC0, 0xC1, 0xC4, 0xC6, 0xC9, 0xCB, 0xCF,
    0xD3, 0xDB, 0xDD, 0xDF, 0xFF,
)  # fmt: skip
"""Ends of ranges, and the bytes with which MessagePack begins what is long or rare."""
HEADS: Final = (
    b"\xdd\xff\xff\xff\xff", b"\xdc\xff\xff", b"\xdf\x7f\xff\xff\xff", b"\xde\xff\xff",
    b"\xc6\xff\xff\xff\xff", b"\xdb\x00\x10\x00\x00", b"\xc9\xff\xff\xff\xff\x01", b"\xc4\x00",
    b"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00", b"\xcf\xff\xff\xff\xff\xff\xff\xff\xff",
    b"\xd3\x80\x00\x00\x00\x00\x00\x00\x00", b"\xc7\x0c\xff", b"\xd6\xff\xff\xff\xff\xff",
)  # fmt: skip
WORDS: Final = (
    b"null", b"-1", b"1e999", b"NaN", b"18446744073709551616", b"{}", b"[]", b'""', b"true",
    b'"\\ud800"', b"\x00", b"\n", b"\r\n", b"\xff\xfe", b'"""', b"'", b"=", b"-", b":", b"[[",
    b"0x10", b"\xe2\x80\xae", b"..", b"1.5GiB", b"inf", b"hf1-", b"hfi1-",
)  # fmt: skip
VALUES: Final[tuple[Any, ...]] = (
    None, True, False, 0, 1, -1, 2**31, 2**32, 2**53 + 1, 2**63 - 1, 2**63, 2**64 - 1, -(2**63),
    0.5, float("nan"), float("inf"), -0.0, "", "x", "x" * 300, "\x00", "\u202e", "é" * 40, b"",
    bytes(8), bytes(16), bytes(32), bytes(33), bytes(64), b"x" * 300, [], [[]], [None] * 40, {},
    {"x": 1}, {b"": b""}, {"": [[[[[[]]]]]]},
)  # fmt: skip


def mutant(roll: Roll, examples: Sequence[bytes], shape: Shape) -> bytes:
    """One bent example."""
    data = examples[int(roll() * len(examples))]
    if shape is not Shape.BYTES and roll() < 0.5:
        data = reshaped(roll, data, shape)
        if roll() < 0.75:
            return data
    bent = bytearray(data)
    for _ in range(1 + int(4 * roll() * roll())):
        _OPERATIONS[int(roll() * len(_OPERATIONS))](roll, bent, examples)
    return bytes(bent[:INPUT_BYTES_MAX])


def neighbours(example: bytes) -> Iterator[bytes]:
    """Each prefix, and each byte set to each of `BYTES_SET` and with each bit flipped."""
    for length in range(len(example)):
        yield example[:length]
    bent = bytearray(example)
    for at, true in enumerate(example):
        for byte in (*BYTES_SET, *(true ^ 1 << bit for bit in range(8))):
            if byte != true:
                bent[at] = byte
                yield bytes(bent)
        bent[at] = true


def dice(seed: str) -> Roll:
    """The die of one target."""
    return Random(seed).random


# Bytes -----------------------------------------------------------------------------------------


def _flip(roll: Roll, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[int(roll() * len(data))] ^= 1 << int(roll() * 8)


def _set(roll: Roll, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[int(roll() * len(data))] = BYTES_SET[int(roll() * len(BYTES_SET))]


def _any(roll: Roll, data: bytearray, _: Sequence[bytes]) -> None:
    if data:
        data[int(roll() * len(data))] = int(roll() * 256)


def _cut(roll: Roll, data: bytearray, _: Sequence[bytes]) -> None:
    del data[int(roll() * len(data)) :]


def _remove(roll: Roll, data: bytearray, _: Sequence[bytes]) -> None:
    at = int(roll() * len(data))
    del data[at : at + 1 + int(roll() * 8)]


def _repeat(roll: Roll, data: bytearray, _: Sequence[bytes]) -> None:
    at = int(roll() * len(data))
    data[at:at] = data[at : at + 1 + int(roll() * 40)] * (1 + int(roll() * 3))


def _head(roll: Roll, data: bytearray, _: Sequence[bytes]) -> None:
    at, head = int(roll() * len(data)), HEADS[int(roll() * len(HEADS))]
    data[at : at + (len(head) if roll() < 0.5 else 1)] = head


def _word(roll: Roll, data: bytearray, _: Sequence[bytes]) -> None:
    at, word = int(roll() * len(data)), WORDS[int(roll() * len(WORDS))]
    data[at : at + int(roll() * 4)] = word


def _splice(roll: Roll, data: bytearray, examples: Sequence[bytes]) -> None:
    other = examples[int(roll() * len(examples))]
    data[int(roll() * len(data)) :] = other[int(roll() * len(other)) :]


def _grow(roll: Roll, data: bytearray, _: Sequence[bytes]) -> None:
    data += bytes([int(roll() * 256)]) * int(roll() * roll() * 2048)


def _nest(roll: Roll, data: bytearray, _: Sequence[bytes]) -> None:
    at = int(roll() * len(data))
    opening = (b"\x91", b"\x81\xa1x", b"[", b'{"x":')[int(roll() * 4)]
    data[at : at + 1] = opening * NEST[int(roll() * len(NEST))]


_OPERATIONS: Final = (
    _flip, _set, _any, _cut, _remove, _repeat, _head, _word, _splice, _flip, _set, _any, _head,
    _word, _grow, _nest,
)  # fmt: skip


# Structure -------------------------------------------------------------------------------------


def reshaped(roll: Roll, example: bytes, shape: Shape) -> bytes:
    """The example with something else in one or two of its places; itself if it has none."""
    if shape is Shape.JSON:
        try:
            tree = [json.loads(example)]
        except ValueError:
            return example
        _bend(roll, tree)
        return json.dumps(tree[0] if tree else None, default=_as_text, skipkeys=True).encode()
    if shape is Shape.MSGPACK:
        unpacker = msgpack.Unpacker(strict_map_key=False)
        unpacker.feed(example)
        tree = list(unpacker)
        _bend(roll, tree)
        return b"".join(_packed(value) for value in tree)
    return example


def _bend(roll: Roll, tree: list[Any]) -> None:
    for _ in range(1 + int(roll() * 2)):
        inside: Any = tree
        # Down by a random walk: the outer places are as interesting as the inner ones.
        while (deeper := _child(roll, inside)) is not None and roll() < 0.75:
            inside = deeper
        _change(roll, inside)


def _child(roll: Roll, inside: Any) -> Any:
    values = inside if type(inside) is list else [*inside.values()]
    deeper = [value for value in values if type(value) in (list, dict) and value]
    return deeper[int(roll() * len(deeper))] if deeper else None


def _change(roll: Roll, inside: Any) -> None:
    keys = [*range(len(inside))] if type(inside) is list else [*inside]
    if not keys:
        return
    key = keys[int(roll() * len(keys))]
    choice = roll()
    if choice < 0.7:
        inside[key] = _value(roll)
    elif choice < 0.8:
        del inside[key]
    elif choice < 0.9:
        inside[key] = inside[keys[int(roll() * len(keys))]]
    elif type(inside) is list:
        inside.insert(key, _value(roll))
    else:
        inside["unknown"] = _value(roll)


def _value(roll: Roll) -> Any:
    value = VALUES[int(roll() * len(VALUES))]
    # A fresh one: what is put in is bent in its turn, and must not come to hold itself.
    return copy.deepcopy(value) if type(value) in (list, dict) else value


def _packed(value: Any) -> bytes:
    packed: bytes = msgpack.packb(value)
    return packed


def _as_text(value: bytes) -> str:
    return value.decode("latin-1")
