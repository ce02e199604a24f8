"""node/core: mesh, ledger and placement composed into one agent, still without I/O.

Start at `machine.py`. `effects.py` is what the agent asks of the world, `requests.py` what the
outside may ask of it, `topics.py` how hardware and standing travel as facts, `view.py` the frozen
picture a decision looks at, `asking.py` the asker's side of a reservation.

May import the rooms below (`mesh`, `ledger`, `placement`) and nothing of the shell.
"""
