"""How news goes round, and how two machines become equal when some of it was missed.

`gossip.py` tells what is new a few times within `budgets.py`; `roots.py` and `inquiries.py` see
that somebody differs, `reconcile.py` and `parcels.py` make equal. `intake.py` is the one place
where a fact or a block is checked and kept, `voice.py` where we say one of our own.
"""
