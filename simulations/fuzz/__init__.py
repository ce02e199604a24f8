"""simulations.fuzz: every reader of bytes that others wrote, fed with what nobody should write.

`python -m simulations.fuzz --inputs N --seed S` feeds them all. Start at `target.py` (what a reader
is to this room: examples, and a door to feed), then `mutation.py` (how an example is bent), then
`feeding.py` (the loop, and what counts as a fault). The readers stand in `mesh_targets.py`,
`books_targets.py`, `node_targets.py` and `machine_targets.py`; `abuse.py` measures what
a whole agent does under replays, forgeries, floods and crowds (`invented.py`).

A reader may refuse, by the name it says it refuses by. Anything else that it raises is a fault, and
so is one that takes long, that takes much memory, or that reads something it would not write again.
"""
