"""Networks as people have them, made of namespaces, with real agents in them.

A router between two floors, two cables per machine, IPv6 alone, a firewall that lets one direction
through, a cable plugged in later: each is a **wiring** (`wirings.py`) that lays cables
(`cabling.py`), starts agents, and measures how long they take to find each other. All of it runs in
a sandbox that ends with whoever made it (`simulations.truth.sandbox`); no packet leaves it.

    python -m simulations.networks [WIRING…] [--json] [--list]
"""
