"""AXIS's cases with known answers, scored as a stranger would score them."""

import json
import shutil
from pathlib import Path

import pytest

from simulations.score.axis import misses_of_case, misses_of_row
from simulations.score.folder import Unreadable, score_folder

FOLDER = Path(__file__).parents[1] / "data/axis"
PLACEMENT = json.loads((FOLDER / "placement.json").read_text())
MATCH = [case for case in PLACEMENT["cases"] if case["adopt"] == "match"]
ROWS = json.loads((FOLDER / "requirements.json").read_text())["rows"]


@pytest.mark.parametrize("case", MATCH, ids=lambda case: case["id"])
def test_the_known_cases_are_answered_as_known(case):
    assert misses_of_case(case, PLACEMENT["defaults"]) == []


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row["text"][:40])
def test_plain_words_are_read_as_known(row):
    assert misses_of_row(row) == []


@pytest.mark.parametrize(("identity", "amount"), [("F18", 4500), ("F20", 512)])
def test_the_same_node_passes_when_it_is_asked_for_less(identity, amount):
    case = next(case for case in MATCH if case["id"] == identity)
    easier = {**case, "request": {"min_free_ram_mb": amount}, "expect": {"eligible": ["nodeA"]}}
    assert misses_of_case(easier, PLACEMENT["defaults"]) == []


def test_a_crash_blocks_until_a_person_says_otherwise_and_a_timeout_does_not():
    case = next(case for case in MATCH if case["id"] == "F22")
    for told in ({"cls": "timeout"}, {"override": "a new disk"}, {"workload": "go-build"}):
        failure = {**case["history"]["failures"][0], **told}
        history = {**case["history"], "failures": [failure]}
        expect = {"eligible": ["blocked", "capable"]}
        assert (
            misses_of_case({**case, "history": history, "expect": expect}, PLACEMENT["defaults"])
            == []
        )


def test_the_whole_folder_is_met_and_what_is_not_scored_is_named():
    score = score_folder(FOLDER)
    assert score.met
    assert score.scored["placement.json"] == (len(MATCH), len(MATCH))
    assert {*score.left_out} | {*score.scored} == {path.name for path in FOLDER.glob("*.json")}
    assert score.lines()[-1] == f"axis: {len(MATCH) + len(ROWS)} of {len(MATCH) + len(ROWS)} agree"


def test_one_wrong_answer_is_told_and_fails_the_bar(tmp_path):
    shutil.copy(FOLDER / "requirements.json", tmp_path)
    wrong = {**PLACEMENT, "cases": [{**MATCH[0], "expect": {"eligible": ["b"]}}]}
    (tmp_path / "mine.json").write_text(json.dumps(wrong))
    score = score_folder(tmp_path)
    assert not score.met
    assert score.misses == ["mine.json F01: eligible: expected ['b'], found ['a']"]


@pytest.mark.parametrize("text", ["", "[]", '{"kind": "placement", "cases": [1]}', "{"])
def test_a_file_that_is_none_of_the_schema_is_named(tmp_path, text):
    (tmp_path / "odd.json").write_text(text)
    with pytest.raises(Unreadable, match=r"odd\.json"):
        score_folder(tmp_path)


def test_an_empty_folder_shows_nothing(tmp_path):
    assert not score_folder(tmp_path).met
    with pytest.raises(Unreadable):
        score_folder(tmp_path / "none")
