"""node: the process.

Inside, doors stand over hands over head: `cli` > `app` > `shell` > `probes` > `core` > `config`.
The head (`core`) is still; the hands (`shell`, `probes`) touch sockets, disks and drivers; `app.py`
is the whole process on one page. Start with `core/machine.py`.
"""
