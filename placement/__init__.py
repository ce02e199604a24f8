"""placement: where should this run, and why.

It decides, and keeps nothing: `decide(request, view, policy)` is a pure function, so equal views
and equal requests give equal bytes on every peer.

Reading order: `request.py` (what is asked), `view.py` (the frozen picture), `decide.py` (the
middle), `rules.py` (one function per reason to pass over), `decision.py` and `explain.py`,
`words.py` (plain words become a request, and say what was guessed).

May import: `mesh.identity`, `mesh.instant`, and `msgspec`. Never `ledger`. No I/O, no clock, no
dice.
"""
