"""The flags of the commands about who belongs here: keys and peers."""

from argparse import ArgumentParser


def keys(parser: ArgumentParser) -> None:
    """Of `holdfast keys`."""
    add = parser.add_argument
    what = ("show", "list", "generate", "install", "use", "remove", "recovery")
    add("what", choices=what, metavar="|".join(what), help="what to do")
    add("key", nargs="?", metavar="KEY|FILE", help="which key; with install also a secret's file")
    add("--reveal", action="store_true", help="print the secret itself")
    add("--yes", action="store_true", help="also where nobody may be watching")
    add("--out", metavar="FILE", help="where `generate` or `recovery` puts it (mode 0600)")
    add("--only", action="append", metavar="NODE", help="tell this node; may be repeated")
    add("--here", action="store_true", help="change this node alone")
    add("--force", action="store_true", help="even if a live node is cut off; needs --reason")
    add("--reason", metavar="TEXT", help="why; goes on record")


def peers(parser: ArgumentParser) -> None:
    """Of `holdfast peers`."""
    add = parser.add_argument
    what = ("list", "trust", "untrust", "pins", "revoke", "forgotten", "measure")
    add("what", nargs="?", default="list", choices=what, metavar="|".join(what), help="what to do")
    add("node", nargs="?", metavar="NODE", help="whom to trust (or no more), revoke, or measure")
    add("--reason", metavar="TEXT", help="with `revoke`: why; everybody will read it")


def up(parser: ArgumentParser) -> None:
    """Of `holdfast up` and `join`."""
    add = parser.add_argument
    add("--trust", metavar="POLICY", help="who counts here: secret (default), tofu or allow-list")
    add("--trusted", action="append", metavar="ID", help="with allow-list: these; may be repeated")


def forget(parser: ArgumentParser) -> None:
    """Of `holdfast forget`."""
    add = parser.add_argument
    add("node", metavar="NODE", help="name or id of a node that is dead or has left")
    add("--force", action="store_true", help="even if it still owes holds; needs --reason")
    add("--reason", metavar="TEXT", help="why; everybody will read it")


def succeed(parser: ArgumentParser) -> None:
    """Of `holdfast succeed`."""
    add = parser.add_argument
    add("node", nargs="?", metavar="OLD", help="who this machine was: a name or an id")
    add("--reason", metavar="TEXT", help="why; everybody will read it")
    add("--recovery-key", metavar="FILE", help="what `keys recovery` wrote: proves who it was")
    add("--deny", action="store_true", help="it was another machine: ask no more")
    add("--force", action="store_true", help="though other hardware, or some that know are away")
