"""What a history shows, and how a log is written out; through an agent that turns pages."""

import csv
import io
import json
from argparse import Namespace
from pathlib import Path
from typing import Any

import pytest

from node.cli import ledger_pages
from node.cli.entry_lines import entry_line
from node.cli.exits import NO, YES
from node.cli.ledger_pages import About, export, history

BOB = {"id": "b" * 32, "name": "bob"}


def entry(height: int, kind: str, **more: Any) -> dict[str, Any]:
    return {"era": 1, "height": height, "line": 0, "hash": "00", "kind": kind, **more}


LEGS = [{"pool": "ram", "amount": 5}]
CARDS = [{"pool": "gpu:G", "amount": 1}]
LOG = [
    entry(0, "era", reason="first"),
    entry(1, "hold", id="aa11" * 8, principal="ann", legs=LEGS),
    entry(2, "hold", id="bb22" * 8, principal="eve", legs=CARDS),
    entry(3, "post", id="aa11" * 8),
    entry(4, "state", pool="ram", state="draining"),
    entry(5, "release", id="aa11" * 8, by="ann", why="asked"),
]


@pytest.fixture(autouse=True)
def agent(monkeypatch: pytest.MonkeyPatch) -> None:
    """An agent that answers two blocks to a page."""

    def answer(_flags: Namespace, request: dict[str, Any]) -> dict[str, Any]:
        start = request["start"]
        after = start + 2 if start + 2 < len(LOG) else None
        return {
            "author": BOB, "begins": 3, "length": len(LOG), "age_ms": 0, "problem": None,
            "entries": LOG[start : start + 2], "next": after,
        }  # fmt: skip

    monkeypatch.setattr(ledger_pages, "answer", answer)


def flags(**more: Any) -> Namespace:
    return Namespace(**({"about": None, "of": None, "json": True, "out": None} | more))


def kinds(what: str | None) -> list[str]:
    about = About(what)
    return [one["kind"] for one in LOG if about(one)]


def test_a_history_is_about_a_hold_a_pool_or_a_principal_to_its_end() -> None:
    assert kinds(None) == [one["kind"] for one in LOG]
    assert kinds("aa11") == ["hold", "post", "release"]
    assert kinds("ann") == ["hold", "post", "release"]
    assert kinds("ram") == ["hold", "post", "state", "release"]
    assert kinds("gpu:G") == ["hold"]
    assert kinds("nobody") == []


def test_a_history_turns_every_page(capsys: pytest.CaptureFixture[str]) -> None:
    assert history(flags(about="ann")) == YES
    body = json.loads(capsys.readouterr().out)
    assert body["found"] == 3
    assert [one["height"] for one in body["entries"]] == [1, 3, 5]
    assert history(flags(about="nobody")) == NO


def test_an_export_has_every_entry_once_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert export(flags(format="jsonl")) == YES
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["height"] for line in lines] == [0, 1, 2, 3, 4, 5]
    assert {line["author"] for line in lines} == {BOB["id"]}


def test_a_table_has_the_same_columns_for_every_kind(tmp_path: Path) -> None:
    out = tmp_path / "ledger.csv"
    assert export(flags(format="csv", out=str(out))) == YES
    rows = list(csv.DictReader(io.StringIO(out.read_text())))
    assert len(rows) == len(LOG)
    assert rows[1]["legs"] == "ram=5"
    assert rows[5]["why"] == "asked"


def test_rights_are_told_with_their_unit_and_by_whom_they_were_given() -> None:
    given = entry(6, "rights out", principal="ann", sort="ram", total=3 << 30, to=BOB["id"])
    told = entry_line(given, {BOB["id"]: "bob"})
    assert told.startswith("rights out  ram 3 GiB  principal ann")
    assert "to bob (bbbbbbbbbb)" in told
