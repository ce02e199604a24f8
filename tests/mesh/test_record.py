import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.effects import Address
from mesh.roll.record import (
    ADDRESSES_MAX,
    RECORD_BYTES_MAX,
    Endpoint,
    NodeRecord,
    parse_record,
    record_body,
)

RECORD = NodeRecord("anna", (Endpoint("10.0.0.1", 4653, "ethernet"),), "lab", "0.1.0", b"n" * 16)


def test_a_record_comes_back_as_it_was_written() -> None:
    assert parse_record(record_body(RECORD)) == RECORD


def test_fields_of_a_later_version_are_ignored() -> None:
    plain = msgpack.unpackb(record_body(RECORD))
    plain["zz"] = [1, 2, 3]
    plain["a"] = [[*endpoint, "more"] for endpoint in plain["a"]]
    assert parse_record(msgpack.packb(plain)) == RECORD


def test_endpoints_that_do_not_fit_a_datagram_are_left_out_last_first() -> None:
    many = tuple(Endpoint(f"fe80::1234:5678:9abc:{i:04x}", 4653, "ethernet") for i in range(16))
    body = record_body(NodeRecord("anna", many, "lab", "0.1.0", b"n" * 16))
    parsed = parse_record(body)
    assert parsed is not None
    assert len(body) <= RECORD_BYTES_MAX
    assert 0 < len(parsed.endpoints) < ADDRESSES_MAX
    assert parsed.endpoints == many[: len(parsed.endpoints)]


def test_only_addresses_of_one_machine_are_written_to_and_the_others_are_carried_on() -> None:
    good = ("10.0.0.1", "127.0.0.1", "169.254.3.4", "fd00::1", "::1", "2001:db8::1")
    bad = (
        "oak.example", "255.255.255.255", "0.0.0.0", "239.255.46.53", "ff02::1", "ff12::8000:4653",
        "::", "fe80::1", "fe80::1%eth0", "::ffff:10.0.0.1", "10.0.0.1:80", "10.1", "1.2.3.4.5",
    )  # fmt: skip
    said = tuple(Endpoint(host, 4653, "ethernet") for host in (*bad, *good))
    record = NodeRecord("anna", said[:ADDRESSES_MAX], "", "0.1.0", b"n" * 16)
    heard = parse_record(record_body(record))
    assert heard == record
    assert NodeRecord("anna", said, "", "0.1.0", b"n" * 16).addresses == tuple(
        Address(host, 4653) for host in good
    )


@pytest.mark.parametrize("name", ["", "x" * 64, "bell\x07"])
def test_a_name_that_nobody_could_read_aloud_is_not_announced(name: str) -> None:
    with pytest.raises(ValueError, match="cannot be announced"):
        record_body(NodeRecord(name, (), "", "", b"n" * 16))


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("n", ""), ("n", 7), ("n", None), ("a", None), ("a", [["h", 0, "k"]]),
        ("a", [["h", True, "k"]]),
        ("a", [["", 1, "k"]]), ("a", [[1, 1, "k"]]), ("a", [["h", 1]]), ("a", {}), ("e", b"short"),
        ("e", "n" * 16), ("l", 1), ("l", None), ("r", None), ("v", 1), ("v", "x" * 32),
    ],
)  # fmt: skip
def test_a_record_with_one_wrong_field_is_none(key: str, value: object) -> None:
    plain = msgpack.unpackb(record_body(RECORD))
    plain[key] = value
    assert parse_record(msgpack.packb(plain)) is None


@given(st.binary(max_size=200))
def test_arbitrary_bytes_are_a_record_or_none(body: bytes) -> None:
    parse_record(body)


KEYS = st.sampled_from(["n", "a", "r", "v", "e", "l", "q"])
SCALARS = st.none() | st.booleans() | st.integers(-5, 2**40) | st.text(max_size=5) | st.binary()


@given(
    st.recursive(
        SCALARS,
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(KEYS, inner, max_size=7),
    )
)
def test_arbitrary_values_are_a_record_or_none(plain: object) -> None:
    parse_record(msgpack.packb(plain))
