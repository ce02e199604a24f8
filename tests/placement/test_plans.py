"""Plans that are taken later, suppositions, and requests in files."""

import json
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from placement.asking.documents import request_from_document
from placement.asking.files import DocumentError, read_jobs
from placement.asking.schema import request_schema
from placement.decide import decide
from placement.plans import JOBS_MAX, changed_since, node_of, plan_all, token_of
from placement.request import GpuSelector, Kind, Request, RequestError
from placement.supposing import suppose
from placement.view import ClusterView
from tests.placement.pictures import GIB, A, B, C, gpu_node, mac, node, ram, steady, with_room

ASK = Request(ram_bytes=8 * GIB)
VERSIONS = (("inventory", "1:aa"), ("live", "9:bb"), ("log", "1:4:cc"), ("node", "1:dd"))


def planned(request=ASK, room=16 * GIB):
    view = ClusterView.of(node(A, ram(room), versions=VERSIONS), node(B, ram(GIB)))
    token = token_of(request, decide(request, view), view)
    assert token is not None
    return view, token


def moved(view, **changes):
    first, *others = view.nodes
    return ClusterView.of(replace(first, **changes), *others)


def test_a_plan_can_be_taken_while_what_it_rests_on_is_as_it_was():
    view, token = planned()
    assert node_of(token) == A
    assert changed_since(token, ASK, view) == []
    live_moved = moved(view, versions=tuple({**dict(VERSIONS), "live": "10:ee"}.items()))
    assert changed_since(token, ASK, live_moved) == [], "live figures move all day"
    more = ClusterView.of(with_room(view.nodes[0], 0, 20 * GIB), view.nodes[1])
    assert changed_since(token, ASK, more) == []


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"liveness": "suspect"}, "not seen as it was"),
        ({"versions": (*VERSIONS[:2], ("log", "1:5:ff"), VERSIONS[3])}, "granted or ended there"),
        ({"versions": (("inventory", "2:aa"), *VERSIONS[1:])}, "its inventory is another"),
        ({"pools": (ram(15 * GIB),)}, "less room than it had"),
        ({"pools": (ram(None),)}, "nobody can say any more"),
    ],
)
def test_what_has_changed_is_told(change, told):
    view, token = planned()
    (sentence,) = changed_since(token, ASK, moved(view, **change))
    assert told in sentence


def test_a_node_that_is_gone_takes_its_plans_along():
    view, token = planned()
    assert changed_since(token, ASK, ClusterView.of(view.nodes[1])) == [
        "the node is not known any more"
    ]


def test_a_plan_is_for_its_own_question_whatever_is_said_only_when_it_is_taken():
    view, token = planned()
    later = ASK.but(node=A, duration=10**12, kind=Kind.CARRIED, principal="ann")
    assert changed_since(token, later, view) == []
    with pytest.raises(RequestError, match="another question"):
        changed_since(token, ASK.but(ram_bytes=9 * GIB), view)


@given(st.text(max_size=40) | st.binary(max_size=40).map(lambda raw: f"plan1-{raw.hex()}"))
@steady(60)
def test_what_is_no_token_is_named(text):
    with pytest.raises(RequestError, match="--plan"):
        changed_since(text, ASK, planned()[0])


def test_a_token_with_one_letter_changed_is_never_taken_for_an_open_door():
    view, token = planned()
    for at in range(6, len(token)):
        bent = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        try:
            assert changed_since(bent, ASK, view) or node_of(bent) == A
        except RequestError as error:
            assert "--plan" in str(error)  # noqa: PT017 - some are taken apart, some only differ


def test_a_batch_is_planned_job_by_job_on_what_the_earlier_ones_leave():
    view = ClusterView.of(node(A, ram(10 * GIB)), node(B, ram(9 * GIB)))
    jobs = [Request(ram_bytes=6 * GIB)] * 3
    chosen = [decision.chosen and decision.chosen.node for decision, _ in plan_all(jobs, view)]
    assert chosen == [A, B, None]
    with pytest.raises(RequestError, match="at once"):
        plan_all([ASK] * (JOBS_MAX + 1), view)


# Supposing ---------------------------------------------------------------------------------------


def fits(request, view):
    chosen = decide(request, view).chosen
    return None if chosen is None else chosen.name


def test_a_card_more_or_a_machine_more_is_asked_about_without_buying_it():
    view = ClusterView.of(node(A, ram(16 * GIB)))
    ask = Request(gpus=(GpuSelector(20 * GIB, "nvidia"),), ram_bytes=4 * GIB)
    assert fits(ask, view) is None
    assert fits(ask, suppose(view, plus=("node-a=nvidia:24GiB",))) == "node-a"
    bought = suppose(view, plus=("new=ram:64GiB,cpu:16,disk:1TB,nvidia:24GiB:2",))
    assert fits(ask.but(ram_bytes=32 * GIB, node="new"), bought) == "new"
    assert fits(ASK.but(ram_bytes=30 * GIB), suppose(view, plus=(f"{A}=ram:16GiB",))) == "node-a"
    assert len(mac(B, 8 * GIB).pools) == len(
        suppose(ClusterView.of(mac(B, 8 * GIB)), plus=(f"{B}=ram:8GiB",)).nodes[0].pools
    ), "unified memory stays one pool"


