"""`holdfast quota`: what a principal may hold over the whole mesh, and where its rights lie."""

from argparse import Namespace
from collections.abc import Callable
from typing import Any, Final

from node.cli.asking import Body, answer, show, warn
from node.cli.exits import YES, wrong_usage
from node.cli.quota_flags import SORTS
from node.cli.render import Ink, age, amount, clean, pairs, table

EXAMPLE: Final = "as in `holdfast quota {what} alice --gpu-memory 80GB`"
SILENCE_SECONDS_MAX: Final = 15.0


def run(flags: Namespace) -> int:
    """0 when it is so."""
    what: dict[str, Callable[[Namespace], int]] = {
        "list": _list, "issue": _change, "move": _change, "withdraw": _change, "open": _open,
    }  # fmt: skip
    _check_fit(flags)
    return what[flags.what](flags)


def _check_fit(flags: Namespace) -> None:
    """A flag that another word needs is a slip, and not to be passed over."""
    belongs = {
        "source": ("move",), "target": ("move",), "also": ("issue",), "gone": ("withdraw",),
        "off": ("withdraw",),
        "reason": ("withdraw", "open"), "peer": ("list",),
    }  # fmt: skip
    names = {"source": "--from", "target": "--to"}
    for flag, words in belongs.items():
        if getattr(flags, flag) and flags.what not in words:
            said = names.get(flag, f"--{flag}")
            raise wrong_usage(f"`quota {flags.what}` takes no {said}", f"`quota {words[0]}` does")
    if flags.what in ("list", "open") and _amounts(flags):
        raise wrong_usage(f"`quota {flags.what}` takes no amounts", EXAMPLE.format(what="issue"))


def _amounts(flags: Namespace) -> dict[str, str]:
    said = {sort: getattr(flags, flag) for flag, sort in SORTS.items()}
    return {sort: text for sort, text in said.items() if text is not None}


def _list(flags: Namespace) -> int:
    body = answer(flags, {"type": "quota_list", "principal": flags.principal or ""})
    show(flags, body, lambda ink: _drawn(body, ink, flags.principal or ""))
    if not body["open"] and body["quotas"]:
        silent = "every" if body["silent"] is None else str(body["silent"])
        warn([f"rights are not spent here yet: {silent} node(s) have not shown their copy"])
    return YES


def _change(flags: Namespace) -> int:
    amounts = _amounts(flags)
    if not flags.principal or not amounts:
        raise wrong_usage("whose, and how much of what?", EXAMPLE.format(what=flags.what))
    request: Body = {
        "type": f"quota_{flags.what}", "principal": flags.principal, "amounts": amounts,
    }  # fmt: skip
    if flags.what == "issue":
        request["also"] = flags.also
    elif flags.what == "move":
        request |= {"source": flags.source or "", "target": flags.target or ""}
    else:
        request |= {
            "gone": flags.gone or "", "reason": flags.reason or "", "off": flags.off,
        }  # fmt: skip
    body = answer(flags, request, SILENCE_SECONDS_MAX)
    told = " + ".join(
        f"{clean(one['sort'])} {amount(one['amount'], one['unit'])}" for one in body["amounts"]
    )
    head = f"{body['did']}: {told}, {clean(body['principal'])}"
    show(flags, body, lambda ink: [ink.good(head), *_drawn(body, ink)])
    return YES


def _open(flags: Namespace) -> int:
    if not flags.reason:
        raise wrong_usage("why?", "`holdfast quota open --reason TEXT`")
    body = answer(flags, {"type": "quota_open", "reason": flags.reason})
    said = "rights are spent here" if body["open"] else "rights are spent once the quarantine ends"
    show(flags, body, lambda _ink: pairs([("open", said)]))
    return YES


def _drawn(body: Body, ink: Ink, of: str = "") -> list[str]:
    lines: list[str] = []
    for quota in body["quotas"]:
        lines += [*_one(quota, ink), ""]
    if lines:
        return lines[:-1]
    if of:
        return [f"nobody has issued any rights for {clean(of)}: no quota of the mesh bounds it"]
    return ["nobody has issued any rights: every principal holds what there is"]


def _one(quota: dict[str, Any], ink: Ink) -> list[str]:
    unit = quota["unit"]
    told = f"{clean(quota['principal'])}  {clean(quota['sort'])}"
    sums = [
        f"issued {amount(quota['issued'], unit)}", f"held {amount(quota['held'], unit)}",
        f"spare {amount(quota['spare'], unit)}",
    ]  # fmt: skip
    sums += [f"under way {amount(quota['in_flight'], unit)}"] if quota["in_flight"] else []
    sums += [f"lost {amount(quota['lost'], unit)}"] if quota["lost"] else []
    rows = [
        (
            clean(one["node"]["name"]) + (" (here)" if one["here"] else ""),
            amount(one["rights"], unit), amount(one["held"], unit), amount(one["spare"], unit),
            amount(one["issued"], unit) if one["issued"] else "",
            _state(one), age(one["age_ms"]),
        )
        for one in quota["at"]
    ]  # fmt: skip
    headers = ("at", "rights", "held", "spare", "issued", "state", "as of")
    moving = [
        f"{amount(one['amount'], unit)} under way from {clean(one['from']['name'])} "
        f"to {clean(one['to']['name'])}"
        for one in quota["moving"]
    ]
    return [ink.bold(told) + "  " + ", ".join(sums), *table(headers, rows), *moving]


def _state(one: dict[str, Any]) -> str:
    if one["gone"]:
        return "gone for good"
    if one["liveness"] != "alive":
        return str(one["liveness"])
    return "open" if one["open"] else "not spent yet"
