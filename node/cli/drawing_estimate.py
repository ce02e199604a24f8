"""An estimate for people: one sentence, then where it comes from."""

from collections.abc import Mapping
from typing import Any, Final

from node.cli.render import Ink, clean, table

GIB: Final = 1 << 30
GB: Final = 1_000_000_000


def lines(body: Mapping[str, Any], ink: Ink) -> list[str]:
    """The whole answer."""
    asked = body["asked"]
    quant = asked["quant"] or "as stored"
    many = f"{asked['parallel']} × " if asked["parallel"] > 1 else ""
    shown = [
        ink.bold(
            clean(f"{body['model']}, {quant}, {asked['engine']}, {many}{asked['context']:,} tokens")
        ),
        _needs(body["needs"], body["confidence"]),
    ]
    if body["parameters"]:
        active = body["active_parameters"]
        less = f", {active / GB:,.2f} active" if active < body["parameters"] * 9 // 10 else ""
        shown.append(f"{body['parameters'] / GB:,.2f} billion parameters{less}")
    rows = [
        [_where(term), _gib(term["likely"]), _gib(term["low"]), _gib(term["high"]),
         clean(term["source"])]
        for term in body["terms"]
    ]  # fmt: skip
    shown += ["", *table(("WHAT", "LIKELY", "LOW", "HIGH", "SAYS"), rows)]
    if body["cards"]:
        shown += ["", *_cards(body["cards"])]
    if body["speed"]:
        speed = body["speed"]
        rate = f"{speed['low']:,} to {speed['high']:,} tokens/s for one sequence"
        shown += ["", f"{rate}: {clean(speed['source'])}"]
    return shown + [f"note: {clean(note)}" for note in body["notes"]]


def _needs(needs: Mapping[str, int | None], confidence: str) -> str:
    high = needs["high"] or 0
    if needs["likely"] is None:
        return f"at most {_both(high)}: nothing else is known (confidence: {confidence})"
    return (
        f"needs {_both(needs['likely'])}; free {_both(high)} to be sure (confidence: {confidence})"
    )


def _both(amount: int) -> str:
    # Cards are sold in GiB and files are listed in GB; they differ by 7 %.
    return f"{amount / GIB:,.2f} GiB ({amount / GB:,.2f} GB)"


def _gib(amount: int | None) -> str:
    return "–" if amount is None else f"{amount / GIB:,.2f} GiB"


def _where(term: Mapping[str, Any]) -> str:
    return f"{term['name']} (host)" if term["host"] else str(term["name"])


def _cards(cards: list[dict[str, Any]]) -> list[str]:
    rows = [
        [str(card["card"]), f"{card['first_layer']}–{card['last_layer']}",
         _gib(card["needs"]["likely"]), _gib(card["needs"]["high"])]
        for card in cards
    ]  # fmt: skip
    return table(("CARD", "LAYERS", "LIKELY", "HIGH"), rows)
