"""The other process: one `holdfast simulate --serve`, one line to it, one line back."""

from __future__ import annotations

import contextlib
import json
import queue
import shlex
import shutil
import subprocess
import tempfile
import threading
from typing import IO, Any

from .errors import NotInstalled, ServiceLost, error_of

PROTOCOL = 1
INSTALL = (
    "install Holdfast (`pipx install .` or `uv tool install .` in a copy of its repository), or "
    "say where it is: `--holdfast-command=/path/to/holdfast`, or "
    "`holdfast_command` in pytest's ini file"
)
GOODBYE_SECONDS = 5.0
STDERR_BYTES_SHOWN = 2000


class Service:
    """One process. It ends when its stdin closes, so it never outlives the tests."""

    def __init__(self, command: str, patience: float) -> None:
        """`command`: as a shell would read it. `patience`: seconds of real time per answer."""
        self._patience = patience
        self._stderr: IO[bytes] = tempfile.TemporaryFile()  # noqa: SIM115 - until `close`
        self._process = _started(command, self._stderr)
        self._lines: queue.Queue[bytes] = queue.Queue()
        self._reader = threading.Thread(target=self._read, name="holdfast", daemon=True)
        self._reader.start()
        self._last_id = 0
        self._last_cluster = 0
        self.alive = True
        hello = self._line()
        if hello.get("protocol") != PROTOCOL:
            self.close()
            raise ServiceLost(
                f"{command} speaks protocol {hello.get('protocol')!r}, this plugin {PROTOCOL}: "
                "upgrade the older of the two"
            )
        self.version = str(hello.get("holdfast"))

    def cluster_name(self) -> str:
        """A name that no cluster of this process has had."""
        self._last_cluster += 1
        return f"c{self._last_cluster}"

    def say(self, do: str, **fields: Any) -> dict[str, Any]:
        """One command. What came back, or what is said no with, raised."""
        if not self.alive:
            raise ServiceLost("the simulator has ended: an error before this one says why")
        self._last_id += 1
        line = json.dumps({"id": self._last_id, "do": do, **fields}).encode() + b"\n"
        stdin = self._process.stdin
        assert stdin is not None
        try:
            stdin.write(line)
            stdin.flush()
        except OSError as error:
            raise self._lost(f"the simulator reads nothing more ({error})") from error
        answer = self._line()
        if answer.get("id") != self._last_id:
            raise self._lost(f"the simulator answered {answer.get('id')!r} to {self._last_id}")
        if not answer.get("ok"):
            raise error_of(answer.get("error") or {})
        return answer

    def close(self) -> None:
        """The end of its stdin, and of the process."""
        self.alive = False
        process = self._process
        if process.stdin is not None:
            with contextlib.suppress(OSError):  # it ended first, with a line of ours unread
                process.stdin.close()
        try:
            process.wait(GOODBYE_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        self._reader.join()
        if process.stdout is not None:
            process.stdout.close()
        self._stderr.close()

    # Lines ---------------------------------------------------------------------------------------

    def _read(self) -> None:
        stdout = self._process.stdout
        assert stdout is not None
        for line in stdout:
            self._lines.put(line)
        self._lines.put(b"")

    def _line(self) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=self._patience)
        except queue.Empty:
            self._process.kill()
            raise self._lost(
                f"the simulator gave no answer for {self._patience:g} s of real time "
                "(`holdfast_timeout` in pytest's ini file allows more)"
            ) from None
        try:
            answer = json.loads(line) if line else None
        except ValueError:
            answer = None
        if not isinstance(answer, dict):
            raise self._lost("the simulator ended" if not line else "that was no answer")
        return answer

    def _lost(self, sentence: str) -> ServiceLost:
        self.alive = False
        self._process.kill()
        self._process.wait()
        self._stderr.seek(0)
        said = self._stderr.read()[-STDERR_BYTES_SHOWN:].decode(errors="replace").strip()
        return ServiceLost(sentence + (f"; it said: {said}" if said else ""))


def _started(command: str, stderr: IO[bytes]) -> subprocess.Popen[bytes]:
    words = shlex.split(command)
    program = shutil.which(words[0]) if words else None
    if program is None:
        raise NotInstalled(f"there is no command {command!r}: {INSTALL}")
    return subprocess.Popen(
        [program, *words[1:], "simulate", "--serve"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=stderr,
        start_new_session=True,  # Ctrl-C is for pytest; we end with our stdin
    )  # fmt: skip
