"""What really runs here, held against what was promised: whose it is, and what it takes.

`attribution.py` puts it together; `ties.py` knows which process belongs to which hold,
`remembering.py` keeps what was learnt for later estimates, `rivals.py` sees who else claims the
same hardware.
"""
