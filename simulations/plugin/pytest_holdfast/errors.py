"""What a test may meet: a refusal of the cluster, a broken promise, or a mistake of its own."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class HoldfastError(Exception):
    """Anything of Holdfast's; `sentence` says it, `code` names it."""

    def __init__(self, sentence: str, code: str = "") -> None:
        super().__init__(sentence)
        self.sentence = sentence
        self.code = code


class Refused(HoldfastError):
    """A node said no, as it would have to a person. `body` is all it said."""

    def __init__(self, body: Mapping[str, Any]) -> None:
        self.hint = str(body.get("hint", ""))
        super().__init__(str(body.get("sentence", "")), str(body.get("code", "refused")))
        self.body = dict(body)

    def __str__(self) -> str:
        return f"{self.sentence} ({self.hint})" if self.hint else self.sentence


class NoAnswer(HoldfastError):
    """Nobody answered: the asker died first, or it took longer than the test waits."""


class PromiseBroken(HoldfastError, AssertionError):
    """A promise that must never be broken was. `promise` is its number, as "B1"."""

    def __init__(self, sentence: str, promise: str = "", seed: int | None = None) -> None:
        super().__init__(sentence, "broken")
        self.promise = promise
        self.seed = seed


class Stalled(HoldfastError, AssertionError):
    """Something that must come never came. `promise` is its number, as "V1"."""

    def __init__(self, sentence: str, promise: str = "", seed: int | None = None) -> None:
        super().__init__(sentence, "stalled")
        self.promise = promise
        self.seed = seed


class Misuse(HoldfastError, ValueError):
    """The test asked for something that cannot be meant."""


class BadCommand(Misuse):
    """The service does not know such a command or field: another version of it, perhaps."""


class NodeDown(Misuse):
    """That needs the node to be up."""


class NodeUp(Misuse):
    """That needs the node to be down."""


class ServiceLost(HoldfastError):
    """The simulator ended, failed, or took too long."""


class NotInstalled(ServiceLost):
    """There is no `holdfast` to be found."""


def error_of(error: Mapping[str, Any]) -> HoldfastError:
    """What the service's error is called here."""
    code, sentence = str(error.get("code", "")), str(error.get("sentence", ""))
    if code == "broken":
        return PromiseBroken(sentence, str(error.get("promise", "")), error.get("seed"))
    if code == "stalled":
        return Stalled(sentence, str(error.get("promise", "")), error.get("seed"))
    if code == "internal":
        return ServiceLost(f"the simulator itself failed: {sentence}", code)
    if code == "bad_request":
        return Refused(error)
    kinds = {"down": NodeDown, "up": NodeUp, "bad_command": BadCommand}
    return kinds.get(code, Misuse)(sentence, code)
