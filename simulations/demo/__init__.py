"""The demo: three real nodes on this machine tell the whole story, each step measured.

Real processes, real sockets, real disks and the real hardware of this machine; nothing here is
simulated but the distance. `places.py` gives each node a host of its own (a network namespace, or a
port on loopback), `nodes.py` starts and kills them, `story.py` is what happens.
"""
