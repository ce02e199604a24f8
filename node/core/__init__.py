"""node/core: mesh, ledger and placement composed into one agent, still without I/O.

Start at `machine.py`. `effects.py` is what the agent asks of the world, `requests` what the outside
may ask of it. `picture` is what it knows of all nodes, frozen for a decision; `reserving` and
`gangs` the asker's side of a reservation; `trust` who counts as one of us; `reachability` the ways
between machines; `usage` what really runs here against what was promised.

May import the rooms below (`mesh`, `ledger`, `placement`) and nothing of the shell.
"""
