"""The flags of the commands about who belongs here: keys and peers."""

from argparse import ArgumentParser


def keys(parser: ArgumentParser) -> None:
    """Of `holdfast keys`."""
    add = parser.add_argument
    what = ("show", "list", "generate", "install", "use", "remove")
    add("what", choices=what, metavar="|".join(what), help="what to do")
    add("key", nargs="?", metavar="KEY|FILE", help="which key; with install also a secret's file")
    add("--reveal", action="store_true", help="print the secret itself")
    add("--yes", action="store_true", help="also where nobody may be watching")
    add("--out", metavar="FILE", help="where `generate` puts the new secret (mode 0600)")
    add("--only", action="append", metavar="NODE", help="tell this node; may be repeated")
    add("--here", action="store_true", help="change this node alone")
    add("--force", action="store_true", help="even if a live node is cut off; needs --reason")
    add("--reason", metavar="TEXT", help="why; goes on record")


def peers(parser: ArgumentParser) -> None:
    """Of `holdfast peers`."""
    add = parser.add_argument
    what = ("list", "revoke", "measure")
    add("what", nargs="?", default="list", choices=what, metavar="|".join(what), help="what to do")
    add("node", nargs="?", metavar="NODE", help="whom to revoke, or to measure")
    add("--reason", metavar="TEXT", help="with `revoke`: why; everybody will read it")
