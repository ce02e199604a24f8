"""Plain words into a request. A convenience, and an honest one: it prints every guess it makes.

The text is lowered, everything but letters and digits becomes a blank, and phrases are matched as
whole words ("cargo" is not in "embargo"). The first workload that matches, in a fixed order, is the
reading; others add their tools. What is not recognised asks for nothing, and says so. A pasted list
of hardware describes a machine and not a wish, so amounts in a text are never read as needs.

A language model's memory is what `placement.memory` says of a model of that size, item by item.
"""

import re
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from placement.amounts import format_bytes
from placement.asking.vocabulary import (
    CONTEXT_FLOORS,
    CONTEXTS,
    ENGINE_WORDS,
    HARDWARE,
    HEAVY_FLOOR_BYTES,
    INFERENCE_FLOOR_BYTES,
    MODELS,
    RUNTIMES,
    SIZE_FLOORS,
    VERBS,
    WORKLOADS,
    Workload,
)
from placement.memory.engines import BY_WORD
from placement.memory.mixes import ALIASES, DEFAULTS
from placement.memory.requests import SCHEMES, Asked, Impossible
from placement.memory.typical import estimate_by_size, usual_quant, whole
from placement.request import Request, RequestError

TEXT_CHARS_MAX: Final = 2000
CONTEXT_TOKENS_DEFAULT: Final = 8192
PARAMETERS_DEFAULT: Final = Decimal("8e9")
PARAMETERS_MAX: Final = Decimal("5e12")

SHORT: Final = {"q4": "q4_k_m", "q5": "q5_k_m", "q6": "q6_k", "q8": "q8_0"}
"""What people mean by a number of bits alone."""
QUANTS: Final = tuple(
    sorted((*DEFAULTS, *ALIASES, *SCHEMES, *SHORT), key=lambda one: (-len(one), one))
)
"""Longest first: "q4 k m" is also a "q4"."""

_SIZE: Final = re.compile(r"(?<![\w.])(?:([0-9]{1,3})x)?([0-9]{1,4}(?:\.[0-9]{1,3})?)b(?!\w)")
_AMOUNT: Final = re.compile(r"[0-9]\s?(?:[mgt]i?b)\b")
_MODEL: Final = re.compile(r"[a-z0-9][\w.-]*(?:[:/][a-z0-9][\w.-]*)+")
"""`llama3.1:70b`, `org/name`; a path begins with a slash, a dot or a tilde."""

_NAMED: Final = re.compile(r"(?:ollama (?:run|pull)|--model|-m)[ =]+([a-z0-9][\w.:/-]*)")


@dataclass(frozen=True, slots=True)
class Reading:
    """What was read: the request (guesses inside), the workload's name, the context if any.

    `tools`: what the work calls, the foremost first. `floor_bytes`: the least free memory with
    which such work is worth starting, by rule of thumb; what is asked for is never less.
    """

    request: Request
    workload: str
    context_tokens: int
    tools: tuple[str, ...] = ()
    floor_bytes: int = 0
    quant: str = ""
    """The quantisation that the text names, as the engines spell it; empty when it names none."""
    is_inference: bool = False


@dataclass(slots=True)
class _Draft:
    tools: list[str] = field(default_factory=list)
    fields: dict[str, Any] = field(default_factory=dict)
    guesses: list[str] = field(default_factory=list)

    def engines(self, base: Request) -> tuple[str, ...]:
        """What may run it, the likeliest first."""
        named: tuple[str, ...] = self.fields.get("engines", base.engines)
        return tuple(name.lower() for name in (*named, *self.tools))

    def need_tool(self, tool: str, why: str) -> None:
        if tool not in self.tools:
            self.tools.append(tool)
            self.guesses.append(f"needs {tool}: {why}")


class _Text:
    """The text, ready for whole-word questions."""

    def __init__(self, text: str) -> None:
        self.lowered = text.lower()
        self.words = f" {' '.join(re.findall(r'[a-z0-9]+', self.lowered))} "

    def first(self, phrases: tuple[str, ...]) -> str | None:
        """The first of these phrases that occurs, or None."""
        return next((phrase for phrase in phrases if f" {phrase} " in self.words), None)

    def has(self, *phrases: str) -> bool:
        return self.first(phrases) is not None


