"""mesh: who is here, and what they say.

It hears: identity, membership, gossip and reconciliation. It carries two signed, opaque,
topic-labelled things per author, *facts* (the newest version wins) and *logs* (append-only,
hash-linked), and never learns what a GPU or a debit is.

Reading order: `machine.py` (the middle: `receive`, `wake`, `ask`), then `gate.py` (passport
control), `membership.py` (the roll), `gossip.py` and `reconcile.py` (the notice board).
The words that other rooms may use are `instant.py`, `identity.py`, `facts.py`, `logs.py`,
`persistence.py`.

May import: the standard library's arithmetic, `cryptography`, `msgpack`. No I/O, no clock, no dice.
"""
