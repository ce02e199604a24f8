"""A page of questions: which cluster each is put to, and what the command prints.

A console block that begins with `$ holdfast` is a question. It is put to the cluster whose file was
linked last before it, `[…](asking/homelab.toml)`, from the folder of the page.
"""

import io
import os
import re
import shlex
from collections.abc import Iterator
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Final, NamedTuple
from unittest import mock

from node.cli.main import main
from simulations.asking.clerk import Clerk
from simulations.whatif.cluster import read_cluster

_PART: Final = re.compile(
    r"\]\((?P<file>[a-z/-]+\.toml)\)|```console\n\$ holdfast (?P<words>[^\n]+)\n(?P<said>.*?)```",
    re.DOTALL,
)
JOBS: Final = "jobs"
"""A file whose name ends so is no cluster."""


class Question(NamedTuple):
    """One block: where in the text its answer stands, and what it asks."""

    words: str
    file: str
    start: int
    end: int


class Unplaced(ValueError):
    """A question before any cluster was named."""


def questions(text: str) -> Iterator[Question]:
    """In the order of the page. Raises Unplaced."""
    file = ""
    for part in _PART.finditer(text):
        if part["file"] is not None:
            file = file if Path(part["file"]).stem.endswith(JOBS) else part["file"]
        elif not file:
            raise Unplaced(f"`holdfast {part['words']}` is put to no cluster: link its file before")
        else:
            yield Question(part["words"], file, part.start("said"), part.end("said"))


def renewed(page: Path) -> str:
    """The page with the answers of today."""
    text = page.read_text(encoding="utf-8")
    clerks: dict[str, Clerk] = {}
    pieces: list[str] = []
    last = 0
    for question in questions(text):
        if question.file not in clerks:
            clerks[question.file] = Clerk(read_cluster(page.parent / question.file))
        pieces += [text[last : question.start], printed(clerks[question.file], question, page)]
        last = question.end
    return "".join([*pieces, text[last:]])


def printed(clerk: Clerk, question: Question, page: Path) -> str:
    """What the command shows on a terminal: its answer, and its notes."""
    shown = io.StringIO()
    mine = {key: value for key, value in os.environ.items() if not key.startswith("HOLDFAST_")}
    with (
        mock.patch.dict(os.environ, mine, clear=True), clerk.at_the_door(), chdir(page.parent),
        redirect_stdout(shown), redirect_stderr(shown),
    ):  # fmt: skip
        main(shlex.split(question.words))
    return shown.getvalue()
