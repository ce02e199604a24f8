"""Passport control: who stands behind a datagram, before anybody reads it.

`gate.py` judges; `handshake.py` and `challenges.py` prove two nodes to each other, `sessions.py` is
what they share from then on; `allowance.py` and `strangers.py` keep those who prove nothing cheap.
`post.py` is the same door from the inside.
"""
