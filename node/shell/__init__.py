"""node/shell: the hands. Everything that touches a clock, a socket, a disk or a key file.

Start at `driver.py` (the desk: one task owns the agent, one carries out what it asks, in order),
then `opening.py` (what a start must settle before the first packet), `journal.py` and `marker.py`
(what survives, and the proof that it did), `udp.py` and `beacons.py` (the port and the ears),
`mdns.py` (one more way to be found), `streams.py` and `dialler.py` (mutual TLS), `local.py` (the
command's door), `probing.py` (when to look at the hardware). Thin on purpose: what is proven in the
simulator replaces only this.
"""
