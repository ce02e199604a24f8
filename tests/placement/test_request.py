"""Requests, selectors and documents: valid by construction, canonical, and clear when refused."""

from contextlib import suppress

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement.asking.documents import request_from_document
from placement.asking.selectors import parse_disk, parse_gpu_selector
from placement.request import (
    DiskNeed,
    GpuSelector,
    Kind,
    Objective,
    Request,
    RequestError,
    decode_request,
    encode_request,
    question,
    question_digest,
)
from tests.placement.pictures import GIB, requests, steady


@pytest.mark.parametrize(
    ("text", "selector"),
    [
        ("nvidia:24GB..:2", GpuSelector(24 * 10**9, "nvidia", count=2)),
        ("apple:48GB..", GpuSelector(48 * 10**9, "apple")),
        ("24GiB", GpuSelector(24 * GIB)),
        ("any:8GiB", GpuSelector(8 * GIB)),
        ("NVIDIA:16GiB..32GiB", GpuSelector(16 * GIB, "nvidia", 32 * GIB)),
        ("nvidia:H100:80GB..:4", GpuSelector(80 * 10**9, "nvidia", count=4, model="H100")),
        ("4090:20GiB", GpuSelector(20 * GIB, model="4090")),
    ],
)
def test_a_card_selector_is_read_in_any_order(text, selector):
    assert parse_gpu_selector(text) == selector
    assert parse_gpu_selector(":".join(reversed(text.split(":")))) == selector


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("nvidia", "how much of the card"),
        ("nvidia:2", "how much of the card"),
        ("..24GB", "lower end"),
        ("nvidia:amd:24GB", "twice"),
        ("nvidia::24GB", "leaves a gap"),
        ("24GB:0", "asks for no card"),
        ("32GB..16GB", "ends before it begins"),
        ("24G", "write 24GiB"),
        ("-24GB", "negative"),
        ("x" * 200, "characters"),
    ],
)
def test_a_doubtful_card_selector_is_refused_with_what_to_write(text, advice):
    with pytest.raises(RequestError) as refused:
        parse_gpu_selector(text)
    assert advice in str(refused.value)


def test_a_disk_may_name_its_class():
    assert parse_disk("20GiB") == DiskNeed(20 * GIB)
    assert parse_disk("nvme:20GiB") == DiskNeed(20 * GIB, "nvme")
    with pytest.raises(RequestError, match="disk class"):
        parse_disk("tape:20GiB")


@given(st.text(max_size=130))
@steady(200)
def test_any_text_is_a_selector_or_a_request_error(text):
    for parse in (parse_gpu_selector, parse_disk):
        with suppress(RequestError):
            parse(text)


@pytest.mark.parametrize(
    "fields",
    [
        {"ram_bytes": 0},
        {"ram_bytes": -1},
        {"memory_bytes": 2**63},
        {"cpu_millicores": 0},
        {"duration": 0},
        {"tools": ("git",) * 65},
        {"tools": ("",)},
        {"tools": ("a\nb",)},
        {"labels": (("room", "a"), ("room", "b"))},
        {"labels": (("", "a"),)},
        {"node": "n" * 201},
        {"objective": Objective.LOCAL},
        {"gpus": (GpuSelector(GIB, count=40), GpuSelector(GIB, count=40))},
    ],
)
def test_an_impossible_request_cannot_be_built(fields):
    with pytest.raises(RequestError):
        Request(**fields)


def test_spelling_and_order_carry_no_meaning():
    one = Request(tools=("go", "git", "go"), os="macOS", arch="aarch64")
    other = Request(tools=("git", "go"), os="darwin", arch="arm64")
    assert question(one) == question(other)


def test_who_asks_is_no_part_of_the_question_unless_it_is_local():
    ann, bob = Request(asker="a", principal="ann"), Request(asker="b", principal="bob")
    assert question_digest(ann) == question_digest(bob)
    near = Request(asker="a", objective=Objective.LOCAL)
    assert question_digest(near) != question_digest(near.but(asker="b"))


@given(requests())
@steady()
def test_a_request_survives_the_wire(request):
    assert decode_request(encode_request(request)) == request


@given(
    st.one_of(
        st.binary(max_size=80),
        st.dictionaries(
            st.sampled_from(["ram_bytes", "gpus", "tools", "os", "labels", "x"]),
            st.recursive(
                st.none() | st.integers() | st.text(max_size=9) | st.booleans(),
                lambda inner: st.lists(inner, max_size=3),
                max_leaves=6,
            ),
        ).map(msgspec.json.encode),
    )
)
@steady(200)
def test_any_bytes_are_a_request_or_a_request_error(body):
    with suppress(RequestError):
        decode_request(body)


def test_a_long_body_is_refused_before_it_is_read():
    with pytest.raises(RequestError, match="limit"):
        decode_request(b" " * 70_000)


def test_a_document_says_every_amount_with_its_unit():
    request = request_from_document(
        {
            "ram": "8GiB",
            "memory": "6GB",
            "cpu": "2 cores",
            "gpus": ["nvidia:24GB..:2"],
            "disks": "nvme:20GiB",
            "os": "linux",
            "tools": ["git"],
            "labels": {"room": "attic"},
            "objective": "pack",
            "kind": "carried",
            "for": "2h",
            "node": "attic",
        },
        asker="a",
    )
    assert request == Request(
        ram_bytes=8 * GIB,
        memory_bytes=6 * 10**9,
        cpu_millicores=2000,
        gpus=(GpuSelector(24 * 10**9, "nvidia", count=2),),
        disks=(DiskNeed(20 * GIB, "nvme"),),
        os="linux",
        tools=("git",),
        labels=(("room", "attic"),),
        objective=Objective.PACK,
        kind=Kind.CARRIED,
        duration=7200 * 10**9,
        node="attic",
        asker="a",
    )


@pytest.mark.parametrize(
    ("document", "advice"),
    [
        ({"ram": 8}, "ram: '8' has no unit: write 8GiB"),
        ({"ram": True}, "ram: expected text"),
        ({"rma": "8GiB"}, "did you mean 'ram'?"),
        ({"qqq": "8GiB"}, "known are"),
        ({"objective": "cheapest"}, "not one of headroom, pack, local"),
        ({"labels": "attic"}, "labels: expected a table"),
        ({"gpus": [3]}, "gpus: '3' does not say how much"),
        ({"tools": [["git"]]}, "tools: expected text"),
    ],
)
def test_a_document_is_refused_by_the_key_at_fault(document, advice):
    with pytest.raises(RequestError) as refused:
        request_from_document(document)
    assert advice in str(refused.value)


plain = st.none() | st.integers() | st.floats() | st.text(max_size=9) | st.booleans()


@given(
    st.dictionaries(
        st.sampled_from(["ram", "cpu", "gpus", "disks", "labels", "tools", "for", "kind", "os"]),
        plain | st.lists(plain, max_size=3) | st.dictionaries(st.text(max_size=4), plain),
        max_size=4,
    )
)
@steady(200)
def test_any_document_is_a_request_or_a_request_error(document):
    with suppress(RequestError):
        request_from_document(document)
