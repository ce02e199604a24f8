"""Several nodes at once, all or none, as the asker lives through it and its surfaces tell it.

`gang.py` is one gang from its intent to its end; `ganging.py` asks the owners, `table.py` keeps
what is under way, `books.py` reads what the logs know, `counter.py` and `answers.py` face the
surfaces. Stands on `reserving`; what an owner decides of a gang is in `ledger`.
"""
