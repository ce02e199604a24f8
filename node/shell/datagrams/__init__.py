"""The port, the ears and the voice: every datagram that arrives or leaves.

`udp.py` is the gate over `sockets.py`; `beacons.py`, `mdns.py` (with `mdns_records.py`) and
`seeding.py` are three ways to be found; `interfaces.py`, `link_news.py` and `terrain.py` say what
lies between this machine and the others.
"""
