"""Safetensors headers and indexes: exact where they are sound, a named problem where not."""

import json
import struct
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from placement.memory.headers.kinds import bytes_by_kind, kind_of
from placement.memory.headers.safetensors import SafetensorsHeader, read_safetensors
from placement.memory.headers.shards import join_safetensors, read_index
from placement.memory.headers.tensors import HeaderError, Problem, weigh
from tests.placement.memory.headers.files import DATA, SIZES, over, problem_of, safetensors

INDEX = (DATA / "model.safetensors.index.json").read_bytes()


def _read(name: str) -> SafetensorsHeader:
    content = (DATA / name).read_bytes()
    return read_safetensors(over(content), len(content))


def test_weights_are_exactly_what_the_formats_package_wrote() -> None:
    index = read_index(INDEX)
    headers = {name: _read(name) for name in index.names}
    for name, header in headers.items():
        assert {tensor.name: tensor.bytes for tensor in header.tensors} == SIZES[name]
        assert header.metadata == {"format": "pt"}
    tensors = join_safetensors(index, headers)
    assert weigh(tensors).bytes == 160 + 32 + 80
    assert weigh(tensors).elements == 80 + 8 + 80


def test_an_index_and_its_files_must_agree() -> None:
    index = read_index(INDEX)
    headers = {name: _read(name) for name in index.names}
    first, second = index.names
    with pytest.raises(HeaderError) as caught:
        join_safetensors(index, {first: headers[first]})
    assert caught.value.problem is Problem.CUT_SHORT
    with pytest.raises(HeaderError) as caught:
        join_safetensors(index, {first: headers[second], second: headers[second]})
    assert caught.value.problem is Problem.CONTRADICTORY


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", "..", "", "a\\b", "x" * 256])
def test_an_index_does_not_lead_out_of_its_folder(name: str) -> None:
    with pytest.raises(HeaderError) as caught:
        read_index(json.dumps({"weight_map": {"a": name}}).encode())
    assert caught.value.problem is Problem.MALFORMED


def _entry(dtype: str, shape: list[int], start: int, end: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": [start, end]}


HOSTILE = {
    "nothing": (b"", Problem.CUT_SHORT),
    "a length of 2^63": (struct.pack("<Q", 1 << 63) + b"{}", Problem.OTHER_FORMAT),
    "a header that is not there": (struct.pack("<Q", 4000) + b"{}", Problem.CUT_SHORT),
    "a list": (safetensors([]), Problem.OTHER_FORMAT),
    "no JSON": (safetensors(b"{nonsense}"), Problem.MALFORMED),
    "no UTF-8": (safetensors(b'{"\xff\xfe": {}}'), Problem.MALFORMED),
    "a million braces": (safetensors(b'{"a":' * 1_000_000), Problem.OVER_LIMIT),
    "no shape": (safetensors({"a": {"dtype": "F32"}}), Problem.MALFORMED),
    "a shape of words": (
        safetensors({"a": {"dtype": "F32", "shape": ["x"], "data_offsets": [0, 4]}}),
        Problem.MALFORMED,
    ),
    "metadata that is no text": (safetensors({"__metadata__": {"a": 1}}), Problem.MALFORMED),
    "a negative size": (safetensors({"a": _entry("F32", [-1], 0, 4)}, 4), Problem.MALFORMED),
    "an end before its start": (safetensors({"a": _entry("F32", [1], 4, 0)}, 4), Problem.MALFORMED),
    "2^70 elements": (
        safetensors({"a": _entry("F32", [1 << 40, 1 << 30], 0, 4)}, 4),
        Problem.OVER_LIMIT,
    ),
    "ten dimensions": (safetensors({"a": _entry("F32", [1] * 10, 0, 4)}, 4), Problem.OVER_LIMIT),
    "bytes that do not fit the shape": (
        safetensors({"a": _entry("F32", [2], 0, 4)}, 4),
        Problem.CONTRADICTORY,
    ),
    "tensors over each other": (
        safetensors({"a": _entry("U8", [4], 0, 4), "b": _entry("U8", [4], 2, 6)}, 6),
        Problem.CONTRADICTORY,
    ),
    "a gap": (
        safetensors({"a": _entry("U8", [4], 0, 4), "b": _entry("U8", [4], 6, 10)}, 10),
        Problem.CONTRADICTORY,
    ),
    "data that nobody owns": (
        safetensors({"a": _entry("U8", [4], 0, 4)}, 9),
        Problem.CONTRADICTORY,
    ),
    "data cut off": (safetensors({"a": _entry("U8", [4], 0, 4)}, 2), Problem.CUT_SHORT),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_header_that_lies_is_refused_by_name(name: str) -> None:
    content, problem = HOSTILE[name]
    with pytest.raises(HeaderError) as caught:
        read_safetensors(over(content), len(content))
    assert caught.value.problem is problem


def test_a_type_yet_unknown_is_as_large_as_its_place() -> None:
    content = safetensors({"a": _entry("F3_NEW", [8], 0, 3)}, 3)
    (tensor,) = read_safetensors(over(content), len(content)).tensors
    assert (tensor.elements, tensor.bytes) == (8, 3)


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=200), st.integers(0, 300))
def test_whatever_a_header_says_it_is_read_or_refused(noise: bytes, at: int) -> None:
    content = bytearray((DATA / "model-00001-of-00002.safetensors").read_bytes())
    content[at : at + len(noise)] = noise
    for text in (bytes(content), noise):
        for parse in (lambda: read_safetensors(over(text), len(text)), lambda: read_index(text)):  # noqa: B023  called at once
            problem = problem_of(parse)
            assert problem is None or problem in Problem


def test_names_of_both_families_are_sorted_by_what_they_are_for() -> None:
    kinds = {
        "token_embd.weight": "token embedding",
        "model.embed_tokens.weight": "token embedding",
        "output.weight": "output",
        "lm_head.weight": "output",
        "output_norm.weight": "norms",
        "blk.3.attn_k.weight": "attention",
        "model.layers.3.self_attn.k_proj.weight": "attention",
        "blk.3.ffn_gate_exps.weight": "experts",
        "model.layers.3.mlp.experts.7.up_proj.weight": "experts",
        "blk.3.ffn_down.weight": "feed-forward",
        "model.layers.3.mlp.down_proj.weight": "feed-forward",
        "blk.3.ssm_in.weight": "state",
        "v.blk.3.attn_q.weight": "vision and sound",
        "vision_tower.encoder.layers.1.self_attn.q_proj.weight": "vision and sound",
        "something.else": "other",
    }
    assert {name: kind_of(name) for name in kinds} == kinds
    tensors = _read("model-00001-of-00002.safetensors").tensors
    assert sum(bytes_by_kind(tensors).values()) == weigh(tensors).bytes
