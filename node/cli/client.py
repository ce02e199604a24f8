"""Asking the agent on this machine: one JSON line down a Unix socket, JSON lines back.

Written on the bare socket because the command's start-up is a promise; the other end is
`node/shell/local`. An answer is any number of `{"progress": …}` lines and one `{"ok": …}` or
`{"refused": …}`. Everything that can go wrong between the two ends gets its own sentence, since
"connection refused" tells nobody what to do.
"""

import errno
import json
import socket
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, TypeAlias

from node.cli.exits import NO_AGENT, Unable, refused

SOCKET_NAME: Final = "agent.sock"
ANSWER_BYTES_MAX: Final = 64 * 1024 * 1024
"""`where --all` over 10,000 nodes is some 10 MiB; an agent that sends more is not well."""
READ_BYTES: Final = 64 * 1024
SILENCE_SECONDS_MAX: Final = 30.0
"""An agent with nothing to say still answers at once; one that waits for others says so."""

Body: TypeAlias = dict[str, Any]


def ask(
    state: Path,
    request: Body,
    on_progress: Callable[[Body], None] | None = None,
    silence_seconds: float | None = SILENCE_SECONDS_MAX,
) -> Body:
    """The `ok` body. Raises Unable: no agent (3), or the agent's own refusal."""
    for line in stream(state, request, silence_seconds):
        if "progress" in line:
            if on_progress is not None:
                on_progress(line["progress"])
        else:
            return ended(line)
    raise _stopped_mid_answer(state)


def ended(line: Body) -> Body:
    """The last line of an answer: its `ok` body, or Unable with the refusal."""
    if isinstance(line.get("ok"), dict):
        body: Body = line["ok"]
        return body
    if isinstance(line.get("refused"), dict):
        raise refused(line["refused"])
    raise Unable("bad_answer", "the agent's answer is neither a yes nor a no", _VERSIONS_HINT)


def stream(state: Path, request: Body, silence_seconds: float | None) -> Iterator[Body]:
    """Every line of the answer, as it comes. Ends when the agent closes."""
    path = state / SOCKET_NAME
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(silence_seconds)
        try:
            link.connect(str(path))
            link.sendall(json.dumps(request).encode() + b"\n")
            yield from _lines(link)
        except TimeoutError as error:
            raise Unable(
                "timeout",
                f"the agent on {state} has said nothing for {silence_seconds:g} s",
                "it may be stopped or overloaded: look at its log, or start it again",
            ) from error
        except OSError as error:
            raise _unreachable(state, path, error) from error


def running(state: Path) -> bool:
    """Whether somebody listens on the socket of this state folder."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as link:
        link.settimeout(SILENCE_SECONDS_MAX)
        try:
            link.connect(str(state / SOCKET_NAME))
        except OSError:
            return False
        return True


def _lines(link: socket.socket) -> Iterator[Body]:
    waiting = bytearray()
    while piece := link.recv(READ_BYTES):
        waiting += piece
        *whole, rest = waiting.split(b"\n")
        for line in whole:
            if line.strip():
                yield _parsed(line)
        waiting = bytearray(rest)
        if len(waiting) > ANSWER_BYTES_MAX:
            raise Unable("bad_answer", f"the agent's answer is over {ANSWER_BYTES_MAX} bytes")
    if waiting.strip():
        raise Unable("cut_short", "the agent stopped in the middle of its answer", _AGAIN_HINT)


def _parsed(line: bytes | bytearray) -> Body:
    try:
        parsed = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Unable("bad_answer", "the agent's answer is not JSON", _VERSIONS_HINT) from error
    if not isinstance(parsed, dict):
        raise Unable("bad_answer", "the agent's answer is not an object", _VERSIONS_HINT)
    return parsed


def no_agent(state: Path) -> Unable:
    """Nobody is home."""
    return Unable(
        "no_agent",
        f"no agent runs on this state folder ({state}): start one with `holdfast up`",
        "or name another agent's folder with --state or HOLDFAST_STATE",
        NO_AGENT,
    )


def _unreachable(state: Path, path: Path, error: OSError) -> Unable:
    if error.errno in (errno.ENOENT, errno.ECONNREFUSED, errno.ENOTDIR):
        return no_agent(state)
    if error.errno in (errno.EACCES, errno.EPERM):
        return Unable(
            "not_permitted",
            f"this user may not speak to the agent at {path}",
            "ask as the user who started it: its socket is open to that user alone",
            NO_AGENT,
        )
    if error.errno in (errno.ECONNRESET, errno.EPIPE):
        return _stopped_mid_answer(state)
    if "too long" in str(error):
        return Unable(
            "path_too_long",
            f"the path of the agent's socket is too long for this system: {path}",
            "choose a shorter state folder with --state",
            NO_AGENT,
        )
    return Unable("no_agent", f"cannot reach the agent at {path}: {error}", "", NO_AGENT)


def _stopped_mid_answer(state: Path) -> Unable:
    return Unable("cut_short", f"the agent on {state} stopped before it had answered", _AGAIN_HINT)


_AGAIN_HINT: Final = "whether the request took effect is not known: `holdfast holds` shows it"
_VERSIONS_HINT: Final = "the command and the agent may be of different versions: start it again"
