"""placement: where should this run, and why.

It decides, and keeps nothing: `decide(request, view, policy)` is a pure function, so equal views
and equal requests give equal bytes on every peer.

Reading order: `request.py` (what is asked), `view.py` (the frozen picture), `decide.py` (the
middle: screen, rank, tell), `judging/` (what it brings together: rules, legs, figures, equals),
`decision.py`, `reasons.py` and `explain.py` (the answer, as data and in words). Then `history.py`
(what nodes remember), `gangs.py` (several nodes or none), `plans.py`, `windows.py` and
`supposing.py` (answers to be taken later, and about what is not). Ways in: `amounts.py` (units) and
`asking/` (documents, files, plain words).
`memory/` says what a model needs, by engine and to the byte where the engine
is exact.

May import: `mesh.identity`, `mesh.instant`, and `msgspec`. Never `ledger`. No I/O, no clock, no
dice.
"""
