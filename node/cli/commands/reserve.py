"""`holdfast reserve …`: take room and keep it."""

from argparse import Namespace
from typing import Any

from node.cli import when
from node.cli.asking import Body, answer, show, warn
from node.cli.asks import document, process, term_ms, token
from node.cli.exits import YES, wrong_usage
from node.cli.render import Ink, clean, legs, pairs, span

SILENCE_SECONDS_MAX = 120.0
"""An owner may wait 2 s for a copy and a quarantine tells its seconds; this is neither."""


def run(flags: Namespace) -> int:
    """Hold and post, or hold alone; with --nodes a gang."""
    if flags.nodes is not None:
        from node.cli import ganging

        return ganging.reserve(flags, _on_whose_word(flags), SILENCE_SECONDS_MAX)
    request: Body = {
        "type": "reserve",
        "ask": document(flags),
        "term_ms": term_ms(flags.duration),
        "label": flags.label_text,
        "principal": flags.principal,
        "hold_only": flags.hold,
        "require_copy": flags.require_copy,
        **({"wait_ms": term_ms(flags.wait, "--wait")} if flags.wait else {}),
        **({"priority": flags.priority} if flags.priority else {}),
        "wait_for_opening": not flags.no_wait,
        **({"start_at_ms": when.wall_ms(flags.start)} if flags.start else {}),
        **({"plan": flags.plan} if flags.plan else {}),
    }
    request |= _on_whose_word(flags)
    if flags.carried:
        if flags.duration is not None or flags.pid is not None:
            raise wrong_usage(
                "--carried stands alone: such a lease lasts while `holdfast renew` renews it",
                "leave --for and --pid out",
            )
        request["carried"] = True
    if flags.pid is not None:
        if flags.duration is not None:
            request["lasts_ms"] = request["term_ms"]
        request["pid"], request["pid_started"] = process(flags.pid)
    if "wait_ms" in request:
        from node.cli import patience

        body = patience.answer_in_time(flags, request, SILENCE_SECONDS_MAX)
    else:
        body = answer(flags, request, SILENCE_SECONDS_MAX)
    show(flags, body, lambda ink: _drawn(body, flags, ink))
    if not flags.json:
        warn(body["warnings"])
    return YES


def _on_whose_word(flags: Namespace) -> Body:
    """What an owner's policy looks at beside the principal's name."""
    said: Body = {}
    if flags.force or flags.reason:
        said["force"] = _forced(flags)
    if flags.token_file is not None:
        said["token"] = token(flags.token_file)
    return said


def _forced(flags: Namespace) -> str:
    if not (flags.force and flags.reason and flags.reason.strip()):
        raise wrong_usage(
            "--force and --reason belong together: what is forced goes on record, with its reason",
            "write --force --reason 'the demo at four'",
        )
    return str(flags.reason.strip())


def _drawn(body: Body, flags: Namespace, ink: Ink) -> list[str]:
    pid = flags.pid
    pending = body["state"] in ("held", "pending")
    headline = "held, not yet confirmed" if pending else "reserved"
    rows = [
        ("id", str(body["id"])),
        ("on", clean(body["owner"]["name"])),
        ("what", legs(body["legs"])),
        ("lasts", _lasts(body, pid, flags.duration)),
        ("left", span(body["remaining_ms"])),
        ("copies on", _copies(body)),
        ("for what runs", f"export {body['environment']} in its shell ties it to this"),
        ("give back", f"holdfast release {str(body['id'])[:10]}"),
    ]
    if body["starts_at_ms"] is not None:
        headline = headline.replace("reserved", "planned")
        rows[4] = ("starts", when.shown(body["starts_at_ms"]))
    if pid is not None:
        del rows[4:6]  # how long until the next renewal, and who else could renew: nobody's affair
    if pending:
        rows.append(("confirm with", f"holdfast post {str(body['id'])[:10]}"))
    return [ink.warn(headline) if pending else ink.good(headline), *pairs(rows)]


def _lasts(body: Body, pid: str | None, most: str | None) -> str:
    if pid is not None:
        return f"as long as process {pid} runs" + (f", {most} at most" if most else "")
    if body["kind"] == "carried":
        renew = f"holdfast renew {str(body['id'])[:10]} --every 10s"
        return f"{span(body['term_ms'])} from each renewal: {renew}"
    return f"booked for {span(body['term_ms'])}"


def _copies(body: dict[str, Any]) -> str:
    stored = body["stored_on"]
    if stored is None:
        return "its owner alone (no copy was waited for)"
    return ", ".join(clean(name) for name in stored) or "its owner alone"
