"""node: the process.

Inside, doors stand over hands over head: `cli` > `app` > `surfaces` > `shell` > `probes | runner`
> `core` > `config`. The head (`core`) is still; the hands (`shell`, `probes`, `runner`) touch
sockets, disks and drivers; `app.py` is the whole process on one page.
"""
