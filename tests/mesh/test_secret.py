"""A secret survives copying by hand, and never a slip; its keys are its own."""

from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from mesh.keys.checked_text import TEXT_CHARS_MAX
from mesh.keys.passphrase import WeakPassphrase, estimated_bits
from mesh.keys.secret import MeshKeys, MistypedSecret, NotASecret, Secret, derive

LETTERS = "abcdefghijklmnopqrstuvwxyz234567"
SAMPLE = Secret(Random(7).randbytes(32))


@given(st.binary(min_size=32, max_size=32))
def test_a_secret_reads_back_as_it_was_written(raw: bytes) -> None:
    assert Secret.parse(Secret(raw).text).raw == raw


def test_case_blanks_and_hyphens_do_not_matter() -> None:
    spoken = SAMPLE.text.upper().replace("-", " ")
    assert Secret.parse(f"  {spoken}\n") == SAMPLE


def test_every_single_wrong_character_is_noticed() -> None:
    letters = SAMPLE.text.replace("-", "")
    for at in range(len(letters)):
        for wrong in LETTERS:
            if wrong != letters[at]:
                with pytest.raises(MistypedSecret):
                    Secret.parse(letters[:at] + wrong + letters[at + 1 :])


@given(st.binary(min_size=32, max_size=32), st.integers(3, 60))
def test_two_neighbours_swapped_are_noticed(raw: bytes, at: int) -> None:
    letters = Secret(raw).text.replace("-", "")
    swapped = letters[:at] + letters[at + 1] + letters[at] + letters[at + 2 :]
    if swapped != letters:
        with pytest.raises(MistypedSecret):
            Secret.parse(swapped)


@given(st.integers(3, 61))
def test_a_character_missing_or_doubled_is_noticed(at: int) -> None:
    letters = SAMPLE.text.replace("-", "")
    for wrong in (letters[:at] + letters[at + 1 :], letters[:at] + letters[at] + letters[at:]):
        with pytest.raises(MistypedSecret):
            Secret.parse(wrong)


@pytest.mark.parametrize("text", ["", "hello", "hfi1-aaaa", "x" * (TEXT_CHARS_MAX + 1), "ÄÖÜ-12"])
def test_what_is_no_secret_is_called_that(text: str) -> None:
    with pytest.raises(NotASecret, match="not a secret"):
        Secret.parse(text)


@given(st.text())
def test_no_text_raises_anything_else(text: str) -> None:
    for attempt in (text, "hf1-" + text):
        with pytest.raises((NotASecret, MistypedSecret)):
            Secret.parse(attempt)


def test_neither_repr_nor_a_complaint_shows_the_secret() -> None:
    assert SAMPLE.text not in repr(SAMPLE)
    body = SAMPLE.text[4:]
    with pytest.raises(MistypedSecret) as told:
        Secret.parse(SAMPLE.text + "a")
    assert body not in str(told.value)
    keys = derive(SAMPLE)
    assert all(repr(key) not in repr(keys) for key in (keys.handshake, keys.ca_seed))


def test_keys_differ_by_purpose_and_by_secret_and_never_by_machine() -> None:
    keys, others = derive(SAMPLE), derive(Secret(bytes(32)))
    assert keys == derive(Secret.parse(SAMPLE.text))
    long = [keys.beacon_mac, keys.handshake, keys.ca_seed]
    long += [others.beacon_mac, others.handshake, others.ca_seed, SAMPLE.raw]
    assert len({*long}) == len(long)
    assert keys.mesh_id != others.mesh_id
    assert keys.key_id != others.key_id


def test_the_derivation_never_changes() -> None:
    # Two versions that disagree here cannot meet. These bytes are the format.
    keys = derive(Secret(bytes(range(32))))
    assert isinstance(keys, MeshKeys)
    assert (keys.mesh_id.hex(), keys.key_id.hex()) == ("ea2681880efe2b28", "0adf10bd")


def test_a_passphrase_gives_the_same_secret_however_its_blanks_were_typed() -> None:
    once = Secret.from_passphrase("cobalt ferry  lantern mosaic\torchard pilgrim ")
    again = Secret.from_passphrase("cobalt ferry lantern mosaic orchard pilgrim")
    assert once == again
    assert once.text.startswith("hf1-")


@pytest.mark.parametrize(
    "weak",
    [
        "", "password", "Tr0ub4dor&3", "1234567890123456789012345678901234567890",
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "correct horse battery staple",
        "a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1a1", "again again again again again again again",
        "- - - - - - - - - - - - - - - - - - - - -",
        "x" * 2000,
    ],
)  # fmt: skip
def test_a_weak_passphrase_is_refused(weak: str) -> None:
    with pytest.raises(WeakPassphrase):
        Secret.from_passphrase(weak)


def test_the_refusal_says_what_to_do() -> None:
    with pytest.raises(WeakPassphrase, match="six or more words"):
        Secret.from_passphrase("let me in")


@given(st.text(), st.text())
def test_two_phrases_are_never_worth_more_together_than_apart(one: str, other: str) -> None:
    both = estimated_bits(f"{one} {other}")
    assert both >= 0
    assert both <= estimated_bits(one) + estimated_bits(other)
