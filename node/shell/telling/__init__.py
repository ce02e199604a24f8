"""What people and their programs hear of an agent.

`local.py` is the command's door, `chronicle.py` the events that it streams, `events.py` the same as
lines on a terminal, `rolling.py` the file they go to when nobody watches.
"""
