"""Quotas over the whole mesh, as this node sees and serves them.

`reading` tells our books what others' logs say of rights; `moving` fetches some for a hold that
lacks them, and does what a person asks; `table` is what people are shown. What rights are, and why
their sum never grows by itself, is told in `ledger/books/rights.py`.
"""
