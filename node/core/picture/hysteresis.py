"""When a live sample is worth telling everyone.

An idle mesh should be silent, and the figures of an idle machine tremble. So a sample is published
when something moved by more than a decision could care about, always measured against what was
*published* last: slow drift adds up and gets out in the end.
"""

from typing import Final

from node.core.picture.topics import Live, Metric, PoolLive

MOVE_BYTES_MIN: Final = 64 * 1024 * 1024
MOVE_MILLICORES_MIN: Final = 100
MOVE_USED_BYTES_MIN: Final = 16 * 1024 * 1024
"""Of what one hold uses: less than the moves of a whole pool, for a hold may be small."""
MOVE_FRACTION: Final = 50
"""A fiftieth (2 %) of the figure published before, if that is more than the least move."""
MOVE_POINTS: Final = 10
"""Of a metric: percent, degrees, waiting processes."""

MOVE_WATTS: Final = 50
"""A card's draw trembles by tens of watts under one steady job."""

UNIT_OF_YES_OR_NO: Final = "flag"
POOL_OF_CORES: Final = "cpu"


def worth_publishing(old: Live | None, new: Live) -> bool:
    """Whether `new` says something that `old`, the sample published last, does not."""
    if old is None or old.pools.keys() != new.pools.keys():
        return True
    if old.metrics.keys() != new.metrics.keys():
        return True
    return any(_pool_moved(name, old.pools[name], new.pools[name]) for name in new.pools) or any(
        _metric_moved(old.metrics[name], new.metrics[name]) for name in new.metrics
    )


def _pool_moved(name: str, old: PoolLive, new: PoolLive) -> bool:
    least = MOVE_MILLICORES_MIN if name == POOL_OF_CORES else MOVE_BYTES_MIN
    if _amount_moved(old.free, new.free, least) or _amount_moved(old.foreign, new.foreign, least):
        return True
    if old.used.keys() != new.used.keys():
        return True  # work has begun under a hold, or ended: the promise is used, or is not
    least = min(least, MOVE_USED_BYTES_MIN)
    return any(_amount_moved(old.used[hold], new.used[hold], least) for hold in new.used)


def _amount_moved(old: int | None, new: int | None, least: int) -> bool:
    if old is None or new is None:
        return old is not new
    return abs(new - old) > max(least, old // MOVE_FRACTION)


def _metric_moved(old: Metric, new: Metric) -> bool:
    if isinstance(old.value, int | float) and isinstance(new.value, int | float):
        if UNIT_OF_YES_OR_NO in (old.unit, new.unit):
            return old.value != new.value
        if new.unit == "bytes":
            return abs(new.value - old.value) > MOVE_BYTES_MIN
        least = MOVE_WATTS if new.unit == "watts" else 1 if new.unit == "errors" else MOVE_POINTS
        return abs(new.value - old.value) >= least
    return old.value != new.value or old.status != new.status
