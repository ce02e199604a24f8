"""An invite is a door, a face and a token, and never the secret."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.effects import Address
from mesh.identity import NodeId
from mesh.keys.checked_text import write_checked
from mesh.keys.invite import INVITE_PREFIX, Invite, MistypedInvite, NotAnInvite, parse_invite

HOSTS = st.ip_addresses().map(str)
ADDRESSES = st.builds(Address, HOSTS, st.integers(1, 65535))
INVITES = st.builds(
    Invite,
    st.binary(min_size=8, max_size=8),
    st.binary(min_size=16, max_size=16).map(NodeId),
    st.binary(min_size=16, max_size=16),
    st.lists(ADDRESSES, min_size=1, max_size=8).map(tuple),
)
SAMPLE = Invite(b"meshmesh", NodeId(b"i" * 16), b"t" * 16, (Address("192.168.1.7", 4653),))


@given(INVITES)
def test_an_invite_reads_back_as_it_was_written(invite: Invite) -> None:
    assert parse_invite(invite.text) == invite


@given(st.integers(4, 90), st.sampled_from("abcdefghijklmnopqrstuvwxyz234567"))
def test_a_wrong_character_is_noticed(at: int, wrong: str) -> None:
    letters = SAMPLE.text.replace("-", "")
    if letters[at] != wrong:
        with pytest.raises(MistypedInvite, match="copy it again"):
            parse_invite(letters[:at] + wrong + letters[at + 1 :])


@given(st.text())
def test_no_text_raises_anything_else(text: str) -> None:
    for attempt in (text, f"{INVITE_PREFIX}-{text}"):
        with pytest.raises((NotAnInvite, MistypedInvite)):
            parse_invite(attempt)


@given(st.binary(max_size=200))
def test_no_content_raises_anything_else_even_with_a_good_checksum(content: bytes) -> None:
    with contextlib.suppress(NotAnInvite):
        parse_invite(write_checked(INVITE_PREFIX, content))


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("mesh_id", b"short"), ("inviter", b"short"), ("token", b""), ("addresses", ()),
        ("addresses", (Address("::1", 1),) * 9), ("addresses", (Address("::1", 0),)),
        ("addresses", (Address("example.org", 4653),)),
    ],
)  # fmt: skip
def test_an_invite_that_nobody_could_follow_cannot_be_made(field: str, value: object) -> None:
    good = {
        "mesh_id": b"meshmesh", "inviter": NodeId(b"i" * 16), "token": b"t" * 16,
        "addresses": (Address("::1", 1),),
    }  # fmt: skip
    with pytest.raises(ValueError):
        Invite(**{**good, field: value})


def test_repr_does_not_show_the_token() -> None:
    assert repr(b"t" * 16) not in repr(SAMPLE)
