"""One function per reason to pass a node over; every failing one is reported.

A node says *words* about itself: ("os", "linux"), ("tool", "git"), ("standing", "open"). Most rules
ask for one word or forbid one, which is why a thousand nodes can be screened by the columns of
`columns.py` without looking at any of them: both paths ask the same rules about the same words.
Amounts are the business of `needs.py`, and whether they fit at once of `legs.py`.
"""

from typing import Final, NamedTuple

from placement.amounts import GIB
from placement.history import Scope, blocks, workloads_of
from placement.judging.legs import choose
from placement.judging.needs import RAM, Need, can_meet, need_misses, needs_of, shares_pools, supply
from placement.reasons import DOUBTS, Miss, Reason, Verdict, short_of
from placement.request import Kind, Request, arch_family, os_family
from placement.view import NodeView

PRESSURE_FULL_PERCENT_MAX: Final = 15.0
"""Everyone on the machine stalled 15 % of the last ten seconds: it is swapping. systemd-oomd kills
at 60; we only stay away, so we start sooner."""

BATTERY_PERCENT_MIN: Final = 20.0
TEMPERATURE_CELSIUS_MAX: Final = 85.0
"""Most processors throttle from 85 to 95 °C: work sent there runs slower than it looks."""

_LABEL: Final = "label "

HEAVY_BYTES_MIN: Final = 4 * GIB
"""From here on pressure, battery and heat count against a node; a small script runs anywhere."""

HEAVY_TOOLS: Final = frozenset({"apple-foundation-models", "llama-server", "ollama", "vllm"})
"""What calls these computes for minutes, whatever memory it asks for."""


class Word(NamedTuple):
    """One thing a node says about itself, or that follows from what it says."""

    topic: str
    value: str


class WordRule(NamedTuple):
    """`reason` holds against a node that has `word` although it is not `wanted`, or the reverse."""

    reason: Reason
    word: Word
    wanted: bool
    option: str = ""


def words_of(node: NodeView) -> tuple[Word, ...]:
    """Everything the word rules may ask about, in a fixed order."""
    words = [Word("liveness", _liveness(node)), Word("standing", _standing(node))]
    words += [Word("os", os_family(node.os) or ""), Word("arch", arch_family(node.arch) or "")]
    words += [Word("tool", tool) for tool in sorted(node.tools)]
    words += [_label(name, value) for name, value in sorted(_labels(node).items())]
    if node.pressure is not None and node.pressure >= PRESSURE_FULL_PERCENT_MAX:
        words.append(Word("strain", "pressure"))
    if node.battery_percent is not None and node.battery_percent < BATTERY_PERCENT_MIN:
        words.append(Word("strain", "battery"))
    if node.temperature_celsius is not None and node.temperature_celsius >= TEMPERATURE_CELSIUS_MAX:
        words.append(Word("strain", "heat"))
    words += [Word("remembers", workload) for workload in workloads_of(node.history)]
    return tuple(words)


def word_rules(request: Request) -> tuple[WordRule, ...]:
    """The rules about words that this request brings with it, in the order of `Reason`."""
    rules = [*_state_rules(request)]
    if request.os is not None:
        rules.append(WordRule(Reason.OTHER_OS, Word("os", request.os), True, "--os"))
    if request.arch is not None:
        rules.append(WordRule(Reason.OTHER_ARCH, Word("arch", request.arch), True, "--arch"))
    tools = [Word("tool", tool) for tool in request.tools]
    rules += [WordRule(Reason.TOOL_MISSING, word, True, "--tool") for word in tools]
    labels = [_label(name, value) for name, value in request.labels]
    rules += [WordRule(Reason.LABEL_DIFFERS, word, True, "--label") for word in labels]
    if is_heavy(request):
        rules.append(WordRule(Reason.PRESSURE, Word("strain", "pressure"), False))
        rules.append(WordRule(Reason.BATTERY_LOW, Word("strain", "battery"), False))
        rules.append(WordRule(Reason.TOO_HOT, Word("strain", "heat"), False))
    return tuple(rules)


def is_heavy(request: Request) -> bool:
    """Whether this would be felt on a machine that is already struggling."""
    memory = (request.ram_bytes or 0, request.memory_bytes or 0)
    computes = bool(request.gpus or request.engines) or not HEAVY_TOOLS.isdisjoint(request.tools)
    return computes or max(memory) >= HEAVY_BYTES_MIN


def is_pinned_elsewhere(request: Request, node: NodeView) -> bool:
    """Whether the request names another node, by name or by id."""
    return request.node is not None and request.node not in {node.id, node.name}


def pinned_elsewhere(request: Request, node: NodeView) -> Miss:
    """What is said of a node that is not the one that was named."""
    return Miss(Reason.PINNED_ELSEWHERE, request.node or "", node.name, option="--node")


class Asked(NamedTuple):
    """A request with what follows from it alone, worked out once for all nodes."""

    request: Request
    needs: tuple[Need, ...]
    rules: tuple[WordRule, ...]


def asked(request: Request) -> Asked:
    """The request with its needs and the word rules it brings."""
    return Asked(request, needs_of(request), word_rules(request))


