"""Plain words: whole words only, every guess printed, and nothing asked that was not said."""

import json
import tomllib
from decimal import Decimal
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement.asking.words import TEXT_CHARS_MAX, model_memory, read_words
from placement.memory.description import describe
from placement.memory.estimate import estimate
from placement.memory.requests import Asked, Confidence
from placement.memory.typical import LADDER, estimate_by_size, whole
from placement.request import Request, RequestError
from tests.placement.pictures import GIB, steady

MEMORY = Path(__file__).parents[2] / "placement/memory"
AXIS = json.loads((Path(__file__).parents[1] / "data/axis/requirements.json").read_text())


@pytest.mark.parametrize("row", AXIS["rows"], ids=lambda row: row["text"])
def test_the_known_texts_are_read_as_their_workloads(row):
    reading = read_words(row["text"])
    tools = reading.request.tools
    expect = row["expect"]
    assert reading.workload == expect.get("class", reading.workload)
    assert expect.get("first_tool", tools[0] if tools else "") == (tools[0] if tools else "")
    assert reading.context_tokens == expect.get("context_tokens", reading.context_tokens)
    assert {*expect.get("has_tools", [])} <= {*tools}
    assert not {*expect.get("lacks_tools", [])} & {*tools}
    if expect.get("min_free_ram_mb") == 0:
        assert reading.request.ram_bytes is None
        assert reading.request.memory_bytes is None


@pytest.mark.parametrize(("text", "tokens"), AXIS["context_tokens"]["rows"])
def test_the_known_context_words_are_read_as_tokens(text, tokens):
    assert read_words(text).context_tokens == tokens


def test_a_seven_billion_model_is_honest_arithmetic_with_its_terms_printed():
    request = read_words("run ollama inference on a 7b model").request
    assert request.tools == ("ollama",)
    assert request.guesses[-1] == (
        "7.03 GiB of memory at the most: 7B at q4_k_m by ollama, 8,192 tokens: weights 3.93 GiB, "
        "token embedding 245.66 MiB, cache 1 GiB, compute 416.5 MiB, runtime 1 GiB, beside "
        "457 MiB; nothing is known but the size: taken for one like Llama 3.1 8B"
    )


def test_words_ask_the_one_home_of_model_memory():
    asked = Asked(engine="vllm", quant="bf16", context=8192)
    made = estimate_by_size(Decimal("8.03e9"), asked)
    request = read_words("serve a 8.03b model with vllm").request
    assert request.memory_bytes == sum(term.amount.high for term in whole(made))
    assert made.confidence is Confidence.LOW
    row = tomllib.loads((MEMORY / "catalogue.toml").read_text())["model"][0]
    exact = estimate(describe(row["config"]), asked).total
    assert request.memory_bytes == pytest.approx(exact.high, rel=0.001)


def test_every_step_of_the_ladder_is_as_its_model_is_published():
    catalogue = tomllib.loads((MEMORY / "catalogue.toml").read_text())["model"]
    by_name = {name: row["config"] for row in catalogue for name in row["names"]}
    fields = ("num_hidden_layers", "hidden_size", "intermediate_size", "num_attention_heads")
    for shape in LADDER:
        family, _, size = shape.like.lower().rpartition(" ")
        config = by_name[f"{family.replace(' ', '')}:{size}"]
        assert [config[field] for field in fields] == [*shape[1:5]]
        assert config["num_key_value_heads"] == 8


def test_a_named_quantisation_size_and_context_are_used():
    request = read_words("serve llama3.1:70b q8_0 with 128k context on ollama, inference").request
    assert request.memory_bytes == model_memory(Decimal("70e9"), "q8_0", 128_000, "ollama")[0]


def test_an_unnamed_size_is_a_guess_and_says_so():
    guesses = read_words("run ollama inference").request.guesses
    assert "no size is named: 8B is assumed, the commonest" in guesses
    assert any(
        "llama3 is taken for its 8B" in one
        for one in read_words("ollama run llama3").request.guesses
    )


def test_words_inside_other_words_mean_nothing():
    for text in ("lift the embargo", "a reposition", "dockerise nothing", "mongodb"):
        assert read_words(text).workload == "unknown"


def test_nothing_recognised_asks_for_nothing_and_says_so():
    reading = read_words("just a simple task")
    assert reading.request == Request(
        guesses=("no known kind of work in these words: they ask for nothing",)
    )


def test_a_pasted_hardware_list_is_not_a_workload():
    reading = read_words("GPU NVIDIA RTX 5090 32GB, Ryzen 9, 192GB RAM, docker installed")
    assert reading.workload == "unknown"
    assert reading.request.tools == ()
    assert "describes a machine" in reading.request.guesses[0]


def test_amounts_in_a_text_are_not_needs_and_the_guess_says_how_to_ask():
    request = read_words("docker build with 32GB").request
    assert request.ram_bytes == 4 * GIB
    assert "ask with --ram" in request.guesses[-1]


def test_what_was_asked_by_option_is_never_overruled():
    base = Request(ram_bytes=9 * GIB, tools=("git",), os="linux")
    request = read_words("run 14b inference with mlx", base).request
    assert (request.ram_bytes, request.memory_bytes, request.os) == (9 * GIB, None, "linux")
    assert read_words("docker build", base).request.ram_bytes == 9 * GIB
    assert read_words("docker build", base).request.tools == ("docker", "git")


def test_a_text_beyond_the_limit_is_refused():
    with pytest.raises(RequestError, match="limit"):
        read_words("x" * (TEXT_CHARS_MAX + 1))


KNOWN = """run ollama 7b 0b 9999b 8x7b 1.5b q8 128k docker repo go build mlx gpu ram 5GB -m x/y
    model local specs --model inference"""


@given(
    st.one_of(
        st.text(max_size=200),
        st.lists(st.sampled_from(KNOWN.split()), max_size=12).map(" ".join),
    )
)
@steady(300)
def test_any_text_becomes_a_request(text):
    reading = read_words(text)
    assert reading.request.guesses


@given(st.integers(1, 400), st.integers(1, 400), st.sampled_from([1, 8192, 128_000]))
@steady()
def test_a_larger_model_never_needs_less(small, more, context):
    lesser = model_memory(Decimal(small) * 10**9, "q4_k_m", context, "ollama")[0]
    assert lesser <= model_memory(Decimal(small + more) * 10**9, "q4_k_m", context, "ollama")[0]