def read_words(text: str, base: Request | None = None) -> Reading:
    """A request for what `text` seems to want, on top of `base`. Raises RequestError if too long.

    What `base` asks for is kept: an amount given by option is never overruled by a guess.
    """
    if len(text) > TEXT_CHARS_MAX:
        raise RequestError(f"the text has {len(text)} characters; {TEXT_CHARS_MAX} is the limit")
    base = Request() if base is None else base
    heard = _Text(text)
    context = next((tokens for tokens, words in CONTEXTS if heard.first(words)), 0)
    found = [] if _is_inventory(heard) else [work for work in WORKLOADS if _is_meant(work, heard)]
    draft = _Draft()
    if not found:
        return Reading(_with(base, _nothing(heard, context, draft)), "unknown", context)
    main = _long_form(found[0], context)
    draft.guesses.append(f"read as {main.name}: {main.gloss}")
    floor = _floor(main, heard, context)
    draft.fields["workload"] = main.name
    if main.is_inference:
        _engine(heard, draft, base)
    for work in found:
        for tool in work.tools:
            draft.need_tool(tool, f"a {work.name} calls it")
    if main.is_inference:
        _inference(heard, context, floor, draft, base)
    elif base.ram_bytes is None and base.memory_bytes is None:
        _peak(found, draft)
    _amounts_left_out(heard, draft)
    return Reading(
        _with(base, draft), main.name, context, tuple(draft.tools), floor,
        quant=_quant(heard) or "", is_inference=main.is_inference,
    )  # fmt: skip


def model_memory(
    parameters: Decimal, quant: str | None, context: int, engine: str
) -> tuple[int, str]:
    """Memory of a model of which the text says no more, and the itemised sentence that says so.

    The high side of what `placement.memory` says: with less it might be promised and run out."""
    name = quant or usual_quant(engine)
    made = estimate_by_size(parameters, Asked(engine=engine, quant=name, context=context))
    if isinstance(made, Impossible):
        raise RequestError(f"{made.why}: {made.hint}" if made.hint else made.why)
    terms = whole(made)
    total = sum(term.amount.high for term in terms)
    shown = ", ".join(f"{term.name} {format_bytes(term.amount.high, up=True)}" for term in terms)
    return total, (
        f"{format_bytes(total, up=True)} of memory at the most: {_billions(parameters)}B at {name} "
        f"by {made.engine}, {context:,} tokens: {shown}; {made.notes[-1]}"
    )


def _peak(found: list[Workload], draft: _Draft) -> None:
    """Of several kinds of work that the text names, the hungriest decides."""
    hungriest = max(found, key=lambda work: work.peak_bytes)
    if hungriest.peak_bytes:
        draft.fields["ram_bytes"] = hungriest.peak_bytes
        peak = format_bytes(hungriest.peak_bytes)
        draft.guesses.append(f"{peak} of RAM: rule of thumb for {hungriest.gloss}")


def _with(base: Request, draft: _Draft) -> Request:
    return base.but(
        tools=(*base.tools, *draft.tools),
        guesses=(*base.guesses, *draft.guesses),
        **draft.fields,
    )


def _nothing(heard: _Text, context: int, draft: _Draft) -> _Draft:
    if _is_inventory(heard):
        draft.guesses.append("a list of hardware describes a machine: nothing is asked for")
    elif context:
        draft.guesses.append("a long context, but of no model: nothing is asked for")
    else:
        draft.guesses.append("no known kind of work in these words: they ask for nothing")
    _amounts_left_out(heard, draft)
    return draft


def _amounts_left_out(heard: _Text, draft: _Draft) -> None:
    if _AMOUNT.search(heard.lowered):
        draft.guesses.append("amounts in the text are not read: ask with --ram, --memory or --gpu")


def _is_inventory(heard: _Text) -> bool:
    parts = sum(heard.has(word) for word in HARDWARE)
    described = heard.has("specs", "spec", "inventory") or bool(_AMOUNT.search(heard.lowered))
    return parts >= 2 and described and heard.first(VERBS) is None


def _is_meant(work: Workload, heard: _Text) -> bool:
    if heard.first(work.phrases):
        return True
    if work.name != "local-llm-inference":
        return False
    acting = heard.has("run", "serve", "host", "chat", "generate", "summarize")
    sized = _parameters(heard) is not None
    model = heard.has("model", "models")
    if acting and (sized or (model and heard.has("local", "locally"))):
        return True
    return heard.has("inference") and (model or sized or heard.first(RUNTIMES) is not None)


