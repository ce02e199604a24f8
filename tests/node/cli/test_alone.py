"""With no agent running, this machine alone is the mesh, and its journal counts."""

import base64
import json
from collections.abc import Callable
from pathlib import Path
from random import Random

import pytest

from ledger.commands import GrantKind, Leg
from ledger.entries import (
    BookingsOpened,
    Entry,
    EraOpened,
    Held,
    OpenedBy,
    Posted,
    Provisioned,
    encode_entry,
)
from ledger.proving.blocks import encode_receipt
from mesh.identity import Epoch, Identity, id_text
from mesh.letters.wire import block_bytes
from mesh.logs import NO_BLOCK, Block, Era, receipt_for, seal_block
from mesh.persistence import SPACE_BLOCK, Write
from node.shell.disk.journal import Journal
from node.shell.disk.state import StateFolder
from tests.node.cli.conftest import Ran
from tests.support.fake_agent import FACTS

Run = Callable[..., Ran]
GIB = 1 << 30
HOLD = bytes(range(16))


def _log(identity: Identity, amount: int) -> Block:
    """One block that promises `amount` of RAM and all of the booking's receipts."""
    era = Era(1, bytes(16))
    holder = identity.id
    entries: list[Entry] = [
        EraOpened(era, Epoch(1, bytes(16)), None, "first start", None, True),
        Provisioned((Leg("ram", 1 << 50),)),
        BookingsOpened(OpenedBy.FIRST, "first start"),
        Held(HOLD, bytes(32), holder, (Leg("ram", amount),), GrantKind.BOOKING, 10**12, "", ""),
        Posted(HOLD),
    ]
    return seal_block(identity, era, 0, NO_BLOCK, [encode_entry(entry) for entry in entries])


def _keep(state: Path, amount: int) -> Block:
    """A state folder as a stopped agent leaves it."""
    identity, _made = StateFolder.open(state).identity()
    block = _log(identity, amount)
    journal = Journal.open(state / "journal.sqlite3")
    key = identity.id + (0).to_bytes(8, "big")
    journal.commit([Write(SPACE_BLOCK, key, block_bytes(block))])
    journal.close()
    return block


def test_where_without_an_agent_answers_for_this_machine_and_says_so(state: Path, run: Run) -> None:
    ran = run("where", "--ram", "16MiB", "--json")
    assert ran.status == 0
    assert ran.err == (
        "no agent: this machine alone, live figures of just now; in its journal 0 holds count\n"
    )
    body = json.loads(ran.out)
    assert set(body) == {"decision", "digest", "view", "ages_ms", "text", "bytes", "plan"}
    assert body["decision"] == json.loads(body["bytes"])
    assert run("where", "--ram", "16MiB").out.strip()
    assert list(state.iterdir()) == []


def test_what_nobody_has_is_a_no_with_the_missing_amount(state: Path, run: Run) -> None:
    ran = run("where", "--ram", "900TiB")
    assert ran.status == 1
    assert "not enough room" in ran.out


def test_plain_words_work_alone_too(state: Path, run: Run) -> None:
    ran = run("where", "run ollama inference on a 7b model", "--json")
    assert ran.status in (0, 1)
    assert json.loads(ran.out)["decision"]["guesses"]


def test_the_holds_in_the_journal_count(state: Path, run: Run) -> None:
    free = json.loads(run("where", "--ram", "16MiB", "--json").out)["decision"]["chosen"]
    _keep(state, amount=4 * GIB)
    before = sorted(state.iterdir())
    ran = run("where", "--ram", "16MiB", "--json")
    assert "in its journal 1 hold counts" in ran.err
    promised = json.loads(ran.out)["decision"]["chosen"]
    # The machine breathes between two looks; 4 GiB less is not breath.
    gone = free["pools"][0]["room"] - (promised["pools"][0]["room"] if promised else 0)
    assert gone > 3 * GIB
    assert sorted(state.iterdir()) == before


