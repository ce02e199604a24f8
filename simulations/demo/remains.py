"""What a demo leaves on the machine, and how it is taken away again: at its end, or later."""

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

import msgspec

KEPT: Final = Path(".demo/kept.json")
STOP_SECONDS_MAX: Final = 10.0


class Remains(msgspec.Struct, frozen=True):
    """Processes, folders and network namespaces of one demo."""

    pids: tuple[int, ...]
    folders: tuple[str, ...]
    namespaces: tuple[str, ...]

    def keep(self) -> None:
        """Note them for a later `clear`."""
        KEPT.parent.mkdir(exist_ok=True)
        KEPT.write_bytes(msgspec.json.encode(self))

    def clear(self) -> None:
        """End the agents, with a goodbye where they still can; then everything of theirs."""
        for pid in self.pids:
            _signal(pid, signal.SIGTERM)
        deadline = time.perf_counter() + STOP_SECONDS_MAX
        while any(_runs(pid) for pid in self.pids) and time.perf_counter() < deadline:
            time.sleep(0.05)
        for pid in self.pids:
            _signal(pid, signal.SIGKILL)
        for namespace in self.namespaces:
            subprocess.run(["ip", "netns", "delete", namespace], check=False, capture_output=True)
        for folder in self.folders:
            shutil.rmtree(folder, ignore_errors=True)


def clear_kept() -> str:
    """Take away what `make demo KEEP=1` left; a sentence on what was done."""
    if not KEPT.exists():
        return "no demo was kept here"
    remains = msgspec.json.decode(KEPT.read_bytes(), type=Remains)
    remains.clear()
    KEPT.unlink()
    return f"stopped {len(remains.pids)} agents and removed their folders"


def _signal(pid: int, number: signal.Signals) -> None:
    if _runs(pid):
        os.kill(pid, number)


def _runs(pid: int) -> bool:
    """Whether it is one of our agents and still running: a pid may belong to a stranger by now."""
    try:
        waited, _ = os.waitpid(pid, os.WNOHANG)
        if waited == pid:
            return False
    except ChildProcessError:
        pass  # started by an earlier process: nobody here waits for it
    try:
        return b"holdfast" in Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return False