def _long_form(work: Workload, context: int) -> Workload:
    """A long context makes inference long-context inference; nothing else changes by it."""
    if work.name == "local-llm-inference" and context:
        return next(other for other in WORKLOADS if other.name == "long-context-inference")
    return work


def _floor(main: Workload, heard: _Text, context: int) -> int:
    """The least free memory with which this is worth starting."""
    if not main.is_inference:
        return main.floor_bytes
    by_context = next((least for tokens, least in CONTEXT_FLOORS if context >= tokens), 0)
    parameters = _parameters(heard) or Decimal(0)
    by_size = next((least for size, least in SIZE_FLOORS if parameters >= size), 0)
    if not by_size and heard.has("heavy"):
        by_size = HEAVY_FLOOR_BYTES
    if not by_size and heard.has("inference", "llm", "ollama"):
        by_size = INFERENCE_FLOOR_BYTES
    return max(main.floor_bytes, by_context, by_size)


def _inference(
    heard: _Text, context: int, floor: int, draft: _Draft, base: Request
) -> None:  # fmt: skip
    if base.memory_bytes is not None or base.ram_bytes is not None or base.gpus:
        return
    parameters, origin = _model_size(heard)
    tokens = context or CONTEXT_TOKENS_DEFAULT
    engine = next((word for word in draft.engines(base) if word in BY_WORD), "llama.cpp")
    total, sentence = model_memory(parameters, _quant(heard), tokens, engine)
    draft.fields["memory_bytes"] = max(total, floor)
    draft.guesses += [origin] if origin else []
    draft.guesses.append(sentence)
    if floor > total:
        draft.guesses.append(f"{format_bytes(floor)} at least: with less it is not worth starting")


def _quant(heard: _Text) -> str | None:
    named = next((name for name in QUANTS if heard.has(re.sub(r"[-_]", " ", name))), None)
    return SHORT.get(named or "", named)


def _engine(heard: _Text, draft: _Draft, base: Request) -> None:
    """Which engine would run it, and what that means for the machine."""
    named = [engine for engine, words in ENGINE_WORDS if heard.first(words)]
    if named and not base.engines:
        draft.fields["engines"] = tuple(named)
    if model := _model_name(heard):
        draft.fields["model"] = model
    if heard.has("ollama"):
        draft.need_tool("ollama", "the text names it")
        return
    if "mlx" in named:
        if base.os is None:
            draft.fields["os"] = "darwin"
            draft.guesses.append("MLX and Apple silicon mean macOS")
        return
    if named or heard.first(RUNTIMES):
        return
    parameters = _parameters(heard) or Decimal(0)
    if heard.has("llm", "inference") or parameters >= Decimal("13e9"):
        draft.need_tool("ollama", "no runtime is named, and this is the commonest")


def _model_size(heard: _Text) -> tuple[Decimal, str]:
    """Parameters, and where they come from when the text does not say them itself."""
    said = _parameters(heard)
    if said is not None:
        return said, ""
    named = _NAMED.search(heard.lowered)
    for name, billions in MODELS:
        if heard.has(name) or (named and named[1].startswith(name)):
            return Decimal(billions) * 10**9, f"{name} is taken for its {billions}B variant"
    guess = f"no size is named: {_billions(PARAMETERS_DEFAULT)}B is assumed, the commonest"
    return PARAMETERS_DEFAULT, guess


def _model_name(heard: _Text) -> str:
    """The model that the text names as programs are told one; empty when it names none."""
    named = _NAMED.search(heard.lowered)
    if named:
        return named[1]
    tokens = (token.strip(".,;()'\"") for token in heard.lowered.split())
    return next((token for token in tokens if _MODEL.fullmatch(token)), "")


def _parameters(heard: _Text) -> Decimal | None:
    found = _SIZE.search(heard.lowered)
    if found is None:
        return None
    # Experts share some layers, so 8x7b holds less than 56B; the product errs to the safe side.
    parameters = Decimal(found[1] or 1) * Decimal(found[2]) * 10**9
    return parameters if 0 < parameters <= PARAMETERS_MAX else None


def _billions(parameters: Decimal) -> str:
    text = f"{parameters / 10**9:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
