"""score: how near our arithmetic comes to what was measured elsewhere.

`python -m simulations.score models --vectors FILE` holds the memory rules against measured models.
Every miss is printed; the exit is 1 below the bar. The rules see only what a user would give them,
never the name of the vector.

Reading order: `models.py` (what is scored and its bars), `__main__.py`.

May import: anything.
"""
