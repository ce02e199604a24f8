"""What travels, to the byte: the outside of a datagram, the letters inside, and their fields.

`messages.py` is the closed union, `wire.py` reads and writes all of it or nothing, `datagram.py`
is the header that members know each other by, `beacon.py` the one thing that anyone may read.
`docs/reference/wire.md` is written from here.
"""
