"""`holdfast peers`: the other nodes, as this one knows them."""

import sys
from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from typing import Any, Final

from node.cli.asking import answer, show
from node.cli.exits import NO, YES, wrong_usage
from node.cli.render import (
    Ink,
    age,
    clean,
    narrowed,
    or_unknown,
    pairs,
    rate,
    short,
    table,
    tell,
    width_of,
)
from node.cli.watching import watch

ALONE: Final = "no other node is known yet: `holdfast invite` prints the line that lets one join"
HEADERS: Final = (
    "NAME", "ID", "TRUST", "LIVENESS", "HEARD", "ROUND TRIP", "ADDRESS", "STANDING", "LEDGER",
    "VERSION", "REGION",
)  # fmt: skip
EXPENDABLE: Final = ("REGION", "VERSION", "LEDGER", "ID", "TRUST", "STANDING")
"""What gives way first where the terminal is narrow; --json has it all."""


def run(flags: Namespace) -> int:
    """The roll, from `status`; or 0 when the node is kept out from now on."""
    if flags.what == "revoke":
        return _revoke(flags)
    if flags.what == "measure":
        return _measure(flags)
    if flags.what in ("trust", "untrust"):
        return _trust(flags)
    if flags.what in ("pins", "forgotten"):
        return _kept(flags)
    if flags.node is not None or flags.reason is not None:
        raise wrong_usage("`peers list` takes no node and no reason")
    if flags.watch:
        return watch(flags, partial(_peers, flags), _drawn)
    body = _peers(flags)
    show(flags, body, partial(_drawn, body))
    return YES


def _peers(flags: Namespace) -> dict[str, Any]:
    return {"peers": answer(flags, {"type": "status"})["peers"]}


def _drawn(body: dict[str, Any], _ink: Ink) -> list[str]:
    return peer_rows(body["peers"]) or [ALONE]


def _revoke(flags: Namespace) -> int:
    if flags.node is None or flags.reason is None:
        raise wrong_usage("whom, and why?", "`holdfast peers revoke NODE --reason TEXT`")
    body = answer(flags, {"type": "revoke", "node": flags.node, "reason": flags.reason})
    rows = [("revoked", f"{body['name']} ({short(body['id'])})"), ("reason", body["reason"])]
    show(flags, body, lambda _ink: pairs([(name, clean(value)) for name, value in rows]))
    tell(
        "everybody hears it from everybody, and keeps it; who knows the secret can come back under "
        "another identity: `holdfast keys` changes it"
    )
    return YES


def _measure(flags: Namespace) -> int:
    """Time the links from here. 0 when everyone asked has answered."""
    body = answer(flags, {"type": "measure", "node": flags.node})
    rows = [
        [
            clean(link["name"]), _rate(link["received_bytes_per_second"]),
            _rate(link["sent_bytes_per_second"]), "yes" if link["answered"] else "no",
        ]
        for link in body["links"]
    ]  # fmt: skip
    show(flags, body, lambda _ink: table(("PEER", "FROM IT", "TO IT", "ANSWERED"), rows))
    return YES if all(link["answered"] for link in body["links"]) else NO


def _rate(per_second: int | None) -> str:
    return or_unknown(None if per_second is None else rate(per_second))


def _trust(flags: Namespace) -> int:
    if flags.node is None or flags.reason is not None:
        raise wrong_usage("whom?", f"`holdfast peers {flags.what} NODE`")
    wish = {"type": "trust", "node": flags.node, "trusted": flags.what == "trust"}
    body = answer(flags, wish)
    rows = [
        ("trusted" if body["trusted"] else "not trusted", f"{body['name']} ({short(body['id'])})"),
        ("policy", body["policy"]),
        ("counts here", "yes" if body["counts"] else f"no: {body['why_not']}"),
    ]
    show(flags, body, lambda _ink: pairs([(name, clean(value)) for name, value in rows]))
    tell("it is so on this node alone: whom others count on is for them to say")
    return YES


def _kept(flags: Namespace) -> int:
    if flags.node is not None or flags.reason is not None:
        raise wrong_usage(f"`peers {flags.what}` takes no node and no reason")
    body = answer(flags, {"type": flags.what})
    show(flags, body, lambda _ink: _pinned(body) if flags.what == "pins" else _gone(body))
    return YES


def _pinned(body: dict[str, Any]) -> list[str]:
    pins = [[clean(pin["name"]), short(pin["id"]), "pinned", "seen first"] for pin in body["pins"]]
    listed = [
        [clean(one["name"]), short(one["id"]), "trusted" if one["trusted"] else "not trusted",
         clean(one["by"])]
        for one in body["listed"]
    ]  # fmt: skip
    told = f"policy {clean(body['policy'])}"
    rows = [*listed, *pins]
    return [told, "", *table(("NAME", "ID", "HERE", "BY"), rows)] if rows else [told]


def _gone(body: dict[str, Any]) -> list[str]:
    rows = [
        [clean(one["name"]), short(one["id"]), clean(one["by"]), clean(one["reason"])]
        for one in body["forgotten"]
    ]
    return table(("NAME", "ID", "BY", "REASON"), rows) if rows else ["nobody is forgotten"]


def peer_rows(peers: Sequence[dict[str, Any]]) -> list[str]:
    """The table of peers, as `status` shows it too."""
    rows = [
        [
            or_unknown(peer["name"]), short(peer["id"]), or_unknown(peer["trust"]),
            or_unknown(peer["liveness"]), age(peer["heard_ms_ago"]),
            _trip(peer.get("round_trip_ms")), _where(peer), _standing(peer["standing"]),
            _blocks(peer["log"]), or_unknown(peer.get("version")), clean(peer.get("region") or "-"),
        ]
        for peer in peers
    ]  # fmt: skip
    lines, dropped = narrowed(HEADERS, rows, EXPENDABLE, width_of(sys.stdout))
    helped = [
        f"{clean(peer['name'])} is reachable only by helper {clean(peer['reachable_by'])}"
        for peer in peers
        if peer.get("reachable_by")
    ]
    objections = [
        f"{clean(peer['name'])}: {clean(peer['objection'])}"
        for peer in peers
        if peer.get("objection")
    ]
    left_out = [f"too narrow for {', '.join(dropped)}"] if dropped and rows else []
    return [*lines, *helped, *objections, *left_out]


def _trip(ms: float | None) -> str:
    return or_unknown(None if ms is None else f"{ms:.1f} ms")


def _where(peer: dict[str, Any]) -> str:
    """`10.0.0.5:4653 (wifi)`: where it answered, and by which kind of interface of its own."""
    kind = peer.get("address_kind")
    return or_unknown(peer["address"]) + (f" ({clean(kind)})" if peer["address"] and kind else "")


def _standing(said: Any) -> str:
    # A peer's standing is a word or the whole body, and None before it has told us.
    word = said.get("state") if isinstance(said, dict) else said
    return or_unknown(word).replace("_", " ")


def _blocks(log: dict[str, Any] | None) -> str:
    if log is None or log.get("height") is None:
        return "none yet"
    return f"{log['height'] + 1} block{'s' if log['height'] else ''}"
