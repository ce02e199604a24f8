"""The page of the protocol: every command, every field and every code, and nothing that is not."""

import re
from typing import get_args

from simulations.serve.commands import NAMES, Command
from simulations.serve.machines import DISK
from simulations.serve.no import CODES
from tests.architecture.source import ROOT

PAGE = (ROOT / "docs/reference/serve.md").read_text()


def test_every_command_stands_there_with_every_field() -> None:
    rows = dict(re.findall(r"^\| `([a-z-]+)` \| (.*) \|$", PAGE, re.MULTILINE))
    assert sorted(set(rows) - set(CODES) - {"do"}) == sorted(set(NAMES) - set(CODES))
    for kind in get_args(Command):
        told = set(re.findall(r"`([a-z_]+)`", rows[kind.__struct_config__.tag]))
        fields = {*kind.__struct_fields__} - {"cluster"}
        assert fields <= told, kind


def test_every_code_stands_there_with_its_sentence() -> None:
    table = PAGE[PAGE.index("| code | when |") :]
    assert dict(re.findall(r"^\| `([a-z_]+)` \| (.*) \|$", table, re.MULTILINE)) == CODES


def test_everything_that_may_befall_a_disk_stands_there() -> None:
    (paragraph,) = re.findall(r"^Disks: .*$", PAGE, re.MULTILINE)
    assert set(DISK) <= set(re.findall(r"`([a-z-]+)`", paragraph))
