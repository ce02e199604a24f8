"""The asker's side of one reservation: what is wished, where it waits, what is told to whom.

`wishes.py` and `lines.py` hold what one asker wants, `asking.py` brings it from "where?" to "it is
yours", `telling.py` and `instructing.py` carry one command to one owner, `carrying.py` renews a
lease while something runs, `custody.py` answers a booking once another could vouch for it.
"""
