"""One owner, seen from its outside: how it stands, what may be read of it, what it puts in order.

`standings.py` says whether it grants and why not, `readable.py` is all that others may look at;
`checkpointing.py` keeps its log short, `bookings.py` says from when it plans ahead again, and
`succession.py` takes over what another id had promised on this machine. `ledger.machine` puts it
together.
"""
