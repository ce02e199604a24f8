"""The truth tier: real processes, real disks, real sockets, and real trouble between them.

Everything runs in a sandbox of namespaces that ends with whoever made it (`sandbox.py`): a network
for each node, joined by a switch in user space (`switch.py`) that cuts, loses and delays frames, so
that no kernel module is needed. `cluster.py` starts, kills, stops and starts the agents,
`people.py` asks them for room on one node or several, at once or with patience, `troubles.py` is
what goes wrong, `history.py` holds every answer against what was promised. `campaign.py` puts it
together; `stage.py` tells stories here.
"""
