"""mesh: who is here, and what they say.

It hears: identity, membership, gossip and reconciliation. It carries two signed, opaque,
topic-labelled things per author, *facts* (the newest version wins) and *logs* (append-only,
hash-linked), and never learns what a GPU or a debit is.

Reading order: `machine.py` (the middle: `receive`, `wake`, `ask`), then `door/gate.py` (passport
control), `roll/membership.py` (who is here), `watch/lookout.py` (who still is), `exchange/` (news
and how it is made good); `letters/` and `keys/` below, `finding/` and `kept/` beside.
The words that other rooms may use are `instant.py`, `identity.py`, `facts.py`, `logs.py`,
`persistence.py`.

May import: the standard library's arithmetic, `cryptography`, `msgpack`. No I/O, no clock, no dice.
"""
