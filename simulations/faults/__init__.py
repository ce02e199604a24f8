"""Faults: everything that can go wrong, one kind each, with a name, a sentence and a rate.

`catalogue.py` lists them all; the files beside it are named for where things go wrong. A fault is
brought about only through the doors of `simulations.invented.world` (cut, crash, pause, a disk that
fails), so that nothing here can do what a bad night could not. `scene.py` is what a fault may
touch; `nemesis.py` draws when each happens and ends them all. May use the world and `people`; never
`options` or `run`, which use this room.
"""