def test_a_node_less_and_a_hold_less():
    view = ClusterView.of(node(A, ram(16 * GIB)), node(B, ram(4 * GIB)), gpu_node(C, GIB))
    assert fits(Request(ram_bytes=8 * GIB), suppose(view, without=("node-a", C))) is None
    freed = suppose(view, without=("node-a", C), freed={B: {"ram": 4 * GIB}})
    assert fits(Request(ram_bytes=8 * GIB), freed) == "node-b"


def test_a_supposed_row_says_so():
    view = suppose(ClusterView.of(node(A)), plus=("node-a=ram:1GiB", "node-a=ram:2GiB"))
    assert dict(view.nodes[0].versions)["supposed"] == "ram:1GiB; ram:2GiB"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({"without": ("nobody",)}, "no such node"),
        ({"plus": ("node-a",)}, "write NODE=WHAT"),
        ({"plus": ("node-a=ram:many",)}, "--plus"),
        ({"plus": ("node-a=nvidia",)}, "how much of the card"),
        ({"plus": ("node-a=ram:1GiB",) * 40}, "ask in parts"),
    ],
)
def test_what_cannot_be_supposed_is_named(words, sentence):
    with pytest.raises(RequestError, match=sentence):
        suppose(ClusterView.of(node(A)), **words)


# Files -------------------------------------------------------------------------------------------

TOML = (
    '[[job]]\nname = "train"\nram = "8GiB"\ngpus = ["nvidia:24GB"]\n[[job]]\nwords = "go build"\n'
)
YAML = "job:\n- name: train\n  ram: 8GiB\n  gpus: ['nvidia:24GB']\n- words: go build\n"


def test_one_document_is_the_same_in_three_languages():
    read = read_jobs(".toml", TOML)
    assert [name for name, _ in read] == ["train", "job 2"]
    assert read == read_jobs(".yaml", YAML)
    told = {
        "job": [{"name": "train", "ram": "8GiB", "gpus": ["nvidia:24GB"]}, {"words": "go build"}]
    }
    assert read == read_jobs(".json", json.dumps(told))
    assert read_jobs(".toml", 'ram = "1GiB"') == [("job", {"ram": "1GiB"})]
    assert read_jobs(".yaml", "name: train\nram: 1GiB") == [("train", {"ram": "1GiB"})]


@pytest.mark.parametrize(
    ("text", "millicores"), [("2", 2000), ("0.5", 500), ("'2'", 2000), ("2 cores", 2000)]
)
def test_a_bare_number_of_cores_is_no_guess_and_one_of_bytes_is(text, millicores):
    [(_, document)] = read_jobs(".yaml", f"cpu: {text}")
    assert request_from_document(document).cpu_millicores == millicores
    with pytest.raises(DocumentError, match="unit"):
        read_jobs(".yaml", f"ram: {text}")


@pytest.mark.parametrize(
    ("suffix", "text", "sentence"),
    [
        (".ini", "", "not read"),
        (".toml", "ram = ", "not TOML"),
        (".json", "{", "not JSON"),
        (".yaml", "a: [", "not YAML"),
        (".yaml", "!!python/object:os.system {}", "not YAML"),
        (".json", "[1]", "table of keys"),
        (".json", '{"job": []}', "one or more"),
        (".json", '{"job": [1]}', "job 1 is no table"),
        (".json", '{"job": [{"name": 3}]}', "no text"),
        (".toml", "", "job: it asks for nothing"),
        (".json", '{"job": [{}]}', "job 1: it asks for nothing"),
        (".yaml", "job: [{name: a, ram: 1GiB}, {name: a, cpu: 2}]", "two jobs are called 'a'"),
        (".toml", 'rma = "1GiB"', "did you mean 'ram'"),
        (".toml", '[[job]]\nname = "x"\nram = "8"', "x: ram"),
    ],
)
def test_what_is_no_request_is_named_with_its_job(suffix, text, sentence):
    with pytest.raises(DocumentError, match=sentence):
        read_jobs(suffix, text)


@given(st.sampled_from([".toml", ".json", ".yaml"]), st.text(max_size=60))
@steady(60)
def test_any_text_is_read_or_refused_by_name(suffix, text):
    try:
        read_jobs(suffix, text)
    except DocumentError as error:
        assert str(error)  # noqa: PT017 - either is fine


SCHEMA = Path(__file__).parents[2] / "docs/reference/request.schema.json"


def test_the_published_schema_is_the_one_that_is_drawn_from_the_readers():
    assert json.loads(SCHEMA.read_text()) == request_schema()
