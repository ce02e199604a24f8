"""How a wish ends in a no, in words: what happened, and what to do now."""

from typing import Final

from ledger.commands import Outcome
from node.core.outlook import Choice
from node.core.requests import Refused
from node.core.reserving.wishes import Wish, in_words

BY_POLICY: Final = frozenset(
    outcome.value
    for outcome in (
        Outcome.NOT_TRUSTED, Outcome.NOT_PRINCIPAL, Outcome.MAY_NOT_FORCE, Outcome.NOT_FOR_YOU,
        Outcome.TERM_TOO_LONG, Outcome.TOO_FAST, Outcome.OVER_QUOTA, Outcome.RIGHTS_CLOSED,
        Outcome.NO_RIGHTS,
    )
)  # fmt: skip
"""What rules forbid, however much room there is. More room would not help whoever asked."""

POLICY_HINT: Final = "the owner has rules for that; `holdfast quota` shows rights over the mesh"

NO_ANSWER: Final = "no answer"
"""In the place of an outcome, where an owner was silent."""


def unconfirmed(errand: Wish, choice: Choice) -> Refused:
    """Its owner fell silent over the confirmation."""
    hold = errand.hold.hex()
    sentence = (
        f"{choice.name} stopped answering while it confirmed hold {hold}: "
        "whether it was granted is unknown"
    )
    return Refused(
        "unknown", sentence, f"`holdfast holds` shows it if it was; `holdfast release {hold[:12]}`"
    )


def without_a_copy(errand: Wish, choice: Choice, *, given_up: bool) -> Refused:
    """It was granted, and nobody else stored it in time, as was asked for. `given_up`: its owner
    has it back."""
    if given_up:
        sentence = (
            f"{choice.name} granted it, but no other peer stored a copy in time, "
            "so it was given back as --require-copy asks"
        )
        hint = "`holdfast peers` shows who is reachable; without --require-copy it would be yours"
        return Refused("refused", sentence, hint)
    sentence = f"no copy was stored in time, and {choice.name} did not confirm that it is given up"
    return Refused(
        "unknown", sentence, f"it may still be yours: `holdfast release {errand.hold.hex()[:12]}`"
    )


def all_refused(errand: Wish) -> Refused:
    """Nobody that could have granted it did."""
    outcomes = {str(tried["outcome"]) for tried in errand.tried}
    hint = "`holdfast where` with the same words shows the room that is left"
    code = "refused"
    if outcomes and outcomes <= BY_POLICY:
        code, hint = "policy", POLICY_HINT
    elif outcomes == {NO_ANSWER}:
        hint = (
            "nothing was booked: `holdfast peers` shows who is reachable, `--wait 5m` keeps trying"
        )
    return Refused(code, f"every candidate refused ({in_words(errand.tried)})", hint)
