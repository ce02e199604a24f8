"""simulations.campaign: many seeds, and what is made of them.

One run is `simulations.run`. Here are thousands of them on all cores; what is done with one that
fails (shrink it, write down what happened, name the line that lives it again); the seeds that once
failed and are lived through again every time; and records, which a stranger can repeat.

Reading order: `workers.py` (one seed, one process), `swarm.py` (many, until one fails), `tally.py`
(what they add up to), `shrinking.py` and `trimming.py` (the smallest run that still fails),
`transcript.py` and `wording.py` (what happened, in words), `fresh.py` and `twice.py` (the same seed
in another process must be the same history), `kept.py` (seeds that taught something) and
`record.py`. Uses the world and `simulations.run`; only the command uses this room.
"""
