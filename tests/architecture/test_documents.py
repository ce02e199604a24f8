"""The pages tell the truth: what they name is there, and what they tell people to type works."""

import pkgutil
import re
import shlex
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest

from ledger.commands import Outcome
from ledger.lifecycle import TABLE
from mesh.effects import OurselvesChange, PeerChange
from mesh.letters import wire
from mesh.letters.datagram import Kind
from mesh.rejections import Rejection
from node.cli.parser import build, parse
from node.core.catalogue import KINDS
from node.core.picture.company import Sight
from node.core.picture.dangers import Sort
from node.shell.telling.chronicle import MISSED
from tests.architecture.source import ROOMS, ROOT, files, name_of

PAGES: Final = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])
CONSOLE: Final = re.compile(r"^```console\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK: Final = re.compile(r"\[[^\]\n]+\]\(([^)\s]+)\)")
CODE: Final = re.compile(r"`([^`\n]+)`")
OURS: Final = "|".join((*ROOMS, "tests"))
DOTTED: Final = re.compile(rf"(?:{OURS})(?:\.\w+){{2,}}")
"""Room, file and name at least: `node.key` is a file in a state folder."""
PATH: Final = re.compile(rf"(?:{OURS})(?:/[\w.<>-]+)*(?:\.py|/)(?:::\w+)?")
TOOLS: Final = ("uv", "pipx")


def _console(page: Path) -> Iterator[str]:
    for block in CONSOLE.findall(page.read_text()):
        for line in block.splitlines():
            if line.startswith("$ "):
                yield line.removeprefix("$ ")


def _anchors(page: Path) -> set[str]:
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


COMMANDS: Final = {line: page for page in reversed(PAGES) for line in _console(page)}
"""Each line that a person may copy, and the first page that has it."""


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in LINK.findall(page.read_text()):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert target.is_relative_to(ROOT), link
        assert not anchor or anchor in _anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_and_function_that_a_page_names_is_there(page: Path) -> None:
    for code in CODE.findall(page.read_text()):
        if DOTTED.fullmatch(code) and not code.endswith((".py", ".md", ".toml")):
            pkgutil.resolve_name(code)
        elif PATH.fullmatch(code) and "<" not in code:
            path, _, test = code.partition("::")
            assert (ROOT / path).exists(), code
            assert not test or f"def {test}(" in (ROOT / path).read_text(), code


@pytest.mark.parametrize("line", COMMANDS)
def test_every_line_that_people_are_told_to_type_is_understood(line: str) -> None:
    program, *words = shlex.split(line.partition(" > ")[0])  # the shell's own part
    match program:
        case "make":
            targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
            assert [word for word in words if "=" not in word and word not in targets] == []
        case "holdfast":
            assert parse(build(), words).module is not None
        case _:
            assert program in TOOLS
            assert words == (["tool", "install", "."] if program == "uv" else ["install", "."])


def test_the_readme_shows_every_step_of_the_main_job() -> None:
    typed = [line for line, page in COMMANDS.items() if page.name == "README.md"]
    for step in (
        "make demo", "make test", "holdfast up", "holdfast invite", "holdfast join",
        "holdfast status", "holdfast facts", "holdfast where", "holdfast reserve",
        "holdfast holds", "holdfast release", "holdfast ledger verify", "holdfast doctor",
    ):  # fmt: skip
        assert any(line.startswith(step) for line in typed), step


def test_the_catalogue_of_events_is_complete() -> None:
    catalogue = (ROOT / "docs/reference/events.md").read_text()
    told = set(re.findall(r"^\| `([a-z._-]+)` \|", catalogue, re.MULTILINE))
    source = "".join(path.read_text() for path in files("node/core", "node/app.py", "ledger"))
    for page in ("node/app.py", "node/process.py", "node/shell/full_disk.py"):
        source += (ROOT / page).read_text()
    said = set(re.findall(r"""(?:\.event|log\.write|\bEvent|\bHappened)\(\s*"([^"]+)\"""", source))
    said |= {f"alarm.{code}" for code in re.findall(r"""Alarm\(\s*"([^"]+)\"""", source)}
    said |= {f"peer.{change.name.lower()}" for change in PeerChange}
    said |= {f"mesh.{change.name.lower()}" for change in OurselvesChange}
    chosen = {f"alarm.{code}" for code in ("log-forked", "log-ahead")}  # one of two, by a variable
    assert all(f'"{code.removeprefix("alarm.")}"' in source for code in chosen)
    chosen |= {f"alarm.{sort.value}" for sort in Sort}
    chosen |= {sight.value for sight in Sight if sight.value} | {MISSED}
    assert told == said | chosen
    rows = re.findall(r"^\| `([a-z._-]+)` \| ([^|]+) \|", catalogue, re.MULTILINE)
    assert rows == list(KINDS.items()), "the page and node/core/catalogue.py"


