"""Waiting: who stands in an owner's line, whose turn it is, and how long that may take.

`line.py` keeps the tickets, `turns.py` puts them in order and says who may pass whom, and
`forecast.py` is told of every end that is known.
"""
