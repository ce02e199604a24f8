"""placement: where should this run, and why.

It decides, and keeps nothing: `decide(request, view, policy)` is a pure function, so equal views
and equal requests give equal bytes on every peer.

Reading order: `request.py` (what is asked), `view.py` (the frozen picture), `decide.py` (the
middle: screen, rank, tell), `rules.py` (one function per reason to pass over), `needs.py` and
`legs.py` (which pools could, which will), `screening.py`, `columns.py` and `ranking.py` (the same
over a thousand nodes at once), `decision.py` and `explain.py` (the answer, as data and in words).
Then `ties.py` (equals), `objectives.py` (figures that are not room), `history.py` (what nodes
remember), `plans.py` and `supposing.py` (answers to be taken later, and about what is not).
Ways in: `amounts.py` (units), `selectors.py` (cards in one word), `documents.py`, `files.py` and
`schema.py` (TOML, JSON or YAML), `words.py` and `vocabulary.py` (plain words become a request, and
say what was guessed). `memory/` says what a model needs, by engine and to the byte where the engine
is exact.

May import: `mesh.identity`, `mesh.instant`, and `msgspec`. Never `ledger`. No I/O, no clock, no
dice.
"""
