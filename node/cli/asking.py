"""What every command that asks has in common: whom to ask, and how to show the answer."""

import json
import sys
from argparse import Namespace
from collections.abc import Callable, Sequence
from typing import Any, Final

from node.cli import client
from node.cli.exits import Unable
from node.cli.progress import ProgressLine
from node.cli.render import Ink, clean, say, tell
from node.cli.settings import state_of

Body = client.Body

EXPECTED: Final = {
    "status": ("node", "mesh", "standing", "peers", "holds", "log", "warnings", "rejections"),
    "facts": ("nodes",),
    "where": ("decision", "text"),
    "where_gang": ("offer", "text"),
    "plan": ("jobs",),
    "reserve": ("id", "owner", "state", "legs", "kind", "remaining_ms", "warnings"),
    "reserve_gang": ("id", "state", "kind", "members", "remaining_ms", "starts_at_ms", "warnings"),
    "post": ("id", "owner", "state", "legs", "remaining_ms"),
    "renew": ("id", "owner", "state", "remaining_ms"),
    "extend": ("id", "owner", "term_ms", "remaining_ms"),
    "shrink": ("id", "owner", "legs"),
    "transfer": ("id", "owner", "legs", "kind", "remaining_ms", "environment"),
    "forgive": ("workload", "forgotten"),
    "adopt": ("id", "pid", "kind", "legs", "again"),
    "release": ("id", "owner", "outcome", "detail"),
    "holds": ("holds",),
    "ledger_show": ("author", "blocks", "balances"),
    "ledger_verify": ("logs", "ok"),
    "ledger_history": ("author", "entries", "next"),
    "open_bookings": ("standing",),
    "succeed": ("predecessor", "denied", "already", "kept", "broken", "planned", "silent"),
    "set_recovery": ("public",),
    "quota_list": ("quotas", "open", "silent"),
    "quota_issue": ("did", "principal", "amounts", "quotas"),
    "quota_move": ("did", "principal", "amounts", "quotas"),
    "quota_withdraw": ("did", "principal", "amounts", "quotas"),
    "quota_open": ("open",),
    "invite": ("invite", "expires_ms", "addresses"),
    "revoke": ("id", "name", "by", "reason"),
    "trust": ("id", "name", "trusted", "policy", "counts", "why_not"),
    "pins": ("policy", "pins", "listed"),
    "forget": ("id", "name", "reason", "given_up"),
    "forgotten": ("forgotten",),
    "keys": ("mesh", "keys", "nodes", "warnings"),
    "change_keys": ("change", "key", "complete", "nodes"),
    "doctor": ("checks", "rejections", "interfaces", "peers"),
    "measure": ("links",),
    "leave": (),
}
"""What we show of each answer, and so rely on."""


def answer(flags: Namespace, request: Body, silence_seconds: float | None = None) -> Body:
    """Ask the peer named by --peer, else the agent on this machine. Raises Unable."""
    if getattr(flags, "peer", None):
        from node.cli import remote

        return _whole(request, remote.ask(flags, request))
    line = ProgressLine()
    limit = silence_seconds or client.SILENCE_SECONDS_MAX
    try:
        return _whole(request, client.ask(state_of(flags), request, line, limit))
    finally:
        line.done()


def _whole(request: Body, body: Body) -> Body:
    """The body, if it is what `node.core.requests` promises; another version may differ."""
    missing = [key for key in EXPECTED[request["type"]] if key not in body]
    if missing:
        sentence = f"the answer to `{request['type']}` lacks {', '.join(missing)}"
        raise Unable("bad_answer", sentence, "compare the versions: `holdfast version` here")
    return body


def show(flags: Namespace, body: Any, draw: Callable[[Ink], Sequence[str]]) -> None:
    """The answer: one JSON object with --json, else lines for people."""
    if flags.json:
        say(json.dumps(body, sort_keys=True))
        return
    say(draw(Ink.of(sys.stdout)))


def warn(sentences: Sequence[str]) -> None:
    """What should be known beside the answer."""
    for sentence in sentences:
        tell(f"note: {clean(sentence)}")
