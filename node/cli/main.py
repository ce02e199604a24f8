"""The door: `holdfast COMMAND …`.

Check the rooms, parse, load the one module that was asked for, run it, and turn how it ended into
an exit status. Every command module has `run(flags) -> int`.
"""

import json
import os
import sys
from collections.abc import Sequence
from importlib import import_module

from node.cli.exits import INTERRUPTED, NO, YES, Unable
from node.cli.parser import build, parse
from node.cli.render import Unwritten, say, tell
from node.cli.rooms import check_rooms


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; the exit status."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    for stream in (sys.stdout, sys.stderr):
        # A machine's name may hold letters this terminal can't show; that is no reason to fail.
        getattr(stream, "reconfigure", lambda **_kept: None)(errors="replace")
    try:
        return _ended(words)
    except BrokenPipeError:
        # Whoever read us (`| head`) has seen enough.
        _stop_writing()
        return YES
    except Unwritten as error:
        _stop_writing()
        tell(f"holdfast: the answer could not be written to the standard output: {error}")
        return NO


def _ended(words: Sequence[str]) -> int:
    try:
        check_rooms()
        return _dispatch(words)
    except Unable as no:
        _explain(no, as_json="--json" in words)
        return no.status
    except KeyboardInterrupt:
        tell("stopped")
        return INTERRUPTED
    finally:
        say([])  # what argparse printed, for one, may still be on its way


def _stop_writing() -> None:
    """Python would try once more at exit, and complain once more."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _dispatch(words: Sequence[str]) -> int:
    flags = parse(build(), words)  # not kept: an agent would carry every flag of every command
    if flags.module is None:
        build().print_help()
        return YES
    command = import_module(f"node.cli.commands.{flags.module}")
    status: int = command.run(flags)
    return status


def _explain(no: Unable, as_json: bool) -> None:
    if as_json:
        say(json.dumps(no.body, sort_keys=True))
    named = no.sentence.startswith(("holdfast ", "holdfast: "))
    tell(no.sentence if named else f"holdfast: {no.sentence}")
    if no.hint:
        tell(f"  {no.hint}")


if __name__ == "__main__":
    sys.exit(main())
