"""GGUF headers: exact where they are sound, a named problem where they are not."""

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement.memory.headers.ggml_types import GGML_TYPES
from placement.memory.headers.gguf import (
    ARRAY_ELEMENTS_MAX,
    Elided,
    GgufHeader,
    read_gguf,
)
from placement.memory.headers.shards import join_gguf, split_names
from placement.memory.headers.tensors import HeaderError, Problem, weigh
from tests.placement.memory.headers.files import (
    DATA,
    SIZES,
    gguf,
    key,
    over,
    problem_of,
    tensor,
    text,
)

U32, ARRAY, STRING = 4, 9, 8


def _read(name: str) -> GgufHeader:
    content = (DATA / name).read_bytes()
    return read_gguf(over(content), len(content))


@pytest.mark.parametrize("name", ["little", "big"])
def test_weights_are_exactly_what_the_writers_package_wrote(name: str) -> None:
    header = _read(f"{name}.gguf")
    assert {tensor.name: tensor.bytes for tensor in header.tensors} == SIZES[name]
    assert weigh(header.tensors).bytes == sum(SIZES[name].values())
    assert header.little_endian is (name == "little")


def test_key_values_of_every_kind_are_read_in_both_byte_orders() -> None:
    for name in ("little", "big"):
        plain = _read(f"{name}.gguf").plain()
        assert plain["general.architecture"] == "llama"
        assert plain["llama.embedding_length"] == 256
        assert plain["llama.attention.head_count_kv"] == [2, 0]
        assert plain["llama.rope.freq_base"] == 10000.0
        assert plain["llama.attention.causal"] is True
        assert plain["general.tags"] == ["tiny", "made for a test"]
        assert plain["llama.vocab_size"] == 100
        assert "tokenizer.ggml.tokens" not in plain


def test_a_split_model_is_the_sum_of_its_files() -> None:
    names = split_names("split-00002-of-00003.gguf")
    joined = join_gguf([_read(name) for name in names])
    assert {tensor.name: tensor.bytes for tensor in joined.tensors} == SIZES["split"]
    with pytest.raises(HeaderError) as caught:
        join_gguf([_read(name) for name in names[:2]])
    assert caught.value.problem is Problem.CONTRADICTORY
    with pytest.raises(HeaderError):
        join_gguf([_read(name) for name in reversed(names)])


def test_a_name_that_counts_impossibly_is_refused() -> None:
    assert split_names("whole.gguf") == ("whole.gguf",)
    for name in ("x-00004-of-00003.gguf", "x-00000-of-00003.gguf", "x-00001-of-99999.gguf"):
        with pytest.raises(HeaderError):
            split_names(name)


def test_a_vocabulary_is_counted_and_never_read_into_memory() -> None:
    count = 50_000
    strings = b"".join(text(f"word{number}") for number in range(count))
    tokens = key("tokenizer.ggml.tokens", ARRAY, struct.pack("<IQ", STRING, count) + strings)
    after = key("x.block_count", U32, struct.pack("<I", 7))
    content = gguf([key("general.architecture", STRING, text("x")), tokens, after])
    longest: list[int] = []

    def read(offset: int, length: int) -> bytes:
        longest.append(length)
        return content[offset : offset + length]

    header = read_gguf(read, len(content))
    assert header.values["tokenizer.ggml.tokens"] == Elided("string", count)
    assert header.plain() == {
        "general.architecture": "x",
        "x.block_count": 7,
        "x.vocab_size": count,
    }
    assert max(longest) <= 256 * 1024


def test_a_tensor_of_a_type_yet_unknown_leaves_the_sum_unknown_and_not_smaller() -> None:
    content = gguf(tensors=[tensor("a", [32]), tensor("b", [32], kind=999, offset=128)])
    header = read_gguf(over(content))
    assert weigh(header.tensors).bytes is None
    assert weigh(header.tensors).elements == 64


def _huge_array(count: int) -> bytes:
    return key("x", ARRAY, struct.pack("<IQ", 0, count))


def _nested(depth: int) -> bytes:
    return key("x", ARRAY, struct.pack("<IQ", ARRAY, 1) * depth + struct.pack("<IQ", 0, 0))


