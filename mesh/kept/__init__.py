"""What a node keeps of everybody's words: facts on a board, logs in chains, and how they compare.

`board.py` and `chains.py` are the tables, `lineage.py` one author's log in them, `notary.py` what
was checked already, and `digest.py` the names under which two machines compare what they keep.
"""
