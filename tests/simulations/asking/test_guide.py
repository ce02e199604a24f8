"""The page of questions and answers is what is printed today; if not, it is found out."""

import re
import shutil
from pathlib import Path

import pytest

from simulations.asking.guide import Unplaced, questions, renewed
from simulations.whatif.cluster import read_cluster
from simulations.whatif.table import BadFile

GUIDES = Path(__file__).parents[3] / "docs/guides"
PAGE = GUIDES / "asking.md"
SECTION = re.compile(r"^### \d+\. .*?(?=^##|\Z)", re.MULTILINE | re.DOTALL)
BOX = '[[machine]]\nname = "box"\nram = "8GiB"\n'


def test_every_answer_of_the_guide_is_what_is_printed_today():
    assert renewed(PAGE) == PAGE.read_text()


def test_there_are_twenty_questions_at_least_and_each_answer_has_its_reason():
    sections = SECTION.findall(PAGE.read_text())
    assert len(sections) >= 20
    for section in sections:
        assert "$ holdfast " in section
        reason = section.rpartition("```")[2].strip()
        assert len(reason) > 40, section


def test_an_answer_that_was_changed_by_hand_is_found_and_mended(tmp_path):
    shutil.copytree(GUIDES / "asking", tmp_path / "asking")
    text = PAGE.read_text()
    first = next(iter(questions(text)))
    cut = text[: text.index("### 2.")]
    page = tmp_path / "asking.md"
    page.write_text(cut.replace("strix fits", "old fits"))
    assert renewed(page) == cut
    page.write_text(f"{cut[: first.start]}{cut[first.end :]}")
    assert renewed(page) == cut


def test_a_question_to_nobody_is_refused():
    with pytest.raises(Unplaced, match="is put to no cluster"):
        list(questions("```console\n$ holdfast where --ram 1GiB\n```"))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('cards = [{ vram = "8GiB", of_ram = "8GiB" }]', "of its own or takes main memory"),
        ('cards = [{ vram = "8GiB", free = "5GiB" }]', 'write "unknown"'),
        ('models = [{ name = "x", size = "5" }]', "has no unit"),
        ('models = [{ name = "x", size = "5GB", store = "attic" }]', "is not one of"),
        ('models = [{ name = "x", size = "5GB", loaded = "abacus" }]', "is not one of"),
        ('throughput = [{ peer = "nobody", from = "1MB" }]', "no machine is called 'nobody'"),
        ('throughput = [{ peer = "box", from = "1PB" }]', "no link carries so much"),
    ],
)
def test_what_a_machine_cannot_have_is_named_with_its_place(tmp_path, line, sentence):
    path = tmp_path / "m.toml"
    path.write_text(BOX + line)
    with pytest.raises(BadFile, match=sentence):
        read_cluster(path)
