"""`holdfast events`: what happened on this node, and what happens."""

import json
from argparse import Namespace
from collections.abc import Sequence
from typing import Any, Final

from node.cli import client
from node.cli.asks import term_ms
from node.cli.exits import YES, Unable, wrong_usage
from node.cli.render import age, clean, say
from node.cli.settings import state_of

KIND_WIDTH_CHARS: Final = 16


def run(flags: Namespace) -> int:
    """Print what is kept; with --follow go on until stopped. One line per event."""
    _check_kinds(flags.kinds or ())
    since = None if flags.since is None else term_ms(flags.since, "--since")
    request = {
        "type": "events",
        "follow": flags.follow,
        "since_ms": 0 if flags.follow and since is None else since,
    }
    silence = None if flags.follow else client.SILENCE_SECONDS_MAX
    for line in client.stream(state_of(flags), request, silence):
        if "progress" in line:
            _tell(line["progress"], flags)
        else:
            client.ended(line)
            return YES
    if not flags.follow:
        raise Unable("cut_short", "the agent stopped in the middle of its answer")
    raise Unable("cut_short", "the agent has stopped", "`holdfast up` starts it again")


def _check_kinds(wanted: Sequence[str]) -> None:
    """A kind that is never told would be waited for in vain."""
    from node.core.catalogue import KINDS  # here: the other commands do without it

    for kind in wanted:
        if not any(_is_of(known, kind) for known in KINDS):
            first = sorted({known.split(".")[0] for known in KINDS})
            raise wrong_usage(f"--kind: {kind!r} is no kind of event", f"one of {', '.join(first)}")


def _tell(event: dict[str, Any], flags: Namespace) -> None:
    kind = str(event.get("kind", ""))
    if flags.kinds and not any(_is_of(kind, wanted) for wanted in flags.kinds):
        return
    if flags.json:
        say(json.dumps(event, sort_keys=True))
        return
    when = clean(str(event.get("at", ""))[:19].replace("T", " "))
    told = clean(event.get("sentence", ""))
    ago = "" if flags.follow else f"  ({age(event.get('age_ms'))})"
    say(f"{when}Z  {clean(kind):<{KIND_WIDTH_CHARS}}  {told}{ago}")


def _is_of(kind: str, wanted: str) -> bool:
    """`peer` means `peer.alive` too."""
    return kind == wanted or kind.startswith(f"{wanted}.")
