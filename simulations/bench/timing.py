"""Clocks and counting for the benchmarks. Nothing else in the repository measures itself."""

import math
import time
from collections.abc import Callable, Sequence
from typing import Final

NS_PER_US: Final = 1_000
NS_PER_MS: Final = 1_000_000
NS_PER_SECOND: Final = 1_000_000_000


def best_us(work: Callable[[], object], rounds: int, calls: int = 1) -> float:
    """CPU microseconds per call, the best of `rounds`, each of `calls` made by one `work`."""
    best = math.inf
    for _ in range(rounds):
        begun = time.process_time_ns()
        work()
        best = min(best, time.process_time_ns() - begun)
    return best / NS_PER_US / calls


def wall_ns(work: Callable[[], object]) -> int:
    """Wall nanoseconds of one call."""
    begun = time.perf_counter_ns()
    work()
    return time.perf_counter_ns() - begun


def quantile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` of `values` do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def median(values: Sequence[float]) -> float:
    """The middle one; of two middle ones the lower, so that it is a value that was seen."""
    return quantile(values, 0.5)
