"""The language of stories: what is read, what is refused and how it is said, what is written."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from simulations.stories.reading import CHOICES, STEPS, StoryError, read
from simulations.stories.steps import CutOneWay, Reserve
from tests.architecture.source import ROOT

FIRST = "nodes a b c ram 8GiB\n"
WORDS = sorted(
    {word for step in STEPS for form in step.forms for word in re.sub(r"{.*?}", "", form).split()}
    | {word for words in CHOICES.values() for word in words}
    | {"a", "b", "x", "5GiB", "4s", "20%", "9", "->", "=>", "#", "|", ">", "  -> said", "Ω"}
)
SAMPLES = {
    "node": "a", "nodes": "b c", "new nodes": "p q", "hold": "x", "new hold": "y",
    "size": "5GiB", "duration": "200ms", "percent": "5%",
    "liveness": "dead", "standing": "open", "state": "gone", "stages": "shell processes",
}  # fmt: skip


REFUSED = (
    ("", 1, "a sentence that begins with `nodes`", "the end"),
    ("kill a\n", 1, "a node (none takes part yet)", "`a`"),
    ("mend\n", 1, "a sentence that begins with `nodes` first", "another one"),
    (FIRST + "a holds five at c as x", 2, "a size such as 5GiB or 300MiB", "`five`"),
    (FIRST + "kill d", 2, "a node (a, b, c)", "`d`"),
    (FIRST + "a confirms x", 2, "a hold made above (there is none yet)", "`x`"),
    (FIRST + "advance 4", 2, "a duration such as 4s, 200ms, 2m or 1h", "`4`"),
    (FIRST + "delay 99h", 2, "a duration such as 4s, 200ms, 2m or 1h, and not that much", "`99h`"),
    (FIRST + "cut a | ", 2, "a node (a, b, c)", "the end of the line"),
    (FIRST + "mend it", 2, "the end of the line", "`it`"),
    (
        FIRST + "until a stands up", 2,
        "one of open, bookings_closed, disk_full, outcast, quarantine, closed", "`up`",
    ),
    (FIRST + FIRST, 2, "`nodes` only once", "a second one"),
    ("nodes a a ram 1GiB", 1, "at most 9 names, each once", "a a"),
    ("  -> said\n", 1, "an outcome only beneath a sentence", "`-> said`"),
    (FIRST + " said", 2, "`  -> ` or `  => ` and what came of it", "`said`"),
    (
        FIRST + "a holds 1GiB at b as a",
        2, "a new name for the hold: small letters and digits, a letter first", "`a`",
    ),
    ("#" * 201, 1, "at most 200 characters", "201"),
)  # fmt: skip


@pytest.mark.parametrize(("text", "number", "expected", "found"), REFUSED)
def test_what_cannot_be_read_is_refused_with_its_line_and_what_was_expected(
    text: str, number: int, expected: str, found: str
) -> None:
    with pytest.raises(StoryError) as refused:
        read(text)
    assert str(refused.value) == f"line {number}: expected {expected}, found {found}"


def test_a_sentence_becomes_what_is_done() -> None:
    story = read(FIRST + "a reserves 300MiB at c as x for 2m\ncut a b > c\n")
    assert [line.step for line in story.lines[1:]] == [
        Reserve("a", 300 << 20, "c", "x", 120_000_000_000),
        CutOneWay(("a", "b"), ("c",)),
    ]


@pytest.mark.parametrize("form", [form for step in STEPS for form in step.forms])
def test_every_form_is_read_and_written_as_it_stood(form: str) -> None:
    sentence = re.sub(r"{\w+:([^}]+)}", lambda field: SAMPLES[field[1]], form)
    before = "" if sentence.startswith("nodes") else FIRST + "a holds 1GiB at b as x\n"
    text = f"# why\n\n{before}{sentence}\n  => so it is\n  -> and why\n"
    assert read(text).text == text


@given(st.lists(st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join), max_size=6))
def test_no_words_do_more_than_be_refused(lines: list[str]) -> None:
    text = FIRST + "".join(f"{line}\n" for line in lines)
    try:
        story = read(text)
    except StoryError as refused:
        assert re.match(r"line \d+: expected .+, found .+", str(refused), re.DOTALL)  # noqa: PT017
    else:
        assert read(story.text).text == story.text


@given(st.text(max_size=200))
def test_no_text_does_more_than_be_refused(text: str) -> None:
    try:
        story = read(text)
    except StoryError:
        return
    assert read(story.text).text == story.text


def test_the_page_has_every_sentence() -> None:
    page = (ROOT / "docs/reference/stories.md").read_text()
    told = [row.replace("\\|", "|") for row in re.findall(r"^\| `(.+?)` \| ", page, re.MULTILINE)]
    assert told == [_as_told(form) for step in STEPS for form in step.forms]


def _as_told(form: str) -> str:
    shown = {"new nodes": "NODES", "new hold": "NEW"}
    return re.sub(
        r"{\w+:([^}]+)}", lambda field: shown.get(field[1], field[1].upper()), form
    )  # fmt: skip


# The command -------------------------------------------------------------------------------------


def stories(*words: str, said: str = "") -> "subprocess.CompletedProcess[str]":
    argv = [sys.executable, "-m", "simulations.stories", *words]
    return subprocess.run(
        argv, capture_output=True, text=True, timeout=60, check=False, input=said
    )  # fmt: skip


def test_a_story_is_rewritten_only_by_somebodys_word(tmp_path: Path) -> None:
    file = tmp_path / "one.story"
    file.write_text("nodes a ram 8GiB\na stands\n  => closed\n")
    before = file.read_text()
    assert stories(str(file)).returncode == 1
    refused = stories("--approve", str(file), said="n\n")
    assert (refused.returncode, file.read_text()) == (1, before)
    assert "-  => closed\n+  => open\n" in refused.stdout
    assert stories("--approve", str(file), said="y\n").returncode == 0
    assert file.read_text() == "nodes a ram 8GiB\na stands\n  => open\n"
    assert stories(str(file)).stdout == "stories: 1 as told, 0 not\n"


def test_a_story_that_cannot_be_read_is_wrong_usage(tmp_path: Path) -> None:
    file = tmp_path / "one.story"
    file.write_text("nodes a\n")
    done = stories(str(file))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "stories: line 1: expected `ram`, found the end of the line\n"
