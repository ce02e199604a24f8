"""How a command ends: five exit statuses, and the one exception that carries a no."""

from typing import Any, Final

YES: Final = 0
NO: Final = 1
WRONG_USAGE: Final = 2
NO_AGENT: Final = 3
POLICY: Final = 4
SIMULATE_MISUSED: Final = 64
"""Wrong usage of `simulate` (EX_USAGE of sysexits.h): its 2, 3, 4 and 6 are verdicts, and a script
must not take a typing error for a broken promise."""
INTERRUPTED: Final = 130
"""What a shell expects of a program that was stopped with Ctrl-C (128 + SIGINT)."""


class Unable(Exception):
    """The command ends here: one sentence, and what to do about it."""

    def __init__(self, code: str, sentence: str, hint: str = "", status: int = NO) -> None:
        super().__init__(sentence)
        self.code = code
        self.sentence = sentence
        self.hint = hint
        self.status = status

    @property
    def body(self) -> dict[str, Any]:
        """As `--json` prints it: the same shape as an agent's refusal."""
        return {
            "refused": {"code": self.code, "sentence": self.sentence, "hint": self.hint},
        }


def wrong_usage(sentence: str, hint: str = "", status: int = WRONG_USAGE) -> Unable:
    """The caller has to write it differently."""
    return Unable("bad_request", sentence, hint, status)


def refused(refusal: dict[str, Any]) -> Unable:
    """An agent's refusal, with the exit status that its code stands for."""
    from node.core.requests import REFUSALS  # the one home of the codes; msgspec comes with it

    code = str(refusal.get("code", "refused"))
    sentence = str(refusal.get("sentence", "the agent refused and did not say why"))
    return Unable(code, sentence, str(refusal.get("hint", "")), REFUSALS.get(code, NO))
