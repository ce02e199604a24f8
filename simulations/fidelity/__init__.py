"""fidelity: the whole agent in invented time.

Where the larger simulator runs the core alone, this one runs everything that ships: the desk, the
journal on the real SQLite, TLS streams, the local door, probing, the order of starting and
stopping. Only what lies outside a process is invented: the clock jumps, one seed decides which task
runs next, the network and the disk are memory and bad. Slower by far, and it sees what the other
cannot: a cancellation that drops an effect, a file renamed and not synced, an answer before its
commit.

Reading order: `scheduling.py` (one seed, no threads, no waiting), `disk.py` and `vfs.py` (SQLite on
a bad disk), `air.py`, `pipe.py` and `gate.py` (datagrams and connections), `resident.py` (one
machine and its process), `village.py`, `people.py`, `promises.py` (what is checked, from outside),
`faults.py`, `run.py` (one seed). `python -m simulations.fidelity` lives many. May import the shell,
since the shell is what it is about.
"""
