"""A toy event loop: what any simulator of as many nodes has to do, and no more.

Four tasks per node on one heap, some ten events per node and virtual second: a ping to a random
node with its answer, and three timers that only count. No bytes, no keys, no books. The real core
is held against it, measured in the same run on the same machine.
"""

import heapq
from random import Random

from mesh.instant import MILLISECOND, SECOND, Duration

PING, PONG, ANSWER, BEAT, LOOK, TIDY = range(6)
PERIODS = {PING: SECOND, BEAT: SECOND // 2, LOOK: SECOND // 3, TIDY: SECOND // 2}
DELAY: Duration = MILLISECOND


def toy_events(nodes: int, duration: Duration, seed: int = 1) -> int:
    """Live through `duration` with `nodes` nodes; how many events that took."""
    dice = Random(seed)
    heap: list[tuple[int, int, int, int, int]] = []
    count = 0
    for node in range(nodes):
        for task, period in PERIODS.items():
            count += 1
            heapq.heappush(heap, (dice.randrange(period), count, task, node, 0))
    seen = [0] * nodes
    events = 0
    while heap[0][0] <= duration:
        now, _, task, node, other = heapq.heappop(heap)
        events += 1
        seen[node] += 1
        count += 1
        if task == PING:
            heapq.heappush(heap, (now + DELAY, count, PONG, dice.randrange(nodes), node))
            count += 1
            heapq.heappush(heap, (now + PERIODS[PING], count, PING, node, 0))
        elif task == PONG:
            heapq.heappush(heap, (now + DELAY, count, ANSWER, other, node))
        elif task != ANSWER:
            heapq.heappush(heap, (now + PERIODS[task], count, task, node, 0))
    return events
