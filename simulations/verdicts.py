"""How a run may end badly: a promise was broken, or something that must come never came."""


class PromiseBroken(AssertionError):
    """Something that must never happen did. The sentence says what, where and when."""

    def __init__(self, promise: str, sentence: str) -> None:
        """`promise`: its id in docs/invariants.md ("B1", "G1") or its name ("placement-equal")."""
        super().__init__(f"{promise}: {sentence}")
        self.promise = promise
        self.sentence = sentence

    def __reduce__(self) -> tuple[type["PromiseBroken"], tuple[str, str]]:
        # So that it gets from one process to another whole.
        return type(self), (self.promise, self.sentence)


class Stalled(AssertionError):
    """Something that must happen did not, within its time. Virtual time, in the calm."""

    def __init__(self, promise: str, sentence: str) -> None:
        """`promise`: as in PromiseBroken, of the liveness kind ("V2")."""
        super().__init__(f"{promise}: {sentence}")
        self.promise = promise
        self.sentence = sentence

    def __reduce__(self) -> tuple[type["Stalled"], tuple[str, str]]:
        return type(self), (self.promise, self.sentence)
