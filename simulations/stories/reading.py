"""From text to a story, or to the line that cannot be read and what was expected there.

A line is matched against every form, word by word; the form that went furthest speaks in the error.
Names are checked while reading: a node must take part, a hold must have been made before it is
confirmed, and a new one must not have a name that stands for something else.
"""

import re
from collections.abc import Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Any, Final, get_args

from mesh.instant import MILLISECOND, SECOND
from simulations.stories.script import Line, Outcome, Story
from simulations.stories.steps import AlsoOn, Nodes, Step

LINES_MAX: Final = 400
LINE_CHARACTERS_MAX: Final = 200
NODES_MAX: Final = 9
DURATION_MAX: Final = 86_400 * SECOND
SIZE_MAX: Final = 1 << 50

SIZES: Final = {"MiB": 1 << 20, "GiB": 1 << 30}
DURATIONS: Final = {"ms": MILLISECOND, "s": SECOND, "m": 60 * SECOND, "h": 3600 * SECOND}
CHOICES: Final = {
    "liveness": ("alive", "suspect", "dead", "left", "unknown"),
    "standing": ("open", "bookings_closed", "disk_full", "outcast", "quarantine", "closed"),
    "state": ("pending", "posted", "ending", "gone"),
    "stages": ("shell", "processes"),
}
"""Kinds that are one word of a few."""

NAME: Final = re.compile(r"[a-z][a-z0-9]{0,15}")
NUMBER: Final = re.compile(r"([0-9]{1,12})([A-Za-z%]*)")
RESERVED: Final = frozenset({"everyone", "until", "nodes", "ram", "cut", "and"})
"""Words that begin or divide sentences: nobody is called so."""


class StoryError(ValueError):
    """A story that cannot be read: which line, what was expected, what stood there."""

    def __init__(self, number: int, expected: str, found: str) -> None:
        super().__init__(f"line {number}: expected {expected}, found {found}")
        self.number = number


class _Unfit(Exception):
    """A word is not of the kind that the form asks for there."""


@dataclass(slots=True)
class _Cast:
    """Which names stand for what, as far as the story has been read."""

    nodes: tuple[str, ...] = ()
    holds: list[str] = field(default_factory=list)

    def one(self, kind: str, word: str) -> Any:
        """The value of one word. Raises _Unfit with what was expected."""
        match kind:
            case "node" | "nodes":
                return _known(word, self.nodes, "a node ({})", "none takes part yet")
            case "hold":
                return _known(word, self.holds, "a hold made above ({})", "there is none yet")
            case "new nodes":
                return _new(word, RESERVED, "a name for a node")
            case "new hold":
                return _new(word, {*self.nodes, *self.holds}, "a new name for the hold")
            case "size":
                return _measured(word, SIZES, SIZE_MAX, "a size such as 5GiB or 300MiB")
            case "duration":
                expected = "a duration such as 4s, 200ms, 2m or 1h"
                return _measured(word, DURATIONS, DURATION_MAX, expected)
            case "percent":
                return _measured(word, {"%": 1}, 100, "a share such as 5%") / 100
            case _:
                return _known(word, CHOICES[kind], "one of {}", "")


def _known(word: str, known: Sequence[str], expected: str, none: str) -> str:
    if word not in known:
        raise _Unfit(expected.format(", ".join(known) or none))
    return word


def _new(word: str, taken: AbstractSet[str], expected: str) -> str:
    if not NAME.fullmatch(word) or word in taken:
        raise _Unfit(f"{expected}: small letters and digits, a letter first")
    return word


SEVERAL: Final = frozenset({"nodes", "new nodes", "stages"})
"""Kinds that take one word or more."""


@dataclass(frozen=True, slots=True)
class _Part:
    """One part of a form: a literal word, or a field and its kind."""

    word: str
    kind: str | None = None


def _parts(form: str) -> tuple[_Part, ...]:
    found = re.findall(r"\{(\w+):([^}]+)\}|(\S+)", form)
    return tuple(_Part(literal) if literal else _Part(name, kind) for name, kind, literal in found)


STEPS: Final[tuple[type[Any], ...]] = get_args(Step)
FORMS: Final = tuple((_parts(form), step) for step in STEPS for form in step.forms)


def read(text: str) -> Story:
    """The story in `text`. Raises StoryError."""
    raw = text.split("\n")
    if raw and not raw[-1]:
        raw.pop()
    if len(raw) > LINES_MAX:
        raise StoryError(LINES_MAX + 1, f"at most {LINES_MAX} lines", f"{len(raw)}")
    cast, lines = _Cast(), list[Line]()
    for number, words in enumerate(raw, 1):
        if len(words) > LINE_CHARACTERS_MAX:
            raise StoryError(number, f"at most {LINE_CHARACTERS_MAX} characters", f"{len(words)}")
        if words[:1].isspace() and words.strip():
            _add_outcome(number, words, lines)
        else:
            lines.append(_line(number, words, cast))
    if not cast.nodes:
        raise StoryError(len(raw) + 1, "a sentence that begins with `nodes`", "the end")
    return Story(tuple(lines))


