"""`holdfast ledger show|history|verify|export|open`: what was promised, and the proof of it.

`verify --receipt FILE` needs neither agent nor network: a receipt carries its own proof. `open` is
a person's word against the ledger's caution, so it needs a reason, and the log keeps it.
"""

from argparse import Namespace
from typing import Any

from node.cli.asking import answer, show
from node.cli.commands.status import standing
from node.cli.entry_lines import amount_of, entry_line
from node.cli.exits import NO, YES, wrong_usage
from node.cli.render import Ink, age, clean, or_unknown, short, table

BLOCKS_SHOWN_MAX = 10_000


def run(flags: Namespace) -> int:
    """Show a log, verify all of them or one receipt, write one out; or open ours for bookings."""
    _check(flags)
    if flags.what == "open":
        return _open(flags)
    if flags.what in ("history", "export"):
        from node.cli import ledger_pages

        return (
            ledger_pages.history(flags) if flags.what == "history" else ledger_pages.export(flags)
        )
    if flags.receipt is not None:
        from node.cli import receipts

        return receipts.run(flags)
    return _show(flags) if flags.what == "show" else _verify(flags)


def _check(flags: Namespace) -> None:
    belongs = {"reason": "open", "receipt": "verify", "of": "history", "out": "export"}
    for name, what in belongs.items():
        if getattr(flags, name) is not None and flags.what != what:
            raise wrong_usage(f"--{name} goes with `ledger {what}`")


def _show(flags: Namespace) -> int:
    if not flags.last.isascii() or not flags.last.isdigit():
        raise wrong_usage(f"--last: {flags.last!r} is not a count of blocks", "as in --last 50")
    last = min(int(flags.last[:9]), BLOCKS_SHOWN_MAX)
    body = answer(flags, {"type": "ledger_show", "node": flags.about, "last": last})
    show(flags, body, lambda ink: _log_lines(body, ink))
    return YES


def _log_lines(body: dict[str, Any], ink: Ink) -> list[str]:
    author = body["author"]
    lines = [ink.bold(f"ledger of {or_unknown(author['name'])} ({short(author['id'])})")]
    lines += _standing(body, ink)
    for block in body["blocks"]:
        lines.append(
            f"era {block['era']} height {block['height']}  {short(block['hash'])}"
            f"  after {short(block['previous'])}"
        )
        lines += [f"    {entry_line(entry, body.get('names', {}))}" for entry in block["entries"]]
    return [*lines, "", *_balances(body["balances"])]


def _standing(body: dict[str, Any], ink: Ink) -> list[str]:
    """From where to where our copy goes, how old it is, and whether it adds up."""
    if "length" not in body:
        return []  # of an older agent
    old = body["age_ms"]
    heard = "not heard of since this agent began" if old is None else f"heard {age(old)}"
    begins = f"blocks {body['begins']} to {body['length'] - 1}" if body["length"] else "no block"
    said = [f"{begins}, {heard}"]
    return said if body["problem"] is None else [*said, ink.bad(clean(body["problem"]))]


def _balances(balances: list[dict[str, Any]]) -> list[str]:
    counters = ("debits_pending", "debits_posted", "credits_pending", "credits_posted")
    rows = [
        [
            clean(row["account"]), clean(row["pool"]),
            *(amount_of(row["pool"], row[name]) for name in counters), or_unknown(row["state"]),
        ]
        for row in balances
    ]  # fmt: skip
    headers = (name.replace("_", " ").upper() for name in counters)
    return [*table(("ACCOUNT", "POOL", *headers, "STATE"), rows), *_trial_balance(balances)]


def _trial_balance(balances: list[dict[str, Any]]) -> list[str]:
    """What an auditor adds up first: in each pool as much went out as came in."""
    off: dict[str, int] = {}
    for row in balances:
        out = row["debits_pending"] + row["debits_posted"]
        into = row["credits_pending"] + row["credits_posted"]
        off[row["pool"]] = off.get(row["pool"], 0) + out - into
    wrong = [f"{clean(pool)} by {amount_of(pool, abs(by))}" for pool, by in off.items() if by]
    if wrong:
        return [f"debits and credits differ: {', '.join(wrong)}"]
    return ["debits equal credits in every pool"] if off else []


def _open(flags: Namespace) -> int:
    reason = (flags.reason or "").strip()
    if not reason:
        raise wrong_usage(
            "holdfast ledger open needs --reason: bookings that only a silent peer remembers may "
            "be promised twice, and the log keeps who decided that and why",
            "as in --reason 'bob was scrapped'",
        )
    if flags.about is not None:
        raise wrong_usage("only this machine's own ledger can be opened from here")
    body = answer(flags, {"type": "open_bookings", "reason": reason})
    state, now = body["standing"]["state"], standing(body["standing"])
    headlines = {
        "open": "open for bookings; the reason is in the ledger",
        "quarantine": f"noted: bookings open when the quarantine is over ({now})",
    }
    headline = headlines.get(state, f"still not open: {now}")
    show(flags, body, lambda ink: [ink.good(headline) if state == "open" else ink.warn(headline)])
    return YES if state in headlines else NO


def _verify(flags: Namespace) -> int:
    body = answer(flags, {"type": "ledger_verify"})
    rows = [
        [
            or_unknown(log["author"]["name"]), short(log["author"]["id"]), str(log["blocks"]),
            str(log["entries"]), str(log["holds_live"]), str(log["era"]), str(log["height"]),
            short(log["head"]), "verified" if log["ok"] else f"NO: {clean(log['problem'])}",
        ]
        for log in body["logs"]
    ]  # fmt: skip
    headers = ("OF", "ID", "BLOCKS", "ENTRIES", "LIVE HOLDS", "ERA", "HEIGHT", "HEAD", "VERDICT")
    show(flags, body, lambda _ink: table(headers, rows) or ["no log is kept here yet"])
    return YES if body["ok"] else NO
