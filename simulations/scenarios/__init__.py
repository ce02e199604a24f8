"""simulations.scenarios: stories of one bad day each, as code with a name.

A scenario is a sentence, a size, and a script that reads from top to bottom as one would tell it:
the nodes meet, somebody books, something goes wrong, all is mended, and what was promised is looked
for. The standing checks (`simulations.checks`) look on at every step; a scenario adds what must
hold at its own end.

Reading order: `cluster.py` (machines and people that a script may move), `scenario.py` (what a
scenario is), the scripts themselves (`links.py`, `disks.py`, `machines.py`, `processes.py`,
`people.py`), `catalogue.py` (all of them by name), `playing.py` (one of them, to its result). Uses
the world, the checks and people's diary; `simulations.command` uses this room.
"""
