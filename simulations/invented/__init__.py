"""The invented world: real agents on machines, disks and networks that one seed draws.

`world.py` (people and the wire), `machines.py` (what is switched on and off, what befalls it),
`agenda.py` (time), `shell.py` (what surrounds an agent), `host.py`, `network.py`, `streams.py`,
`disk.py`, `clock.py`, `hardware.py` and `described.py`; `observing.py` (who sees what happens) and
`trace.py` (one hash of all of it). `shared.py` and `signatures.py` are what a night can afford.
"""
