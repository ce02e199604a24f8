"""Who is still there: looks, doubts, and the few ways in which a doubt ends.

`lookout.py` puts it together; `probing.py` is one look, `suspicion.py` a doubt and its time,
`docket.py` and `lots.py` keep one accuser from killing many, `fitness.py` and `patience.py` keep
our own slowness from being taken for somebody's death.
"""
