"""Which nodes can, and which of them first: what `decide` brings together.

`needs.py` and `legs.py` (which pools could, which will), `rules.py` (one function per reason to
pass over), `columns.py` and `screening.py` (the same over a thousand nodes at once), `ranking.py`
with `objectives.py`, `near.py` and `ties.py` (who is better, and which of equals).
"""
