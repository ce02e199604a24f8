"""`holdfast ledger verify --receipt FILE`: a grant proven offline, from the file alone.

The file is what `reserve --json` printed, or receipts alone, one per line, as hex or base64.
"""

import base64
import binascii
import json
from argparse import Namespace
from pathlib import Path
from typing import Any, Final

from node.cli.asking import show
from node.cli.exits import NO, YES, wrong_usage
from node.cli.render import short

FILE_BYTES_MAX: Final = 1024 * 1024
RECEIPTS_MAX: Final = 256


def run(flags: Namespace) -> int:
    """0 when every receipt in the file proves what it says."""
    verdicts = [_verdict(raw) for raw in _receipts(Path(flags.receipt).expanduser())]
    body = {"receipts": verdicts, "ok": all(verdict["ok"] for verdict in verdicts)}
    show(flags, body, lambda _ink: [_sentence(verdict) for verdict in verdicts])
    return YES if body["ok"] else NO


def _verdict(raw: bytes) -> dict[str, Any]:
    from ledger.entries import EntryRefused
    from ledger.proving.blocks import ReceiptRefused, decode_receipt
    from mesh.identity import id_of, id_text
    from mesh.logs import check_receipt
    from node.core.entry_bodies import entry_body

    refused = {"ok": False, "problem": "it cannot be read as a receipt"}
    try:
        receipt = decode_receipt(raw)
        position = check_receipt(receipt)
        entry = entry_body(receipt.entry)
    except (ReceiptRefused, EntryRefused):
        return refused
    if position is None:
        return {"ok": False, "problem": "the signature or the path does not prove the entry"}
    return {
        "ok": True,
        "problem": None,
        "author": id_text(id_of(receipt.public)),
        "era": position.era.counter,
        "height": position.height,
        "entry": entry,
    }


def _sentence(verdict: dict[str, Any]) -> str:
    if not verdict["ok"]:
        return f"NO: {verdict['problem']}"
    entry = verdict["entry"]
    at = f"era {verdict['era']}, height {verdict['height']}"
    said = f"{entry['kind']} of {short(entry.get('id', entry.get('hold', '?')))}"
    return f"proven: {said} stands in the log of {short(verdict['author'])} at {at}"


def _receipts(path: Path) -> list[bytes]:
    try:
        with path.open("rb") as file:
            content = file.read(FILE_BYTES_MAX + 1)
        text = content.decode()
    except OSError as error:
        raise wrong_usage(f"the receipt {path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise wrong_usage(f"{path} is not text", _HINT) from error
    if len(content) > FILE_BYTES_MAX:
        raise wrong_usage(f"{path} is over {FILE_BYTES_MAX} bytes: that is no receipt", _HINT)
    written = _written(text)
    if not 1 <= len(written) <= RECEIPTS_MAX:
        raise wrong_usage(f"{path} holds {len(written)} receipts", _HINT)
    return [_bytes_of(entry, path) for entry in written]


def _written(text: str) -> list[Any]:
    try:
        parsed = json.loads(text)
    except (ValueError, RecursionError):
        return text.split()
    if isinstance(parsed, dict):
        members = parsed.get("members")
        grants = [parsed, *(members if isinstance(members, list) else ())]  # a gang has one each
        found = [grant.get("receipts") for grant in grants if isinstance(grant, dict)]
        if any(isinstance(one, list) for one in found):
            return [raw for one in found if isinstance(one, list) for raw in one]
    return list(parsed) if isinstance(parsed, list) else text.split()


def _bytes_of(written: object, path: Path) -> bytes:
    if isinstance(written, str):
        try:
            return bytes.fromhex(written)
        except ValueError:
            pass
        try:
            return base64.b64decode(written, validate=True)
        except (binascii.Error, ValueError):
            pass
    raise wrong_usage(f"{path} holds something that is no receipt", _HINT)


_HINT: Final = "it is what `holdfast reserve --json` prints, or receipts alone, one per line"
