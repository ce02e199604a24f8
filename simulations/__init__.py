"""simulations: the world, invented.

The same agent core that runs on the wire, in a world with virtual time, a network that loses and
delays, and disks that need a moment. Only the shell is replaced. One seed draws everything, so a
night that went wrong can be lived through again from its number.

Reading order: `invented/` (the world itself: `world.py` first), then `run.py` (one run, from
`options.py` to `results.py`), which brings together `people/`, `faults/`, `checks/` and
`coverage.py`; `races.py` (two askers, one room). `scenarios/` are bad days with a name, `campaign/`
lives many seeds and makes what fails small, `command/` is `holdfast simulate`. `whatif/` asks who
would wait on a person's own machines.

Two more tiers stand above the world: `fidelity/` runs the whole agent, shell and SQLite included,
in invented time, and `truth/` real processes in namespaces of its own; `stories/` are told on all
three. `fuzz/` feeds every reader of foreign bytes. `serve/` lends clusters to other programs, and
`plugin/` is one: a distribution of its own. `bench/` holds the benchmarks, `score/` our answers
against what others measured, `demo/` the demonstration. Imports the rooms' cores, never the shell;
where the shell is the subject it may.
"""