def test_a_machine_promised_away_has_no_room_alone_either(state: Path, run: Run) -> None:
    _keep(state, amount=1 << 50)
    assert run("where", "--ram", "16MiB").status == 1


def test_a_damaged_journal_is_named_and_nothing_is_answered(state: Path, run: Run) -> None:
    _keep(state, amount=GIB)
    journal = state / "journal.sqlite3"
    journal.write_bytes(b"x" * len(journal.read_bytes()))
    ran = run("where", "--ram", "16MiB")
    assert ran.status == 1
    assert ran.out == ""
    assert "journal" in ran.err


def test_facts_without_an_agent_have_the_shape_of_an_agents_facts(state: Path, run: Run) -> None:
    ran = run("facts", "--json")
    assert ran.status == 0
    (node,) = json.loads(ran.out)["nodes"]
    (canned,) = FACTS["nodes"]
    assert set(node) == set(canned)
    assert set(node["inventory"]) == set(canned["inventory"])
    assert set(node["inventory"]["memory_total"]) == set(canned["inventory"]["memory_total"])
    assert "memory" in run("facts").out
    assert run("facts", "nobody").status == 1
    assert list(state.iterdir()) == []


def test_doctor_without_an_agent_examines_this_machine(state: Path, run: Run) -> None:
    ran = run("doctor")
    assert ran.status == 0
    assert "no agent runs" in ran.out
    assert "pool ram" in ran.out


# A receipt needs nothing at all ------------------------------------------------------------------


@pytest.mark.parametrize("form", ["reserve --json", "a gang", "hex", "base64", "list"])
def test_a_receipt_is_verified_from_its_file_alone(
    form: str, state: Path, tmp_path: Path, run: Run
) -> None:
    block = _log(Identity(Random(3).randbytes(32)), GIB)
    raw = encode_receipt(receipt_for(block, 3))
    written = {
        "reserve --json": json.dumps({"receipts": [raw.hex()], "id": "x"}),
        "a gang": json.dumps({"id": "x", "members": [{"receipts": [raw.hex()]}] * 2}),
        "hex": raw.hex() + "\n",
        "base64": base64.b64encode(raw).decode(),
        "list": json.dumps([raw.hex(), raw.hex()]),
    }[form]
    file = tmp_path / "receipt"
    file.write_text(written)
    ran = run("ledger", "verify", "--receipt", str(file))
    assert ran.status == 0
    assert f"proven: hold of {HOLD.hex()[:10]}" in ran.out
    body = json.loads(run("ledger", "verify", "--receipt", str(file), "--json").out)
    assert body["ok"] is True
    assert body["receipts"][0]["author"] == id_text(block.author)
    entry = body["receipts"][0]["entry"]
    assert entry["legs"] == [{"pool": "ram", "amount": GIB, "unit": "bytes"}]
    assert (entry["holder"], entry["term_ms"]) == (id_text(block.author), 1_000_000)


def test_a_receipt_with_any_bit_flipped_proves_nothing(
    state: Path, tmp_path: Path, run: Run
) -> None:
    raw = encode_receipt(receipt_for(_log(Identity(Random(3).randbytes(32)), GIB), 3))
    file = tmp_path / "receipt"
    for at in range(0, len(raw), 7):
        flipped = bytearray(raw)
        flipped[at] ^= 1 << (at % 8)
        file.write_text(flipped.hex())
        ran = run("ledger", "verify", "--receipt", str(file))
        assert (ran.status, ran.out[:3]) == (1, "NO:"), at


@pytest.mark.parametrize("content", [b"", b"not a receipt", b"{}", b"[]", b"[1]", b"\xff\xfe"])
def test_a_file_that_holds_no_receipt_is_wrong_usage(
    content: bytes, state: Path, tmp_path: Path, run: Run
) -> None:
    file = tmp_path / "receipt"
    file.write_bytes(content)
    ran = run("ledger", "verify", "--receipt", str(file))
    assert ran.status == 2
    assert "receipt" in ran.err
