"""Proof: a log that anybody can check without trusting its author, or this code twice.

`blocks.py` seals entries and `proofs.py` cuts receipts from what was sealed; `audit.py` says
whether a log keeps its invariants, with a `tally.py` of its own that shares nothing with the books;
`beginnings.py` and `strands.py` are for logs of which only a part is there.
"""
