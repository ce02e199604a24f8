"""Finding a node by what a person typed: its name, its id, or the unambiguous start of an id."""

from collections.abc import Callable, Collection, Mapping

from mesh.identity import NodeId, id_text, short_id
from node.core.requests import Refused

PREFIX_CHARS_MIN = 4
"""Shorter starts of an id match by accident once a mesh has a few dozen nodes."""

HOLD_CHARS = 10
"""As much of a hold's id as the tables show."""


def find_node(text: str, names: Mapping[NodeId, str]) -> NodeId:
    """The node that `text` means. Raises Refused("not_found" | "ambiguous")."""
    wanted = text.strip().lower()
    exact = [node for node in sorted(names) if wanted in (id_text(node), names[node].lower())]
    found = exact or [
        node
        for node in sorted(names)
        if len(wanted) >= PREFIX_CHARS_MIN and id_text(node).startswith(wanted)
    ]
    if len(found) == 1:
        return found[0]
    if found:
        ids = ", ".join(f"{names[node]} ({short_id(node)})" for node in found)
        raise Refused("ambiguous", f"{text!r} could mean {ids}", "use more of the id")
    known = ", ".join(sorted(names.values())) or "nobody yet"
    raise Refused("not_found", f"no node is called {text!r}", f"known here: {known}")


def find_hold(
    text: str, holds: Collection[bytes], ended: Callable[[], Mapping[bytes, str]] = dict
) -> bytes:
    """The hold whose id starts with `text` (hex). `ended`: how those that are over ended, looked
    at only when none that lives is meant. Raises Refused."""
    wanted = text.strip().lower().removeprefix("holdfast_hold=")
    if len(wanted) < PREFIX_CHARS_MIN:
        sentence = f"{text!r} is too short for a hold's id"
        raise Refused("bad_request", sentence, f"write {PREFIX_CHARS_MIN} characters of it or more")
    found = [hold for hold in sorted(holds) if hold.hex().startswith(wanted)]
    if len(found) == 1:
        return found[0]
    if found:
        sentence = f"{len(found)} holds start with {text!r}"
        raise Refused("ambiguous", sentence, "use more of the id: `holdfast holds --json`")
    over = [(hold, how) for hold, how in sorted(ended().items()) if hold.hex().startswith(wanted)]
    if over:
        hold, how = over[-1]
        told = f"{hold.hex()[:HOLD_CHARS]} is over: {how}"
        raise Refused("ended", told, "`holdfast holds --ended` lists what ended last")
    raise Refused("not_found", f"no live hold has the id {text!r}", "`holdfast holds` lists them")
