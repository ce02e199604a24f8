"""Benchmarks: each area is a module with `rows()`, and each row names its limit and its target.

A row is `{area, name, n, value, unit, limit, peer, target, better}`. `limit` is measured in the
same run: the least that any implementation would have to do. Figures are the best of several runs
in CPU time, because a shared machine only ever adds.
"""
