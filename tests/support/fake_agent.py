"""An agent that is nothing but its local API: the contract of `node.core.requests`, canned.

It reads each line with the real decoder, so a command that sends what no agent would take is
refused here as well, and answers with bodies in the documented shapes. `heard` keeps every request.
"""

import contextlib
import json
import socket
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, Self

import msgspec

from node.core.requests import Refused, decode_request

Line = dict[str, Any]

NODE_ID = "aaaaaaaabbbbbbbbccccccccdd"
PEER_ID = "eeeeeeeeffffffffgggggggghh"
HOLD_ID = "0123456789abcdef0123456789abcdef"
GIB = 1 << 30


class FakeAgent:
    """Serves `<state>/agent.sock` from a thread. Use as a context manager."""

    def __init__(self, state: Path, answers: dict[str, Any] | None = None) -> None:
        """`answers`: request type → body, Refused, or a list of raw lines (bytes) to send."""
        self.heard: list[Line] = []
        self._answers = {**BODIES, **(answers or {})}
        state.mkdir(parents=True, exist_ok=True)
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(str(state / "agent.sock"))
        self._listener.listen(16)
        self._thread = threading.Thread(target=self._serve, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()

    def say(self, kind: str, body: Line) -> None:
        """From now on, answer `kind` with `body`."""
        self._answers[kind] = body

    def _serve(self) -> None:
        while True:
            try:
                link, _address = self._listener.accept()
            except OSError:
                return
            # Whoever asked may be gone before it is answered: that ends its link and nothing else.
            with contextlib.suppress(ConnectionError), link, link.makefile("rwb") as file:
                line = file.readline()
                if line:
                    self._answer(line, file.write)
                file.flush()

    def _answer(self, line: bytes, write: Callable[[bytes], object]) -> None:
        try:
            request = decode_request(line)
        except Refused as refused:
            write(_line({"refused": refused.body}))
            return
        plain: Line = msgspec.to_builtins(request)
        self.heard.append(plain)
        answer = self._answers[plain["type"]]
        if isinstance(answer, list):
            for raw in answer:
                write(raw)
        elif isinstance(answer, Refused):
            write(_line({"refused": answer.body}))
        else:
            write(_line({"ok": answer}))


def progress(sentence: str, **more: Any) -> bytes:
    """A progress line."""
    return _line({"progress": {"sentence": sentence, **more}})


def ok(body: Line) -> bytes:
    """The last line of a yes."""
    return _line({"ok": body})


def _line(value: Line) -> bytes:
    return json.dumps(value).encode() + b"\n"


def peer(**changes: Any) -> Line:
    """One row of the roll."""
    row: Line = {
        "id": PEER_ID, "name": "bob", "trust": "trusted", "liveness": "alive",
        "address": "10.0.0.2:4653", "heard_ms_ago": 400, "epoch": 2,
        "facts": {"inventory": 5, "live": 9, "standing": 4}, "log": {"era": 1, "height": 12},
        "standing": "open",
    }  # fmt: skip
    return {**row, **changes}


STATUS: Line = {
    "node": {
        "id": NODE_ID, "name": "ann", "epoch": 3, "version": "0.1.0", "uptime_ms": 7_380_000,
        "state_folder": "/tmp/ann",
    },
    "mesh": {"id": "0011223344556677", "key_id": "89abcdef", "address": "10.0.0.1:4653"},
    "standing": {"state": "quarantine", "reason": "the marker is gone", "remaining_ms": 21_000},
    "peers": [peer(), peer(id=NODE_ID[::-1], name="cid", liveness="suspect", log=None,
                           heard_ms_ago=None, address=None, standing=None, facts={})],
    "holds": {
        "live": 1,
        "pools": [
            {"pool": "ram", "kind": "ram", "unit": "bytes", "total": 8 * GIB, "promised": 4 * GIB,
             "room": 3 * GIB, "state": "open"},
            {"pool": "cpu", "kind": "cpu", "unit": "millicores", "total": 4000, "promised": 0,
             "room": None, "state": "unknown"},
        ],
    },
    "log": {"era": 3, "height": 41, "head": "f0" * 32},
    "warnings": ["UDP port 5353 is taken"],
    "rejections": {"bad tag": 7},
}  # fmt: skip

METRIC: Line = {"value": 8, "unit": "", "source": "os", "status": "ok", "note": ""}
UNREAD: Line = {"value": None, "unit": "C", "source": "sysfs", "status": "unknown", "note": "none"}

FACTS: Line = {
    "nodes": [
        {
            "id": NODE_ID, "name": "ann", "liveness": "alive",
            "inventory": {
                "hostname": "ann", "os": "linux", "os_version": "12", "kernel": "6.1",
                "arch": "x86_64", "cpu_model": {**METRIC, "value": "Some CPU"},
                "cores_logical": METRIC, "cores_physical": {**METRIC, "value": 4},
                "memory_total": {**METRIC, "value": 8 * GIB, "unit": "bytes"},
                "pools": [{"pool": "ram", "kind": "ram", "unit": "bytes", "total": 8 * GIB,
                           "system_reserve": GIB // 2, "label": "main memory", "source": "os"}],
                "gpus": [{"uuid": "GPU-1", "vendor": "nvidia", "model": "H1", "pool": "gpu:GPU-1",
                          "memory_total": None, "driver": None, "capability": None,
                          "unified": False}],
                "volumes": [{"mount": "/", "device": "/dev/sda1", "filesystem": "ext4",
                             "kind": "ssd", "total": 100 * GIB, "pool": "disk:/"}],
                "tools": [{"name": "git", "path": "/usr/bin/git", "version": "2.40"}],
                "addresses": [{"host": "10.0.0.1", "interface": "eth0", "kind": "ethernet"}],
                "labels": {"room": "attic"}, "share": None, "fingerprint": None, "boot": None,
                "version": "0.1.0", "cpu_features": ["avx2"],
                "interfaces": [{"name": "eth0", "kind": "ethernet", "up": True,
                                "speed_mbps": 1000, "mtu": 1500}],
                "runtimes": {"init": {**METRIC, "value": "systemd", "unit": "name"}},
            },
            "live": {
                "pools": {"ram": {"free": 5 * GIB, "used": {HOLD_ID: GIB}, "foreign": 2 * GIB,
                                  "source": "meminfo"}},
                "metrics": {"cpu_percent": {**METRIC, "value": 12.5, "unit": "%"},
                            "temperature_max": UNREAD},
            },
            "models": None,
            "standing": {"state": "open", "reason": "", "remaining_ms": None},
            "ages_ms": {"inventory": 60_000, "live": 3_400, "standing": 60_000},
            "versions": {"inventory": 1, "live": 2, "standing": 1},
        }
    ]
}  # fmt: skip

DECISION: Line = {
    "chosen": {"node": PEER_ID, "name": "bob", "verdict": "fits"}, "runners_up": [],
    "passed_over": [], "counts": [],
}  # fmt: skip
WHERE: Line = {
    "decision": DECISION, "digest": "d" * 64, "view": {PEER_ID: {"live": "9"}},
    "ages_ms": {"bob": {"live": 400}}, "text": ["bob fits: 3 GiB of room"], "bytes": "{}",
}  # fmt: skip

RESERVED: Line = {
    "id": HOLD_ID, "owner": {"id": PEER_ID, "name": "bob"}, "state": "posted",
    "legs": [{"pool": "ram", "amount": 4 * GIB, "unit": "bytes"}], "kind": "booking",
    "term_ms": 7_200_000, "remaining_ms": 7_199_000, "token": [1, 12, 0], "receipts": ["00"],
    "stored_on": ["ann"], "tried": [], "warnings": ["bob's clock is a year off"],
    "environment": f"HOLDFAST_HOLD={HOLD_ID}", "starts_at_ms": None,
}  # fmt: skip

HOLD: Line = {
    "id": HOLD_ID, "owner": {"id": PEER_ID, "name": "bob", "liveness": "alive"}, "state": "posted",
    "kind": "booking", "legs": [{"pool": "ram", "amount": 4 * GIB, "unit": "bytes", "used": 0}],
    "principal": "ann", "label": "nightly", "holder": {"id": NODE_ID, "name": "ann"},
    "term_ms": 7_200_000, "remaining_ms": None, "as_of": {"era": 1, "height": 12}, "age_ms": 400,
    "tied": False, "note": "",
}  # fmt: skip

BODIES: dict[str, Any] = {
    "status": STATUS,
    "facts": FACTS,
    "where": WHERE,
    "plan": {"jobs": [{**WHERE, "plan": "plan1-abcd"}], "ages_ms": {}},
    "reserve": RESERVED,
    "post": RESERVED,
    "forgive": {"workload": "inference", "forgotten": 2},
    "adopt": {"id": HOLD_ID, "owner": {"id": NODE_ID, "name": "ann"}, "pid": 1, "pid_started": 7,
              "kind": "booking", "again": False,
              "legs": [{"pool": "ram", "amount": 4 * GIB, "unit": "bytes"}]},
    "release": {"id": HOLD_ID, "owner": {"id": PEER_ID, "name": "bob"}, "outcome": "released",
                "detail": ""},
    "holds": {"holds": [HOLD]},
    "ledger_show": {
        "author": {"id": NODE_ID, "name": "ann"},
        "blocks": [{"era": 1, "height": 0, "hash": "ab" * 32, "previous": "00" * 32,
                    "entries": [{"kind": "hold", "id": HOLD_ID, "term_ms": 7_200_000,
                                 "legs": [{"pool": "ram", "amount": GIB}]}]}],
        "balances": [{"account": "pool", "pool": "ram", "debits_pending": 0, "debits_posted": GIB,
                      "credits_pending": 0, "credits_posted": 8 * GIB, "state": "open"},
                     {"account": "lease", "pool": "ram", "debits_pending": 0, "debits_posted": 0,
                      "credits_pending": 0, "credits_posted": GIB, "state": "open"},
                     {"account": "supply", "pool": "ram", "debits_pending": 0,
                      "debits_posted": 8 * GIB, "credits_pending": 0, "credits_posted": 0,
                      "state": "open"}],
    },
    "ledger_verify": {
        "logs": [{"author": {"id": NODE_ID, "name": "ann"}, "blocks": 4, "entries": 9,
                  "holds_live": 1, "era": 1, "height": 3, "head": "cd" * 32, "ok": True,
                  "problem": None}],
        "ok": True,
    },
    "invite": {"invite": "hfi1-abcd-efgh", "expires_ms": 3_600_000,
               "addresses": ["10.0.0.1:4653"]},
    "doctor": {
        "checks": [
            {"name": "journal", "ok": True, "sentence": "verified, 41 blocks", "hint": ""},
            {"name": "multicast", "ok": False, "sentence": "not permitted on eth0",
             "hint": "broadcast is used instead"},
            {"name": "clock", "ok": None, "sentence": "not compared yet", "hint": "wait"},
        ],
        "rejections": {"bad tag": 7},
        "interfaces": [{"name": "eth0", "kind": "ethernet", "addresses": ["10.0.0.1"],
                        "beacons_sent": 12, "beacons_heard": 0, "problem": "no multicast"}],
        "peers": [{"name": "bob", "id": PEER_ID, "beacon_heard": 3_200, "session": True,
                   "last_probe_ms": 0, "address": "10.0.0.2:4653", "problem": ""}],
    },
    "open_bookings": {"standing": {"state": "open", "reason": "", "remaining_ms": None}},
    "leave": {"left": True},
}  # fmt: skip
