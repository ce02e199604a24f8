"""Whatever is said, in whatever order: one answer each, with a code that is told, and no crash."""

import json
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from simulations.serve.commands import NAMES
from simulations.serve.no import CODES
from simulations.serve.service import Service

NODES = st.sampled_from(["n0", "n1", "n2", "n9"])
TIMES = st.sampled_from(["1ms", "300ms", "2s", "7s", "0s", "-1s", "4", "1000000h", "", "s"])
SIZES = st.sampled_from(["1GiB", "8GiB", "100GiB", "0B", "-1GiB", "1B", "x", "9999999PiB"])
NUMBERS = st.one_of(st.integers(-2, 60), st.sampled_from([1 << 63, -(1 << 70), 0.5, None, True]))
TEXTS = st.one_of(st.text(max_size=8), st.sampled_from(["ram", "cpu", "sees", "up", "agree"]))
DISK = st.sampled_from(["fail-sync", "full", "free", "tear", "damage", "lie", "slow", "copy",
                        "set-back", "lose", "other"])  # fmt: skip
ASKS = st.dictionaries(
    st.sampled_from(["ram", "cpu", "node", "words", "gpus", "tools", "for", "x"]),
    st.one_of(SIZES, TEXTS, NODES, NUMBERS), max_size=3,
)  # fmt: skip
REQUESTS = st.fixed_dictionaries(
    {
        "type": st.sampled_from([
            "status", "facts", "where", "reserve", "post", "release", "holds", "ledger_show",
            "ledger_verify", "invite", "doctor", "open_bookings", "events", "leave", "nothing",
        ]),
    },
    optional={
        "ask": ASKS, "term_ms": NUMBERS, "node": NODES, "id": TEXTS, "reason": TEXTS,
        "pid": NUMBERS, "pid_started": NUMBERS, "label": TEXTS, "hold_only": st.booleans(),
        "last": NUMBERS, "ttl_ms": NUMBERS, "ended": st.booleans(), "principal": TEXTS,
    },
)  # fmt: skip
FIELDS: dict[str, st.SearchStrategy[Any]] = {
    "node": NODES, "time": TIMES, "limit": TIMES, "request": REQUESTS, "wait": st.booleans(),
    "here": st.one_of(st.lists(NODES, max_size=2), NODES), "there": st.lists(NODES, max_size=2),
    "one_way": st.booleans(), "cut": NUMBERS, "loss": st.floats(-0.1, 1.1), "delay": TIMES,
    "power": st.booleans(), "effects": NUMBERS, "leaving": st.booleans(), "what": DISK,
    "count": NUMBERS, "factor": NUMBERS, "jump_ms": NUMBERS, "ppm": NUMBERS, "ram": SIZES,
    "foreign": SIZES, "lost": st.lists(NUMBERS, max_size=2), "blind": TEXTS, "asked": NUMBERS,
    "faults": st.sampled_from(["none", "all", "lossy=3", "disks", "x", ""]), "operations": NUMBERS,
    "condition": TEXTS, "of": NODES, "pid": NUMBERS, "last": NUMBERS, "first": NUMBERS,
    "by": TIMES, "suspend": st.booleans(), "cluster": st.just("cluster"), "x": st.none(),
    "probes_hang": st.booleans(), "liveness": TEXTS, "seed": NUMBERS, "nodes": NUMBERS,
}  # fmt: skip
TAKES = {
    "advance": "time", "answer": "node asked", "ask": "node request wait limit", "calm": "",
    "check": "", "clock": "node jump_ms ppm", "cut": "here there one_way", "end-work": "node pid",
    "disk": "node what count factor", "faults": "faults operations", "hang-up": "node asked",
    "hardware": "node ram foreign lost blind", "kill": "node power effects", "mend": "cut",
    "new": "seed nodes", "pause": "node time suspend", "run-until": "condition limit node of",
    "script": "first", "slow": "node by", "start": "node", "state": "node", "stop": "node leaving",
    "trace": "", "transcript": "last", "weather": "loss delay here there", "work": "node ram",
    "end": "x", "bye": "x",
}  # fmt: skip


@st.composite
def lines(draw: st.DrawFn) -> dict[str, Any]:
    """A command whose fields are mostly its own, and mostly possible."""
    do = draw(st.sampled_from(sorted(TAKES)))
    names = [name for name in TAKES[do].split() if draw(st.integers(0, 9))]
    if not draw(st.integers(0, 9)):
        names.append(draw(st.sampled_from(sorted(FIELDS))))
    return {"do": do} | {name: draw(FIELDS[name]) for name in names}


def test_the_fuzz_knows_every_command() -> None:
    assert sorted(TAKES) == sorted(NAMES)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 5), st.lists(lines(), max_size=30))
def test_whatever_is_said_is_answered_and_breaks_nothing(
    seed: int, said: list[dict[str, Any]]
) -> None:
    service = Service()
    assert json.loads(service.answer(b'{"do":"new","nodes":3,"seed":%d}' % seed))["ok"]
    for number, line in enumerate(said):
        answer = json.loads(service.answer(json.dumps({"id": number, **line}).encode()))
        assert answer["id"] == number
        if not answer["ok"]:
            assert answer["error"]["code"] in CODES
            assert answer["error"]["code"] not in ("broken", "stalled", "internal"), answer


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.binary(max_size=60), st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.sampled_from(["do", "id", "node", "cluster", "time", "seed"]), inner, max_size=4
        ),
    ), max_leaves=12,
).map(lambda plain: json.dumps(plain).encode())))  # fmt: skip
def test_rubbish_is_a_bad_line(rubbish: bytes) -> None:
    answer = json.loads(Service().answer(rubbish))
    assert not answer["ok"]
    assert answer["error"]["code"] in ("bad_line", "bad_command")
