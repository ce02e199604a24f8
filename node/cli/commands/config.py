"""`holdfast config show [--origin]`: every setting as it stands, and who said so."""

import os
from argparse import Namespace
from pathlib import Path
from typing import Any, Final

from mesh.instant import MILLISECOND
from node.cli import client
from node.cli.asking import show, warn
from node.cli.exits import YES
from node.cli.render import span, table
from node.cli.settings import settled, state_of
from node.config import SETTINGS

RUNNING: Final = (
    "an agent runs here, with the flags that it was started with; these are the settings of its "
    "next start"
)


def run(flags: Namespace) -> int:
    """What `up` would start with."""
    state = state_of(flags)
    values = settled(state, {})
    body: dict[str, Any] = {
        "state": {"value": str(state), "origin": _state_origin(flags)},
        **{
            name: {"value": _plain(entry.value), "origin": entry.origin.value}
            for name, entry in values.items()
        },
    }
    show(flags, body, lambda _ink: _drawn(body, origins=flags.origin))
    if not flags.json and client.running(state):
        warn([RUNNING])
    return YES


def _state_origin(flags: Namespace) -> str:
    if flags.state:
        return "flag"
    return "environment" if os.environ.get("HOLDFAST_STATE") else "default"


def _drawn(body: dict[str, Any], *, origins: bool) -> list[str]:
    variables = {setting.name: setting.variable for setting in SETTINGS}
    rows = [
        [
            name,
            _value(name, entry["value"]),
            *_origin(name, entry["origin"], variables, shown=origins),
        ]
        for name, entry in body.items()
    ]
    return table(("SETTING", "VALUE", *(("ORIGIN",) if origins else ())), rows)


def _origin(name: str, origin: str, variables: dict[str, str], *, shown: bool) -> list[str]:
    if not shown:
        return []
    return [f"environment ({variables[name]})" if origin == "environment" and name in variables
            else origin]  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, Path):
        return str(value)
    if hasattr(value, "principals"):  # who they are, and never what they are known by
        return sorted(value.principals)
    return [_plain(each) for each in value] if isinstance(value, tuple) else value


def _value(name: str, value: Any) -> str:
    """A setting as a person would write it: a time has its unit."""
    if name == "history_for":
        return span(value // MILLISECOND)
    if name == "slots" and value:
        return ", ".join(f"{each[0]}={each[1]}" for each in value)
    return _written(value)


def _written(value: Any) -> str:
    if value is None or value == []:
        return "not set"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ", ".join(_pair(each) if isinstance(each, list) else str(each) for each in value)
    return str(value)


def _pair(entry: list[Any]) -> str:
    return f"{entry[0]}:{entry[1]}" if isinstance(entry[1], int) else f"{entry[0]}={entry[1]}"
