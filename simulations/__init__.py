"""simulations: the world, invented.

The same agent core that runs on the wire, in a world with virtual time, a network that loses and
delays, and disks that need a moment. Only the shell is replaced. One seed draws everything, so a
night that went wrong can be lived through again from its number.

Reading order: `world.py` (time, and who is in it), `host.py`, `network.py`, `disk.py`,
`hardware.py`, `checkers.py` (the promises, checked from outside), `races.py` (two askers, one
room), `night.py` (all that can go wrong at once) and `witness.py` (who remembers every answer).
`bench/` holds the benchmarks. Imports the rooms' cores, never the shell; `bench` alone may.
"""
