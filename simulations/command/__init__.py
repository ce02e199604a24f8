"""simulations.command: `holdfast simulate`, behind its door.

`node.cli.commands.simulate` is the door: it finds this room by name, because nothing below may know
it. What comes in are flags, what goes out is an exit status.

Reading order: `entry.py` (which of the things that were asked for), `reading.py` (flags into
options, and what is wrong with them), `bar.py` (what is seen meanwhile), `showing.py` (the verdict
on one screen), `wording.py` (what each promise and state is called), `listing.py`,
`studying.py` (their own machines and jobs). Uses all of `simulations`, and of `node` only what its
own command line is made of.
"""

from simulations.command.entry import run

__all__ = ["run"]
