"""Frames: whole or not at all, whatever comes and however it is cut."""

import itertools

import msgpack
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from node.shell.streams.frames import (
    BODY_BYTES_MAX,
    FRAME_BYTES_MAX,
    Fault,
    Frame,
    FrameError,
    FrameParser,
    Kind,
    encode,
)

FRAMES = st.builds(
    Frame,
    id=st.integers(0, 2**32 - 1),
    kind=st.sampled_from(Kind),
    service=st.text("abc.é", max_size=20),
    body=st.binary(max_size=300),
)


def framed(value: object) -> bytes:
    packed: bytes = msgpack.packb(value)
    return len(packed).to_bytes(4) + packed


@given(st.lists(FRAMES, max_size=6), st.lists(st.integers(0, 2000), max_size=8))
def test_frames_come_out_as_they_went_in_however_the_bytes_are_cut(
    frames: list[Frame], cuts: list[int]
) -> None:
    data = b"".join(encode(frame) for frame in frames)
    places = [0, *sorted(min(cut, len(data)) for cut in cuts), len(data)]
    parser = FrameParser()
    out = [
        frame for start, end in itertools.pairwise(places) for frame in parser.feed(data[start:end])
    ]
    assert out == frames
    assert not parser.partial


def test_the_largest_body_fits_a_frame() -> None:
    frame = Frame(2**32 - 1, Kind.ANSWER, "s" * 64, b"x" * BODY_BYTES_MAX)
    assert FrameParser().feed(encode(frame)) == [frame]


@given(st.binary(max_size=400))
@example((70).to_bytes(4) + b"\x91" * 70)
@example((3000).to_bytes(4) + b"\x91" * 3000)
@example(b"\x00\x00\x00\x03\xd6\xff\x00")
@example(framed([1, 0, "s", msgpack.Timestamp(1)]))
def test_any_bytes_give_frames_or_one_frame_error(data: bytes) -> None:
    parser = FrameParser()
    fault = None
    try:
        parser.feed(data)
    except FrameError as error:
        fault = error.fault
    if fault is not None:
        with pytest.raises(FrameError) as again:
            parser.feed(encode(Frame(1, Kind.REQUEST, "s", b"")))
        assert again.value.fault is fault  # after a fault, always


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**64 - 1) | st.binary() | st.text(),
        lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=2),
        max_leaves=8,
    )
)
def test_any_value_in_a_frame_is_a_frame_or_a_frame_error(value: object) -> None:
    try:
        frames = FrameParser().feed(framed(value))
    except FrameError:
        return
    if not frames:
        return  # of a kind that a later version may know
    (frame,) = frames
    assert isinstance(value, list)
    assert [frame.id, int(frame.kind), frame.service, frame.body] == value[:4]


@pytest.mark.parametrize(
    ("data", "fault"),
    [
        ((FRAME_BYTES_MAX + 1).to_bytes(4), Fault.TOO_LONG),
        (b"\xff\xff\xff\xff", Fault.TOO_LONG),
        (bytes(4), Fault.EMPTY),
        (b"\x00\x00\x00\x01\xc1", Fault.NOT_MESSAGEPACK),
        (framed([1, 0, "s", b""])[:4] + framed([1, 0, "s", b"xx"])[4:], Fault.NOT_MESSAGEPACK),
        (framed([1, 0, "s", b"", *range(13)]), Fault.NOT_MESSAGEPACK),  # before it is unpacked
        (framed([1, 0, "s"]), Fault.NOT_A_FRAME),
        (framed([True, 0, "s", b""]), Fault.NOT_A_FRAME),
        (framed([-1, 0, "s", b""]), Fault.NOT_A_FRAME),
        (framed([2**32, 0, "s", b""]), Fault.NOT_A_FRAME),
        (framed([1, 0, "s" * 65, b""]), Fault.NOT_MESSAGEPACK),
    ],
)
def test_each_lie_has_its_name(data: bytes, fault: Fault) -> None:
    with pytest.raises(FrameError) as caught:
        FrameParser().feed(data)
    assert caught.value.fault is fault


def test_what_a_later_version_says_besides_is_passed_over_and_the_rest_is_read() -> None:
    parser = FrameParser()
    known = Frame(1, Kind.REQUEST, "s", b"body")
    further = framed([1, 0, "s", b"body", 5, "new"])
    assert parser.feed(further + framed([2, 9, "s", b""]) + encode(known)) == [known, known]
    assert parser.strange == 1


def test_a_length_that_lies_is_found_before_anything_is_kept() -> None:
    parser = FrameParser()
    with pytest.raises(FrameError):
        parser.feed(b"\xff\xff\xff\xff" + bytes(100))
    assert not parser.partial
