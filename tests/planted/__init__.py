"""Planted bugs: the real core with one rule broken, which the simulator must show. Never shipped.

A bug is one small function that bends one seam of the core, with a sentence, the promises that it
breaks and the runs it is tried on (`bug.py`). They lie in files named for what they bend:
`grants.py`, `starts.py`, `copies.py`, `wire.py`, `members.py`, `detector.py` and others;
`catalogue.py` lists them all.
`trials.py` lives runs with a bug planted, each in a process of its own; `caught.toml` remembers
which seeds showed it. Start:

    python -m tests.planted [NAME …] --seeds 200 --jobs 2
"""
