"""Lines in, lines out: `holdfast simulate --serve`.

A line that cannot be read is answered with what is wrong with it, and the next one is read; only
the end of stdin, or `bye`, ends the service. A promise that is broken ends the cluster it was
broken in, and no other: an answer is never late, doubled or left out, so a program that counts
lines is never a line behind.
"""

from collections.abc import Callable
from typing import Any, BinaryIO, Final

import msgspec

from mesh.instant import MILLISECOND
from node.cli.exits import YES
from node.config import VERSION
from simulations.results import INTERNAL, STALLED, VIOLATED
from simulations.run import CRASHES, blame
from simulations.serve import commands as say
from simulations.serve.cluster import SCRIPT_LINES_MAX, Served
from simulations.serve.commands import BadCommand, Command, read_command
from simulations.serve.looking import look
from simulations.serve.machines import befall
from simulations.serve.no import No
from simulations.serve.people import do
from simulations.verdicts import PromiseBroken, Stalled

PROTOCOL: Final = 1
"""Raised when a line that was understood no longer is, or an answer loses a field."""
LINE_BYTES_MAX: Final = 1 << 20
"""Of one command. A thousand machines, named one by one, take a fifth of it."""
CLUSTERS_MAX: Final = 64
ID_CHARS_MAX: Final = 64
AGAIN: Final = "holdfast simulate --serve < FILE, with the lines that `script` tells in FILE"

_CODES: Final = {VIOLATED: "broken", STALLED: "stalled", INTERNAL: "internal"}
_UNSCRIPTED: Final = (say.State, say.Answer, say.Transcript, say.Trace, say.Script)
"""These are answered from a cluster that stands still too, and change none."""


class Service:
    """Every cluster of one conversation."""

    def __init__(self) -> None:
        self._clusters: dict[str, Served] = {}
        self.over = False

    def hello(self) -> bytes:
        """The first line."""
        return _line({"holdfast": VERSION, "protocol": PROTOCOL, "commands": list(say.NAMES)})

    def answer(self, line: bytes) -> bytes:
        """What is said to one line; never raises."""
        said: dict[str, Any] = {"id": None}
        try:
            plain = _plain(line)
            said["id"] = _id(plain)
            command = read_command(plain)
            done = self._do(command)
            return _line(said | {"ok": True} | self._when(command) | done)
        except BadCommand as bad:
            no = No("bad_command", str(bad))
        except No as refused:
            no = refused
        return _line(said | {"ok": False, "error": no.body})

    def _when(self, command: Command) -> dict[str, Any]:
        served = self._clusters.get(command.cluster)
        return {} if served is None else {"now_ms": served.world.now // MILLISECOND}

    # Clusters ------------------------------------------------------------------------------------

    def _do(self, command: Command) -> dict[str, Any]:
        match command:
            case say.Bye():
                self.over = True
                return {}
            case say.New():
                return self._new(command)
            case say.End():
                self._found(command)
                del self._clusters[command.cluster]
                return {}
            case _:
                return self._in_cluster(self._found(command), command)

    def _found(self, command: Command) -> Served:
        served = self._clusters.get(command.cluster)
        if served is None:
            raise No("no_cluster", f"there is no cluster {command.cluster!r}: `new` makes one")
        return served

    def _new(self, command: say.New) -> dict[str, Any]:
        if command.cluster in self._clusters:
            raise No("no_cluster", f"there is a cluster {command.cluster!r}: `end` it first")
        if len(self._clusters) >= CLUSTERS_MAX:
            raise No("too_many", f"{CLUSTERS_MAX} clusters at once: `end` some")
        served = self._clusters[command.cluster] = Served(command)

        def meet() -> dict[str, Any]:
            served.meet()
            return {"nodes": list(served.world.hosts), "seed": command.seed}

        return _live(served, command, meet)

    def _in_cluster(self, served: Served, command: Command) -> dict[str, Any]:
        if isinstance(command, _UNSCRIPTED):
            return _told(served, command)
        if served.verdict is not None:
            raise No(**served.verdict)
        if len(served.script) >= SCRIPT_LINES_MAX:
            raise No("too_many", f"{SCRIPT_LINES_MAX} commands to one cluster: make another")
        return _live(served, command, lambda: _told(served, command))


def serve(lines: BinaryIO, answers: BinaryIO) -> int:
    """Answer every line until there is none, or `bye`. The exit status."""
    service = Service()
    answers.write(service.hello())
    answers.flush()
    while not service.over and (line := lines.readline(LINE_BYTES_MAX + 1)):
        whole = line
        while len(line) > LINE_BYTES_MAX and not line.endswith(b"\n"):
            line = lines.readline(LINE_BYTES_MAX + 1)  # the rest of it is no line of its own
            if not line:
                break
        if whole.strip():
            answers.write(service.answer(whole))
            answers.flush()
    return YES


# In a cluster -------------------------------------------------------------------------------------


def _told(served: Served, command: Command) -> dict[str, Any]:
    match command:
        case say.State() | say.Check() | say.Calm() | say.Transcript() | say.Trace() | say.Script():
            return look(served, command)
        case (
            say.Advance() | say.RunUntil() | say.Ask() | say.Answer() | say.HangUp() | say.Work()
            | say.EndWork()
        ):  # fmt: skip
            return do(served, command)
        case say.New() | say.End() | say.Bye():
            raise AssertionError(command)
        case _:
            return befall(served, command)


def _live(served: Served, command: Command, doing: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    """Do it and write it down. What a run may come to becomes the cluster's verdict. Raises No."""
    try:
        said = doing()
    except PromiseBroken as broken:
        _stands_still(served, VIOLATED, str(broken), promise=broken.promise)
    except Stalled as stalled:
        _stands_still(served, STALLED, str(stalled), promise=stalled.promise)
    except CRASHES as crash:
        verdict, sentences = blame(crash)
        _stands_still(served, verdict, sentences[0])
    else:
        served.script.append(msgspec.json.encode(command))
        return said
    served.script.append(msgspec.json.encode(command))
    assert served.verdict is not None
    raise No(**served.verdict)


def _stands_still(served: Served, verdict: str, sentence: str, **more: Any) -> None:
    served.transcript.tell(f"* {verdict}: {sentence}")
    served.verdict = {
        "code": _CODES[verdict],
        "sentence": sentence,
        "verdict": verdict,
        "seed": served.world.seed,
        "again": AGAIN,
        **more,
    }


# Lines --------------------------------------------------------------------------------------------


def _plain(line: bytes) -> dict[str, Any]:
    if len(line) > LINE_BYTES_MAX:
        raise No("bad_line", f"a line has at most {LINE_BYTES_MAX} bytes")
    try:
        plain = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise No("bad_line", f"that is no JSON: {error}") from error
    if not isinstance(plain, dict):
        raise No("bad_line", 'a line is a table, as in {"do": "advance", "time": "4s"}')
    return plain


def _id(plain: dict[str, Any]) -> str | int | None:
    """What the caller calls this line; it comes back with the answer."""
    name = plain.pop("id", None)
    if isinstance(name, bool) or not isinstance(name, str | int | None):
        raise No("bad_line", "id: text or a whole number, or nothing")
    if len(str(name)) > ID_CHARS_MAX:
        raise No("bad_line", f"id: at most {ID_CHARS_MAX} characters")
    return name


def _line(said: dict[str, Any]) -> bytes:
    return msgspec.json.encode(said) + b"\n"
