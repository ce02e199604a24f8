"""`holdfast profile match WORDS`: what plain words are read as; nobody is asked."""

from argparse import Namespace
from typing import Any

from node.cli.asking import show
from node.cli.exits import NO, YES, wrong_usage
from node.cli.render import clean


def run(flags: Namespace) -> int:
    """0 when a known kind of work was read, 1 when none was."""
    import msgspec

    from placement.asking.words import read_words
    from placement.request import RequestError, encode_request

    try:
        reading = read_words(" ".join(flags.words))
    except RequestError as error:
        raise wrong_usage(str(error)) from error
    asked = msgspec.json.decode(encode_request(reading.request))
    body: dict[str, Any] = {
        "workload": reading.workload,
        "tools": list(reading.tools),
        "engines": list(reading.request.engines),
        "model": reading.request.model or None,
        "context_tokens": reading.context_tokens,
        "floor_bytes": reading.floor_bytes,
        "request": {name: value for name, value in asked.items() if value not in (None, [], "")},
        "guesses": list(reading.request.guesses),
    }
    show(flags, body, lambda _ink: _drawn(body))
    return NO if reading.workload == "unknown" else YES


def _drawn(body: dict[str, Any]) -> list[str]:
    from placement.amounts import format_bytes

    lines = [f"workload  {body['workload']}"]
    if body["tools"]:
        lines.append(f"tools     {', '.join(body['tools'])}")
    if body["engines"]:
        lines.append(f"engines   {', '.join(body['engines'])}")
    if body["model"]:
        lines.append(f"model     {clean(body['model'])}")
    if body["context_tokens"]:
        lines.append(f"context   {body['context_tokens']:,} tokens")
    if body["floor_bytes"]:
        lines.append(f"at least  {format_bytes(body['floor_bytes'])} free")
    return [*lines, *(f"guessed: {clean(guess)}" for guess in body["guesses"])]