ONE = struct.pack("<I", 1)
HOSTILE = {
    "another format": (b"PK\x03\x04" + bytes(60), Problem.OTHER_FORMAT),
    "nothing": (b"", Problem.OTHER_FORMAT),
    "its first word": (b"GGUF", Problem.CUT_SHORT),
    "version 1": (gguf(version=1), Problem.OTHER_VERSION),
    "version 4": (gguf(version=4), Problem.OTHER_VERSION),
    "a key cut off": (gguf([key("a", U32, ONE)])[:-2], Problem.CUT_SHORT),
    "keys that are not there": (gguf(counts=(0, 3)), Problem.CUT_SHORT),
    "2^60 tensors": (gguf(counts=(1 << 60, 0)), Problem.OVER_LIMIT),
    "2^60 keys": (gguf(counts=(0, 1 << 60)), Problem.OVER_LIMIT),
    "a key of 2^40 bytes": (gguf([struct.pack("<Q", 1 << 40)]), Problem.OVER_LIMIT),
    "a key without a name": (gguf([key("", U32, ONE)]), Problem.OVER_LIMIT),
    "a key that is no text": (gguf([text(b"\xff\xfe") + ONE]), Problem.MALFORMED),
    "a key twice": (gguf([key("a", U32, ONE)] * 2), Problem.CONTRADICTORY),
    "a value of no type": (gguf([key("a", 77, ONE)]), Problem.MALFORMED),
    "an array of no type": (
        gguf([key("a", ARRAY, struct.pack("<IQ", 77, 1))]),
        Problem.MALFORMED,
    ),
    "an array of 2^62": (gguf([_huge_array(1 << 62)]), Problem.OVER_LIMIT),
    "arrays nested": (gguf([_nested(50)]), Problem.OVER_LIMIT),
    "a string of 2^62": (
        gguf([key("a", STRING, struct.pack("<Q", 1 << 62))]),
        Problem.OVER_LIMIT,
    ),
    "strings that run away": (
        gguf([key("a", ARRAY, struct.pack("<IQQ", STRING, 1000, (1 << 64) - 1))]),
        Problem.OVER_LIMIT,
    ),
    "an odd alignment": (
        gguf([key("general.alignment", U32, struct.pack("<I", 24))]),
        Problem.MALFORMED,
    ),
    "an alignment of zero": (
        gguf([key("general.alignment", U32, bytes(4))]),
        Problem.MALFORMED,
    ),
    "five dimensions": (gguf(tensors=[tensor("a", [1] * 5)]), Problem.OVER_LIMIT),
    "a dimension of zero": (gguf(tensors=[tensor("a", [0])]), Problem.MALFORMED),
    "2^64 elements": (gguf(tensors=[tensor("a", [1 << 32, 1 << 32])]), Problem.OVER_LIMIT),
    "half a block": (gguf(tensors=[tensor("a", [100], kind=12)]), Problem.CONTRADICTORY),
    "a name twice": (
        gguf(tensors=[tensor("a", [32]), tensor("a", [32], offset=128)]),
        Problem.CONTRADICTORY,
    ),
    "tensors over each other": (
        gguf(tensors=[tensor("a", [32]), tensor("b", [32], offset=64)]),
        Problem.CONTRADICTORY,
    ),
    "off the alignment": (gguf(tensors=[tensor("a", [32], offset=3)]), Problem.MALFORMED),
    "data beyond its end": (gguf(tensors=[tensor("a", [32])]), Problem.CUT_SHORT),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_header_that_lies_is_refused_by_name(name: str) -> None:
    content, problem = HOSTILE[name]
    with pytest.raises(HeaderError) as caught:
        read_gguf(over(content), len(content))
    assert caught.value.problem is problem


def test_the_most_strings_that_are_stepped_over_are_bounded() -> None:
    count = ARRAY_ELEMENTS_MAX + 1
    content = gguf([key("x", ARRAY, struct.pack("<IQ", STRING, count) + bytes(1024))])
    with pytest.raises(HeaderError) as caught:
        read_gguf(over(content))
    assert caught.value.problem is Problem.OVER_LIMIT


def test_no_two_types_share_a_name_and_every_block_is_whole() -> None:
    assert len({kind.name for kind in GGML_TYPES.values()}) == len(GGML_TYPES)
    assert all(256 % kind.block_elements == 0 for kind in GGML_TYPES.values())


LITTLE = (DATA / "little.gguf").read_bytes()


@settings(max_examples=150, deadline=None)
@given(st.data())
def test_whatever_a_header_says_it_is_read_or_refused(data: st.DataObject) -> None:
    content = bytearray(LITTLE[: data.draw(st.integers(0, 3400))])
    for _ in range(data.draw(st.integers(0, 4))):
        if content:
            content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    problem = problem_of(lambda: read_gguf(over(bytes(content))).plain())
    assert problem is None or problem in Problem


def test_wherever_a_header_is_cut_it_is_known_to_be_short() -> None:
    for length in range(8, 3000, 7):
        assert problem_of(lambda: read_gguf(over(LITTLE[:length]))) is Problem.CUT_SHORT  # noqa: B023
