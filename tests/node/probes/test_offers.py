import pytest
from hypothesis import given
from hypothesis import strategies as st

from node.probes.memory import MIB
from node.probes.offers import (
    Capacity,
    Offer,
    ShareRecord,
    ShareRefused,
    check_claim,
    offer_text,
    parse_offer,
)

GIB = 1024 * MIB
MACHINE = Capacity(ram=8 * GIB, millicores=4000, gpus=("GPU-a", "GPU-b"))


def test_an_offer_is_memory_and_cores_and_the_cards_it_names() -> None:
    assert parse_offer("ram=2GiB,cores=1") == Offer(2 * GIB, 1000)
    assert parse_offer(" cores = 1.5 , ram = 512MiB ") == Offer(512 * MIB, 1500)
    assert parse_offer("ram=2.5GB,cores=0.25") == Offer(2_500_000_000, 250)
    assert parse_offer("ram=2GiB,cores=250m") == Offer(2 * GIB, 250), "as --cpu is written"
    offer = parse_offer("ram=1TiB,cores=8,gpu=GPU-b,gpu=GPU-a")
    assert offer == Offer(1024 * GIB, 8000, ("GPU-a", "GPU-b"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("ram=2048,cores=1", "needs a unit"),
        ("ram=2G,cores=1", "needs a unit"),
        ("ram=-2GiB,cores=1", "not an amount"),
        ("ram=two GiB,cores=1", "not an amount"),
        ("ram=9999999TiB,cores=1", "out of range"),
        ("ram=0GiB,cores=1", "out of range"),
        ("ram=1GiB,cores=0", "out of range"),
        ("ram=1GiB,cores=-1", "not a number of cores"),
        ("ram=1GiB,cores=1e3", "not a number of cores"),
        ("ram=1GiB,cores=999999", "out of range"),
        ("ram=1GiB", "needs both"),
        ("", "no part of an offer"),
        ("ram=1GiB,ram=1GiB,cores=1", "twice"),
        ("ram=1GiB,cores=1,gpu=a,gpu=a", "twice"),
        ("ram=1GiB,cores=1,gpu=", "not a card"),
        ("ram=1GiB,cores=1,tpu=1", "no part of an offer"),
        ("ram=¹GiB,cores=1", "not an amount"),
    ],
)
def test_an_offer_that_makes_no_sense_is_refused_with_a_sentence(text: str, says: str) -> None:
    with pytest.raises(ShareRefused, match=says) as refusal:
        parse_offer(text)
    assert str(refusal.value).endswith(".")


@given(st.one_of(st.text(), st.text(alphabet="ramcoresgpu=,.0123456789GiB-", max_size=40)))
def test_no_text_makes_the_offer_parser_raise_anything_else(text: str) -> None:
    try:
        offer = parse_offer(text)
    except ShareRefused:
        return
    assert offer.ram > 0
    assert offer.millicores > 0


@given(
    st.builds(
        Offer,
        st.integers(16 * MIB, 2**40),
        st.integers(1, 65_536_000),
        st.sets(st.sampled_from(["GPU-a", "MIG-b", "0000:01:00.0"])).map(
            lambda s: tuple(sorted(s))
        ),
    )
)
def test_an_offer_reads_back_as_it_was_written(offer: Offer) -> None:
    assert parse_offer(offer_text(offer)) == offer


def _refusal(offer: Offer | None, *others: ShareRecord, capacity: Capacity = MACHINE) -> str:
    with pytest.raises(ShareRefused) as refusal:
        check_claim(offer, "/state/me", capacity, others)
    return str(refusal.value)


def _other(offer: Offer | None, pid: int = 41, folder: str = "/state/other") -> ShareRecord:
    return ShareRecord(pid, folder, offer)


def test_shares_may_fill_the_machine_to_the_last_byte_and_no_further() -> None:
    others = (_other(Offer(3 * GIB, 1000)), _other(Offer(3 * GIB, 1000), 42, "/state/third"))
    check_claim(Offer(2 * GIB, 2000), "/state/me", MACHINE, others)
    sentence = _refusal(Offer(2 * GIB + MIB, 1000), *others)
    for word in ("pid 41", "/state/other", "pid 42", "/state/third", "2048 MiB left", "offer less"):
        assert word in sentence


def test_cores_are_shared_out_like_memory() -> None:
    sentence = _refusal(Offer(GIB, 3500), _other(Offer(GIB, 1000)))
    assert sentence.startswith("cores: 3.5 cores is more than the 3 cores left of 4 cores")


def test_a_card_belongs_to_one_share() -> None:
    sentence = _refusal(Offer(GIB, 1000, ("GPU-a",)), _other(Offer(GIB, 1000, ("GPU-a", "GPU-b"))))
    assert "pid 41" in sentence
    assert "GPU-a" in sentence


def test_slots_of_one_name_belong_to_one_agent_of_a_machine() -> None:
    other = ShareRecord(41, "/state/other", Offer(GIB, 1000), ("licence", "whisper"))
    check_claim(Offer(GIB, 1000), "/state/me", MACHINE, (other,), ("whisper-large",))
    with pytest.raises(ShareRefused, match=r"pid 41 .* has slots called whisper already") as no:
        check_claim(Offer(GIB, 1000), "/state/me", MACHINE, (other,), ("ffmpeg", "whisper"))
    assert str(no.value).endswith("declare them here and not there.")


def test_a_card_that_is_not_here_cannot_be_offered() -> None:
    assert "GPU-a, GPU-b" in _refusal(Offer(GIB, 1000, ("GPU-x",)))


def test_a_whole_machine_stands_alone() -> None:
    assert "pid 41" in _refusal(None, _other(Offer(GIB, 1000)))
    assert "whole machine" in _refusal(None, _other(None))
    assert "whole machine" in _refusal(Offer(GIB, 1000), _other(None))
    check_claim(None, "/state/me", MACHINE, ())


def test_one_state_folder_is_for_one_agent() -> None:
    assert "--state" in _refusal(Offer(GIB, 1000), _other(Offer(GIB, 1000), folder="/state/me"))


def test_what_is_not_known_cannot_be_shared_out() -> None:
    assert "not known" in _refusal(Offer(GIB, 1000), capacity=Capacity(None, 4000, ()))


@given(st.lists(st.integers(16 * MIB, 6 * GIB), min_size=1, max_size=8))
def test_no_order_of_claims_ever_shares_out_more_than_there_is(amounts: list[int]) -> None:
    granted: list[ShareRecord] = []
    for number, ram in enumerate(amounts):
        offer = Offer(ram, 100)
        try:
            check_claim(offer, f"/state/{number}", MACHINE, granted)
        except ShareRefused:
            continue
        granted.append(ShareRecord(number, f"/state/{number}", offer))
    assert sum(record.offer.ram for record in granted if record.offer) <= 8 * GIB
