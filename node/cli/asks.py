"""Flags become a request document: the same keys as in a TOML or JSON file.

Checked here by placement's own reader (`placement.asking.documents`) before anything is sent, so a
mistyped amount is wrong usage (2) at once and with the same sentence everywhere, with or without an
agent.
"""

import os
import re
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from node.cli.exits import wrong_usage
from node.cli.names import perhaps_named
from node.cli.render import clean, tell

DURATION_DEFAULT: Final = "1h"
SIZING: Final = ("model", "quant", "ctx", "parallel", "cards")
"""Flags that say which model is to run, and how."""
ROOM: Final = ("ram", "memory", "gpus")
"""Amounts that say how large it is: then no model's size is looked up."""
TOKEN_BYTES_MAX: Final = 512
UNITS: Final = "units: s, m, h, d"
PID_MAX: Final = 1 << 22
"""The kernel's own limit on 64-bit machines."""
_EXAMPLE: Final = "as in `--ram 4GiB --cpu 2`, or in words: 'run ollama inference on a 7b model'"
_FLAGS: Final = {
    "gpus": "gpu", "disks": "disk", "tools": "tool", "labels": "label", "engines": "engine",
    "despite_failures": "despite-failures", "workload": "work",
}  # fmt: skip
"""Keys of a document that are flags under another name."""
_DECIMAL: Final = re.compile(r"[0-9]+(?:\.[0-9]+)?\s*[kKmMgGtTpP][bB]")
_STARTED_FIELD: Final = 22
"""starttime in /proc/PID/stat (proc(5)), in clock ticks since boot."""


def document(flags: Namespace) -> dict[str, Any]:
    """What is asked for: plain words, flags, or both; a flag says more exactly what words guess."""
    asked = written(flags)
    if sized(flags):
        from node.cli.model_needs import needs

        asked = {**needs(flags), **asked}
    else:
        asked = with_room(asked, " ".join(flags.words))
    if not flags.words and not asked:
        if getattr(flags, "plan", ""):
            raise wrong_usage("say what was planned", "the same words and flags, beside --plan")
        raise wrong_usage("say what is needed", _EXAMPLE)
    _check(asked)
    if not flags.json:
        _tell_units(asked)
    return {"words": " ".join(flags.words), **asked} if flags.words else asked


def with_room(asked: dict[str, Any], words: str) -> dict[str, Any]:
    """`asked`, and where it says no amounts, the room for a model that `words` call by name."""
    if any(name in asked for name in ROOM) or not (names := perhaps_named(words)):
        return asked
    from node.cli.model_needs import named

    return {**named(names, words), **asked}


def sized(flags: Namespace) -> bool:
    """Whether the flags say which model is to run, or how."""
    return any(getattr(flags, word, None) is not None for word in SIZING)


def term_ms(text: str | None, flag: str = "--for", limit: str = "") -> int:
    """`--for 2h` in milliseconds. `limit`: what the agent will say of long ones, said at once."""
    from mesh.instant import MILLISECOND
    from placement.amounts import AmountError, parse_duration

    try:
        duration = parse_duration(text or DURATION_DEFAULT)
    except AmountError as error:
        raise wrong_usage(f"{flag}: {error}", UNITS + limit) from error
    if duration < MILLISECOND:
        raise wrong_usage(f"{flag}: {text!r} is under a millisecond", "write it as 2h or 90s")
    return duration // MILLISECOND


def pools(pairs: Sequence[str], flag: str) -> dict[str, str]:
    """`--keep ram=2GiB --keep cpu=1`: pool → amount as written. The agent knows its pools."""
    read: dict[str, str] = {}
    for text in pairs:
        pool, equals, amount = text.rpartition("=")
        if not equals or not pool.strip() or not amount.strip():
            raise wrong_usage(f"{flag}: {text!r} is no POOL=AMOUNT", "write it as ram=2GiB")
        if pool.strip() in read:
            raise wrong_usage(f"{flag}: {pool.strip()} is named twice", "leave one of the two out")
        read[pool.strip()] = amount.strip()
    return read


def token(path: str) -> str:
    """What is in the file of `--token-file`."""
    try:
        with Path(path).open("rb") as file:
            text = file.read(TOKEN_BYTES_MAX + 1).decode().strip()
    except (OSError, UnicodeDecodeError) as error:
        sentence = f"--token-file: {path} cannot be read"
        raise wrong_usage(sentence, "it holds one line of text") from error
    if not text or len(text) > TOKEN_BYTES_MAX:
        raise wrong_usage(f"--token-file: {path} holds no token", "it holds one line of text")
    return text