def test_every_fault_of_a_disk_names_the_test_that_shows_it() -> None:
    page = (ROOT / "docs/reference/recovery.md").read_text()
    rows = [line for line in page.splitlines() if line.startswith("| ") and "| fault |" not in line]
    assert len(rows) > 20
    assert [row for row in rows if not re.search(r"\| `tests/[^`]+`[^|]*\|$", row)] == []


def test_the_table_of_holds_is_the_table() -> None:
    page = (ROOT / "docs/reference/hold-lifecycle.md").read_text()
    rows = re.findall(r"^\| ([a-z ]+) \| ([a-z ]+) \| ([a-z ]+) \|$", page, re.MULTILINE)
    assert [row for row in rows if row[0] != "from"] == [
        (before.value, step.value, after.value) for (before, step), after in TABLE.items()
    ]


def test_every_outcome_of_a_command_is_told_in_the_order_of_checking() -> None:
    page = (ROOT / "docs/reference/outcomes.md").read_text()
    refusals = re.findall(r"^\| ([a-z', ]+) \| .+ \| (yes|no) \|$", page, re.MULTILINE)
    table = page[page.index("| outcome | when |\n") : page.index("## Faults")]
    rest = re.findall(r"^\| ([a-z]+) \| .+ \|$", table, re.MULTILINE)[1:]
    again = [(one.value, "yes" if one.may_change_on_retry else "no") for one in Outcome]
    assert refusals == again[: len(refusals)]
    assert rest == [one.value for one in Outcome][len(refusals) :]


def test_kinds_and_letters_on_the_wire_have_the_numbers_of_the_code() -> None:
    page = (ROOT / "docs/reference/wire.md").read_text()
    rows = re.findall(r"^\| (\d+) \| ([A-Z_]+) \|", page, re.MULTILINE)
    letters = [(str(int(one)), one.name) for one in wire._Letter]
    assert rows == [(str(int(kind)), kind.name) for kind in Kind] + letters


def test_every_cause_of_rejection_is_told_in_the_order_of_checking() -> None:
    page = (ROOT / "docs/reference/wire.md").read_text()
    section = page[page.index("## Why a datagram is refused") :].split("\n## ")[0]
    assert re.findall(r"^- (.+)$", section, re.MULTILINE) == [one.value for one in Rejection]


def test_the_glossary_says_each_word_once_in_order() -> None:
    page = (ROOT / "docs/glossary.md").read_text()
    words = re.findall(r"^\| ([a-z][a-z ]*) \| .+ \| .+ \|$", page, re.MULTILINE)[1:]
    assert len(words) > 100
    assert words == sorted(set(words))


DECISIONS: Final = sorted((ROOT / "docs/decisions").glob("*.md"))


def test_decisions_are_numbered_without_a_gap() -> None:
    numbers = [int(path.name[:4]) for path in DECISIONS]
    assert numbers == list(range(1, len(numbers) + 1))


@pytest.mark.parametrize("path", DECISIONS, ids=name_of)
def test_a_decision_is_one_screen_with_setting_choice_and_price(path: Path) -> None:
    text = path.read_text()
    assert re.match(rf"# {path.name[:4]} .+\n\n20\d\d-\d\d-\d\d\n\n## Setting\n", text)
    assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Setting", "Choice", "Price"]
    assert len(text) < 4_000


def test_the_pages_speak_of_the_product_alone() -> None:
    for page in PAGES:
        for word in (str(ROOT), "/home/" + "user", "localhost:", "pypi"):
            assert word not in page.read_text(), f"{name_of(page)}: {word}"


def test_the_version_is_said_once() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    config = (ROOT / "node/config.py").read_text()
    assert f'VERSION: Final = "{project["version"]}"' in config
