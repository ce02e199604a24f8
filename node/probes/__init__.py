"""node/probes: what this machine is, and how it is doing right now.

Start at `inventory.py` (a full look, published when the machine changes) and `sampler.py` (a live
look, many times a day). Each reader is a pure `parse_…(text)` and a thin function that fetches the
text; what cannot be read stays None and says why in a note, because a zero would be believed.
`shares.py` keeps the agents of one machine from promising the same memory; `processes.py` says
which hold's work uses what.

Everything here may block for a moment: call it from a worker thread. May import
`node.core.picture.topics`, `node.core.processes`, `ledger.observations` and the words of `mesh`;
nothing of trio.
"""
