"""Benchmarks: each area is a module with `AREA`, naming its rows, and `rows()`, measuring them.

A row is `{area, name, n, value, unit, limit, peer, target, better}`. `limit` is measured in the
same run: the least that any implementation would have to do, so that the ratio to it says more than
a figure from somebody's fast machine. `peer` is what another tool makes of the same work. Targets
stand in `targets.toml` and nowhere else. On a shared machine others only ever add, so what only
computes is the best CPU time of several runs. Where a disk or another process is waited for it is
wall time, and the median counts beside or instead of the best: it is what a person meets.

Reading order: `rows.py`, `timing.py`, then any area. `agents.py` starts real agents on loopback.
"""