def process(text: str, flag: str = "--pid") -> tuple[int, int]:
    """A running process of this machine: (pid, when it started in clock ticks since boot)."""
    if not text.isascii() or not text.isdigit() or not 0 < int(text[:12]) <= PID_MAX:
        raise wrong_usage(f"{flag}: {text!r} is not a process id", "`ps` lists them")
    try:
        # The name in brackets may hold blanks and brackets itself: count from the last one.
        after_name = Path(f"/proc/{int(text)}/stat").read_text().rpartition(")")[2].split()
    except OSError as error:
        raise wrong_usage(
            f"{flag}: no process {text} runs on this machine",
            "a grant that ends with a process needs one that has started: `ps` lists them",
        ) from error
    return int(text), int(after_name[_STARTED_FIELD - 3])


def group_of(pid: int) -> str:
    """The control group that a process has for itself and its own. Raises wrong usage where it
    shares one with this very command: then everything that is started here would belong to it."""
    from node.probes import processes
    from node.probes.sources import Roots

    group, ours = (processes.group_of(Roots(), one) for one in (pid, os.getpid()))
    if not group or f"{ours}/".startswith(f"{group}/"):
        raise wrong_usage(
            f"--group: process {pid} has no control group of its own",
            "leave it out: its children follow it all the same",
        )
    return group


def written(flags: Namespace) -> dict[str, Any]:
    """What the flags ask for, by the keys of a document; of those that were left out, nothing."""
    return {key: value for key, value in _read(flags).items() if value}


def _read(flags: Namespace) -> dict[str, Any]:
    cores = flags.cpu
    if cores is not None and cores.replace(".", "", 1).isdigit():
        cores = f"{cores} cores"  # the flag says CORES, so a bare number is no guess here
    return {
        "ram": flags.ram,
        "memory": flags.memory,
        "cpu": cores,
        "gpus": flags.gpus,
        "disks": flags.disks,
        "slots": flags.slots,
        "os": flags.os,
        "arch": flags.arch,
        "tools": flags.tools,
        "labels": _labels(flags.labels or []),
        "node": flags.node,
        "objective": flags.objective,
        "engines": flags.engines,
        "prefer": flags.prefer,
        "avoid": flags.avoid,
        "despite_failures": flags.despite_failures,
        "workload": flags.work,
        "near": _near(flags),
    }


def _tell_units(written: dict[str, Any]) -> None:
    """GB are read and GiB are shown: whoever wrote the one is told once what it is in the other."""
    said = [written.get("ram"), written.get("memory"), *written.get("gpus", ())]
    found = [
        word for text in (*said, *written.get("disks", ())) for word in _DECIMAL.findall(text or "")
    ]
    if found:
        from placement.amounts import format_bytes, parse_bytes

        told = [f"{word} is {format_bytes(parse_bytes(word))}" for word in dict.fromkeys(found)]
        tell(clean(f"note: {', '.join(told)}: GB count by 1000, and GiB, as shown here, by 1024"))


def _near(flags: Namespace) -> str | None:
    if flags.near is None:
        return None
    if flags.objective is not None:
        raise wrong_usage("--near ranks by the way to the data", "leave out --objective")
    from node.cli.near_data import located

    return located(flags.near, elsewhere=bool(getattr(flags, "peer", None)))


def _labels(written: list[str]) -> dict[str, str]:
    from node.config import read_label

    labels: dict[str, str] = {}
    for entry in written:
        try:
            key, value = read_label(entry)
        except ValueError as error:
            raise wrong_usage(f"--label: {error}") from error
        if labels.setdefault(key, value) != value:
            raise wrong_usage(
                f"--label: {key} is asked to be {labels[key]!r} and {value!r}: a node says one",
                "ask twice, once for each",
            )
    return labels


def _check(written: dict[str, Any]) -> None:
    from placement.asking.documents import request_from_document
    from placement.request import RequestError

    try:
        # Any asker will do: this checks how it is written, not who writes it.
        request_from_document(written, asker="here")
    except RequestError as error:
        raise wrong_usage(_flag_named(str(error))) from error


def _flag_named(sentence: str) -> str:
    from placement.asking.documents import KEYS

    key, colon, rest = sentence.partition(":")
    # What is wrong with the whole is said as it is.
    return f"--{_FLAGS.get(key, key)}{colon}{rest}" if key in KEYS else sentence