def misses(request: Request, node: NodeView) -> tuple[Miss, ...]:
    """Every failing rule of this candidate, in the order of `Reason`. Empty: it fits."""
    _, needs, rules = asked(request)
    said = frozenset(words_of(node))
    found = [word_miss(rule, node) for rule in rules if (rule.word in said) != rule.wanted]
    short = [miss for need in needs for miss in need_misses(need, node)]
    found += short or not_together(request, node, needs)
    found += from_memory(request, node)
    if is_pinned_elsewhere(request, node):
        found.append(pinned_elsewhere(request, node))
    return tuple(sorted(found, key=lambda miss: miss.reason.place))


def remembered_words(scope: Scope) -> tuple[Word, ...]:
    """Nodes that say none of these remember nothing of such work."""
    return tuple(Word("remembers", workload) for workload in dict.fromkeys((scope.workload, "")))


def from_memory(request: Request, node: NodeView) -> list[Miss]:
    """What the node's own past says against it: a crash, or a peak that it has no room for now."""
    found = []
    if not request.despite_failures:
        failure = node.history.failed(request.scope)
        if failure is not None and blocks(failure):
            times = "once" if failure.times == 1 else f"{failure.times} times"
            option = "--despite-failures"
            found.append(Miss(Reason.FAILED_BEFORE, failure.kind, times, option=option))
    seen = node.history.observed(request.scope)
    if seen is not None and seen.peak_ram:
        best = supply(RAM, node).best
        have = None if best is None else best.room
        if best is not None and have is not None and have < seen.peak_ram:
            pool = best.label or best.pool
            found.append(short_of(Reason.PEAK_TOO_HIGH, pool, seen.peak_ram, have, best.unit))
    return found


def not_together(request: Request, node: NodeView, needs: tuple[Need, ...]) -> list[Miss]:
    """Asked only where each need fits alone: whether they fit at the same time."""
    if not can_meet(needs, shares=shares_pools(node)) or choose(request, node, needs) is not None:
        return []
    options = " and ".join(sorted({need.option for need in needs}))
    return [Miss(Reason.NOT_TOGETHER, options)]


def verdict_of_misses(found: tuple[Miss, ...]) -> Verdict:
    """No, unless all that speaks against the node is that we do not know."""
    for miss in found:
        if miss.reason not in DOUBTS:
            return Verdict.NO
    return Verdict.UNKNOWN


def _state_rules(request: Request) -> tuple[WordRule, ...]:
    rules = [
        WordRule(Reason.NOT_ALIVE, Word("liveness", "gone"), False),
        WordRule(Reason.QUARANTINED, Word("standing", "quarantine"), False),
        WordRule(Reason.CLOSED, Word("standing", "closed"), False),
        WordRule(Reason.OUTCAST, Word("standing", "outcast"), False),
        WordRule(Reason.DISK_FULL, Word("standing", "disk_full"), False),
        WordRule(Reason.STANDING_UNKNOWN, Word("standing", "unknown"), False),
        WordRule(Reason.SUSPECT, Word("liveness", "suspect"), False),
    ]
    if request.kind is Kind.BOOKING:
        word = Word("standing", "bookings_closed")
        rules.insert(2, WordRule(Reason.BOOKINGS_CLOSED, word, False))
    return tuple(rules)


def word_miss(rule: WordRule, node: NodeView) -> Miss:
    topic, subject = rule.word
    if topic.startswith(_LABEL):
        subject = f"{topic.removeprefix(_LABEL)}={subject}"
    return Miss(rule.reason, subject, _found(rule, node), option=rule.option)


def _found(rule: WordRule, node: NodeView) -> str:
    """What the node says where the rule wanted something else."""
    match rule.word.topic:
        case "liveness":
            return node.liveness
        case "os":
            return node.os or "not said"
        case "arch":
            return node.arch or "not said"
        case "strain":
            return _strain(rule.reason, node)
        case topic if topic.startswith(_LABEL):
            if node.labels is None:
                return "not said"
            return node.labels.get(topic.removeprefix(_LABEL), "not set")
        case _:
            return ""


def _strain(reason: Reason, node: NodeView) -> str:
    match reason:
        case Reason.PRESSURE:
            return f"stalled {node.pressure or 0:.1f} % of the time"
        case Reason.BATTERY_LOW:
            return f"{node.battery_percent or 0:.0f} % left, on battery"
        case _:
            return f"{node.temperature_celsius or 0:.0f} °C"


def _label(name: str, value: str) -> Word:
    # The name is part of the topic: joined to the value, "a=b" could be cut in two places.
    return Word(_LABEL + name, value)


def _liveness(node: NodeView) -> str:
    return node.liveness if node.liveness in {"alive", "suspect"} else "gone"


def _standing(node: NodeView) -> str:
    known = {"open", "bookings_closed", "disk_full", "outcast", "quarantine", "closed"}
    return node.standing if node.standing in known else "unknown"


def _labels(node: NodeView) -> dict[str, str]:
    return dict(node.labels) if node.labels is not None else {}
