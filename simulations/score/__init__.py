"""score: how often we are right, on any file of cases with known answers.

`python -m simulations.score models --vectors FILE` holds the memory rules against measured models;
`… axis --folder DIR` puts AXIS's placement cases and texts to our own requests and pictures. Every
miss is printed; the exit is 1 below the bar. The rules see only what a user would give them, never
the name of a vector.

Reading order: `command.py`; `models.py` (what is scored of models, and its bars); `folder.py` and
`axis.py`.

May import: anything.
"""
