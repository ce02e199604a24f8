"""simulations.whatif: a person's own machines and jobs, on the real core.

Reading order: `table.py` (a file as tables that know where they stand), `cluster.py` (whose
machines; what their probes would say is `simulations/invented/described.py`), `demand.py` (which
jobs, and when), `asker.py` (one who asks, waits and asks again), `line.py` (all of them),
`ground.py` (what they stand on: `owner.py` and `shared_view.py`, or `whole_mesh.py`), `usage.py`
(what is promised, free and stranded), `study.py` (from files to figures), `findings.py` and
`tables.py` (the figures, as data and in words).
"""
