"""Amounts: read exactly, refused when in doubt, and printed so that they can be typed back."""

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement.amounts import (
    AMOUNT_MAX,
    AmountError,
    format_amount,
    format_bytes,
    format_cores,
    format_duration,
    parse_bytes,
    parse_cores,
    parse_duration,
)
from tests.placement.pictures import steady

SECOND = 10**9


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("4GiB", 4 * 2**30),
        ("4 GB", 4 * 10**9),
        ("1.5 TB", 1_500_000_000_000),
        ("1.5TiB", 3 * 2**39),
        (" 512 mib ", 512 * 2**20),
        ("7b", 7),
        ("1B", 1),
        ("10kB", 10_000),
        ("12.3GiB", 13_207_024_436),
    ],
)
def test_bytes_are_read_exactly_and_decimal_is_not_binary(text, count):
    assert parse_bytes(text) == count


@pytest.mark.parametrize(
    ("text", "advice"),
    [
        ("4", "write 4GiB (binary) or 4GB (decimal)"),
        ("4G", "write 4GiB (binary) or 4GB (decimal)"),
        ("4Mi", "write 4MiB (binary) or 4MB (decimal)"),
        ("-3GiB", "is negative"),
        ("−3GiB", "is negative"),
        ("0GiB", "asks for nothing"),
        ("0.0B", "asks for nothing"),
        ("nan", "is not a number"),
        ("inf GiB", "is not a number"),
        ("0.5B", "fraction of a byte"),
        ("0.0001KiB", "fraction of a byte"),
        ("9999PiB", "more than any machine has"),
        ("4Gb", "reads as bits"),
        ("4 furlongs", "unknown unit"),
        ("1,500MB", "is not an amount"),
        ("1_000MB", "is not an amount"),
        ("1e9B", "unknown unit"),
        ("٤GiB", "is not an amount"),
        ("", "is missing"),
        ("4GiB" * 20, "characters long"),
    ],
)
def test_every_doubt_about_bytes_is_refused_with_what_to_write_instead(text, advice):
    with pytest.raises(AmountError) as refused:
        parse_bytes(text)
    assert advice in str(refused.value)


@pytest.mark.parametrize(
    ("text", "millicores"), [("500m", 500), ("2 cores", 2000), ("1 core", 1000), ("0.5cores", 500)]
)
def test_cores_are_counted_in_thousandths(text, millicores):
    assert parse_cores(text) == millicores


@pytest.mark.parametrize("text", ["2", "2M", "0m", "-1 core", "0.5m", "0.0001 cores", "2 GiB", "m"])
def test_cores_without_their_unit_or_too_fine_are_refused(text):
    with pytest.raises(AmountError):
        parse_cores(text)


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("2h", 7200 * SECOND),
        ("90s", 90 * SECOND),
        ("1d12h", 36 * 3600 * SECOND),
        ("1.5h", 5400 * SECOND),
        ("1h 30min", 5400 * SECOND),
        ("250ms", SECOND // 4),
    ],
)
def test_durations_are_read_exactly(text, duration):
    assert parse_duration(text) == duration


@pytest.mark.parametrize(
    "text", ["2", "12h1d", "1h1h", "0s", "-1h", "h", "1w", "1h,30m", "999999999d", "inf", "1h30"]
)
def test_durations_out_of_order_or_without_unit_are_refused(text):
    with pytest.raises(AmountError):
        parse_duration(text)


def test_one_unit_is_printed_and_room_is_never_rounded_up():
    assert format_bytes(4 * 2**30) == "4 GiB"
    assert format_bytes(1536 * 2**30) == "1536 GiB"
    assert format_bytes(512 * 2**20) == "512 MiB"
    assert format_bytes(2**30 - 1) == "1023.99 MiB"
    assert format_bytes(2**30 - 1, up=True) == "1024 MiB"
    assert format_bytes(17) == "17 B"
    assert format_cores(1500) == "1.5 cores"
    assert format_cores(1000) == "1 core"
    assert format_duration(36 * 3600 * SECOND) == "1d12h"
    assert format_amount(1640, "basis points") == "16.4 %"


@given(st.one_of(st.text(max_size=60), st.from_regex(r"[-0-9.]{1,8} ?[a-zA-Z]{0,4}")))
@steady(300)
def test_any_text_is_an_amount_or_an_amount_error(text):
    for parse in (parse_bytes, parse_cores, parse_duration):
        with suppress(AmountError):
            assert 0 < parse(text) <= AMOUNT_MAX


@given(st.integers(1, 2**50))
@steady()
def test_room_as_printed_never_exceeds_what_there_is(count):
    assert parse_bytes(format_bytes(count)) <= count
    assert parse_bytes(format_bytes(count, up=True)) >= count


@given(st.integers(1, 10**12))
@steady()
def test_durations_and_cores_read_back_what_was_printed(count):
    assert parse_duration(format_duration(count * 10**6)) == count * 10**6
    assert parse_cores(format_cores(count)) == count
