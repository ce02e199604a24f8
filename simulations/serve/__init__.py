"""simulations.serve: simulated clusters for other programs, behind one line protocol.

`holdfast simulate --serve` reads one command per line from stdin and writes one answer per line to
stdout, so that a test in any language can hold a cluster in its hand: make it, ask its nodes, cut
it, let time pass, and have every promise checked. What is said is in docs/reference/serve.md.

Reading order: `commands.py` (everything one may say), `cluster.py` (one cluster that is served),
`misfortune.py` (faults that strike by themselves), `people.py`, `machines.py`, `looking.py` (what
each command does), `service.py` (lines in, lines out). Uses all of `simulations`, and no clock.
"""
