"""How the service says no: one exception, a code that a program can go by, and a sentence."""

from typing import Any, Final

CODES: Final[dict[str, str]] = {
    "bad_line": "it is no line of JSON with a table in it, or too long",
    "bad_command": "no such command, or a field of it is missing, unknown or wrong",
    "bad_value": "a size, time, fault, pool or card that is not one",
    "bad_request": "a node's door does not understand the request",
    "no_cluster": "there is no cluster of that name, or there is one already",
    "no_node": "the cluster has no node of that name",
    "down": "that needs the node to be up, and it is down",
    "up": "that needs the node to be down, and it is up",
    "not_found": "no such cut, request or process",
    "too_many": "as many as there may be are there",
    "broken": "a promise was broken: `verdict` is violated",
    "stalled": "something that must come never came: `verdict` is stalled",
    "internal": "the simulator itself failed: `verdict` is internal",
}
"""Code → when it is said."""


class No(Exception):
    """The command ends here, and has changed nothing."""

    def __init__(self, code: str, sentence: str, **more: Any) -> None:
        """`more`: what else a program should know."""
        super().__init__(sentence)
        assert code in CODES
        self.body: dict[str, Any] = {"code": code, "sentence": sentence, **more}