def _add_outcome(number: int, words: str, lines: list[Line]) -> None:
    arrow, _, said = words.strip().partition(" ")
    if arrow not in ("->", "=>") or not said.strip():
        raise StoryError(number, "`  -> ` or `  => ` and what came of it", _quoted(words.strip()))
    if not lines or lines[-1].step is None:
        raise StoryError(number, "an outcome only beneath a sentence", _quoted(words.strip()))
    outcome = Outcome(said.strip(), sure=arrow == "=>")
    lines[-1] = lines[-1].with_outcomes((*lines[-1].outcomes, outcome))


def _line(number: int, words: str, cast: _Cast) -> Line:
    if not words.strip() or words.startswith("#"):
        return Line(number, words.rstrip(), None)
    step = _step(number, words.split(), cast)
    _enrol(number, step, cast)
    return Line(number, words.rstrip(), step)


def _enrol(number: int, step: Step, cast: _Cast) -> None:
    """What the sentence makes known, and whether it may stand here."""
    if isinstance(step, Nodes):
        if cast.nodes:
            raise StoryError(number, "`nodes` only once", "a second one")
        if len(set(step.names)) != len(step.names) or len(step.names) > NODES_MAX:
            raise StoryError(number, f"at most {NODES_MAX} names, each once", " ".join(step.names))
        cast.nodes = step.names
    elif not cast.nodes and not isinstance(step, AlsoOn):
        raise StoryError(number, "a sentence that begins with `nodes` first", "another one")
    new = getattr(step, "hold", None)
    if new is not None and new not in cast.holds:
        cast.holds.append(new)


def _step(number: int, words: Sequence[str], cast: _Cast) -> Step:
    furthest, expected = -1, list[str]()
    for parts, step in FORMS:
        try:
            values, reached, wanted = _match(parts, words, cast)
        except _Misfit as misfit:
            values, reached, wanted = None, misfit.reached, misfit.wanted
        if values is not None:
            found: Step = step(**values)
            return found
        if reached > furthest:
            furthest, expected = reached, [wanted]
        elif reached == furthest and wanted not in expected:
            expected.append(wanted)
    found_there = _quoted(words[furthest]) if furthest < len(words) else "the end of the line"
    raise StoryError(number, " or ".join(sorted(expected)), found_there)


class _Misfit(Exception):
    def __init__(self, reached: int, wanted: str) -> None:
        super().__init__(wanted)
        self.reached = reached
        self.wanted = wanted


def _match(
    parts: Sequence[_Part], words: Sequence[str], cast: _Cast
) -> tuple[dict[str, Any], int, str]:
    """The fields' values. Raises _Misfit at the first word that does not fit."""
    values: dict[str, Any] = {}
    at = 0
    for index, part in enumerate(parts):
        if part.kind is None:
            if at >= len(words) or words[at] != part.word:
                raise _Misfit(at, f"`{part.word}`")
            at += 1
            continue
        count = 1
        if part.kind in SEVERAL:
            after = parts[index + 1].word if index + 1 < len(parts) else None
            rest = list(words[at:])
            count = rest.index(after) if after in rest else len(rest)
        values[part.word], at = _field(part, words, at, max(count, 1), cast)
    if at < len(words):
        raise _Misfit(at, "the end of the line")
    return values, at, ""


def _field(part: _Part, words: Sequence[str], at: int, count: int, cast: _Cast) -> tuple[Any, int]:
    """The value of one field and where the next part begins. Raises _Misfit."""
    assert part.kind is not None
    taken: list[Any] = []
    for place in range(at, at + count):
        try:
            taken.append(cast.one(part.kind, words[place] if place < len(words) else ""))
        except _Unfit as unfit:
            raise _Misfit(place, str(unfit)) from None
    return (tuple(taken) if part.kind in SEVERAL else taken[0]), at + count


def _measured(word: str, units: dict[str, int], most: int, expected: str) -> int:
    found = NUMBER.fullmatch(word)
    if found is None or found[2] not in units:
        raise _Unfit(expected)
    value = int(found[1]) * units[found[2]]
    if value > most:
        raise _Unfit(f"{expected}, and not that much")
    return value


def _quoted(word: str) -> str:
    return f"`{word[:40]}`"
