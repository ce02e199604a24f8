"""node/shell: the hands. Everything that touches a clock, a socket, a disk or a key file.

Start at `driver.py` (the desk: one task owns the agent, one carries out what it asks, in order),
then `opening.py` (what a start must settle before the first packet). Around them: `disk/` (what
survives, and the proof that it did), `datagrams/` (the port, and three ways to be found),
`streams/` (mutual TLS), `telling/` (the command's door and what it hears), `probing.py` (when to
look at the hardware), `surroundings.py` (all that a start reaches out with, so that invented time
can stand in for it). Thin on purpose: what is proven in the simulator replaces only this.
"""
