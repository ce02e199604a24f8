"""One catalogue of events: the code, the table and the page say the same."""

import re
from pathlib import Path

from mesh.effects import PeerChange
from node.core.catalogue import KINDS
from node.core.company import Sight

ROOT = Path(__file__).parents[2]
TOLD = re.compile(r"""(?:\.event|log\.write|Event)\(\s*"([a-z_.-]+)",""")
ALARM = re.compile(r"""Alarm\(\s*"([a-z-]+)",""")
CODES = re.compile(r"""_again_because\(|code\s*=\s*"([a-z-]+)"|return "(log-[a-z]+)",""")


def spoken() -> set[str]:
    """Every kind that stands in the code."""
    node = "\n".join(path.read_text() for path in sorted(ROOT.glob("node/**/*.py")))
    ledger = "\n".join(path.read_text() for path in sorted(ROOT.glob("ledger/**/*.py")))
    kinds = {*TOLD.findall(node), *(f"alarm.{code}" for code in ALARM.findall(ledger))}
    kinds |= {f"alarm.{code}" for code in re.findall(r'"(log-[a-z]+)"', ledger)}
    kinds |= {f"peer.{change.name.lower()}" for change in PeerChange}
    return kinds | {sight.value for sight in Sight if sight.value}


def test_every_kind_that_is_told_is_in_the_catalogue_and_none_is_there_for_nothing() -> None:
    told = spoken() | {"events.missed"}
    assert sorted(told - KINDS.keys()) == []
    assert sorted(KINDS.keys() - told) == []


def test_the_page_has_the_same_kinds_in_the_same_order_and_words() -> None:
    page = (ROOT / "docs/reference/events.md").read_text()
    rows = re.findall(r"^\| `([a-z_.-]+)` \| ([^|]+) \|", page, re.MULTILINE)
    assert rows == list(KINDS.items())
