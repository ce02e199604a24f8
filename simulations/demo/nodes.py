"""Real agents as a story needs them: started, asked, killed, started again."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final, TypeVar

from simulations.demo.places import Place

T = TypeVar("T")
COMMAND: Final = Path(sys.executable).with_name("holdfast")
POLL_SECONDS: Final = 0.02
ANSWER_SECONDS_MAX: Final = 60.0


class StepFailed(AssertionError):
    """A step of the story did not hold. The sentence says which and what was seen."""


@dataclass(slots=True)
class Node:
    """One agent: its folders, its place, and the process of now."""

    name: str
    place: Place
    state: Path
    runtime: Path
    machine: Path
    offer: str
    command: tuple[str, ...] = (str(COMMAND),)
    """The agent's program: ours, or one that a test has bent."""
    process: subprocess.Popen[bytes] | None = None
    paused: bool = False
    log: Path = field(init=False)

    def __post_init__(self) -> None:
        self.log = self.state.with_suffix(".log")

    @property
    def environment(self) -> dict[str, str]:
        kept = {key: value for key, value in os.environ.items() if not key.startswith("HOLDFAST_")}
        return kept | {
            "HOLDFAST_RUNTIME_DIR": str(self.runtime),
            "HOLDFAST_MACHINE_DIR": str(self.machine),
        }

    def start(self, *flags: str, verb: tuple[str, ...] = ("up",)) -> None:
        """Start the agent, as anyone would: `holdfast up`, or another `verb`."""
        argv = [
            *self.place.prefix, *self.command, "--state", str(self.state), *verb,
            "--name", self.name, "--offer", self.offer, *self.place.flags, *flags,
        ]  # fmt: skip
        self.paused = False
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log, stderr=log, env=self.environment
            )

    def kill(self) -> None:
        """SIGKILL: no goodbye, no last write."""
        assert self.process is not None
        self.process.kill()
        self.process.wait()
        self.process = None

    def pause(self) -> None:
        """SIGSTOP: it stands still, and what is sent to it waits."""
        assert self.process is not None
        self.process.send_signal(signal.SIGSTOP)
        self.paused = True

    def resume(self) -> None:
        """SIGCONT: it goes on, and finds that time has passed. Nothing when it is gone."""
        if self.process is not None:
            self.process.send_signal(signal.SIGCONT)
        self.paused = False

    def stop(self) -> None:
        """SIGTERM, as a person or a service manager would."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    def forget_marker(self) -> None:
        """What a power cut does: the volatile proof of continuity is gone."""
        for marker in self.runtime.glob("**/marker-*"):
            marker.unlink()

    def lines(self, **request: Any) -> Iterator[dict[str, Any]]:
        """Everything the agent says to one request of the local API, as it comes."""
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as door:
            door.settimeout(ANSWER_SECONDS_MAX)
            door.connect(str(self.state / "agent.sock"))
            door.sendall(json.dumps(request).encode() + b"\n")
            with door.makefile("rb") as lines:
                for line in lines:
                    yield json.loads(line)

    def ask(self, **request: Any) -> dict[str, Any]:
        """The last line: {"ok": …} or {"refused": …}."""
        last: dict[str, Any] = {}
        for line in self.lines(**request):
            last = line
            if "progress" not in line:
                return line
        raise StepFailed(f"{self.name} closed the door in the middle of {request}: {last}")

    def granted(self, **request: Any) -> dict[str, Any]:
        """The body of an answer that must be a yes."""
        answer = self.ask(**request)
        if "ok" not in answer:
            raise StepFailed(f"{self.name} refused {request}: {answer}")
        body: dict[str, Any] = answer["ok"]
        return body

    def answers(self) -> bool:
        """Whether its door is open."""
        try:
            return "ok" in self.ask(type="status")
        except (OSError, json.JSONDecodeError, StepFailed):
            if self.process is not None and self.process.poll() is not None:
                told = self.log.read_text(errors="replace")[-2000:]
                raise StepFailed(f"{self.name} ended by itself:\n{told}") from None
            return False


def until(what: str, look: Callable[[], T], seconds_max: float) -> tuple[T, float]:
    """Look again and again until it is true; what was seen, and after how many seconds."""
    began = time.perf_counter()
    while True:
        seen = look()
        took = time.perf_counter() - began
        if seen:
            return seen, took
        if took > seconds_max:
            raise StepFailed(f"after {seconds_max:g} s still not so: {what}")
        time.sleep(POLL_SECONDS)
