"""The ways between machines: who hears whom over which network, how fast, and what is in the way.

`links.py` is what one node saw, `matrix.py` puts two tellings side by side, `findings.py` and
`diagnoses.py` name what is wrong, `surveying.py` and `measuring.py` go and look.
"""
