"""crashes: whole agents on a real disk, killed at every boundary between one effect and the next.

The fidelity tier kills agents on an invented disk, which can tear and lose what was not synced.
Here the disk is this machine's, and the end is SIGKILL: what the kernel was given stays, and
nothing else does. One story (`deeds.py`) has every kind of write in it: holds, posts, extensions,
parts, releases, a gang, checkpoints, pruning, a clean stop, starts. It is lived in invented time by
three agents (`houses.py`), and before each write, sync and rename of SQLite's, each file operation
of ours and each effect of an agent's there is a boundary (`reaper.py`), at which the whole process
may die. What it leaves is read by somebody else (`reader.py`), with another SQLite and seals and
sums worked out anew, and held against what people were told; then all three start again on it.

`sweep.py` puts it together. `python -m simulations.crashes` is the thorough one.
"""
