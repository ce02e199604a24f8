"""The flags of `holdfast quota`."""

from argparse import ArgumentParser
from typing import Final

from node.cli.request_flags import peer

SORTS: Final = {
    "ram": "ram", "gpu_memory": "gpu", "mig_memory": "mig", "unified": "unified", "cpu": "cpu",
    "disk": "disk", "slots": "slots",
}  # fmt: skip
"""Flag → the kind of pool that it means."""
WHAT: Final = ("list", "issue", "move", "withdraw", "open")


def quota(parser: ArgumentParser) -> None:
    """Of `holdfast quota`."""
    add = parser.add_argument
    add("what", nargs="?", default="list", choices=WHAT, metavar="|".join(WHAT), help="what to do")
    add("principal", nargs="?", metavar="PRINCIPAL", help="whose quota")
    add("--ram", metavar="AMOUNT", help="main memory, as in 48GiB")
    add("--gpu-memory", metavar="AMOUNT", help="memory of cards")
    add("--mig-memory", metavar="AMOUNT", help="memory of MIG instances")
    add("--unified", metavar="AMOUNT", help="unified memory")
    add("--cpu", metavar="CORES", help="as in 8 or 500m")
    add("--disk", metavar="AMOUNT", help="disk")
    add("--slots", metavar="COUNT", help="slots")
    add("--from", dest="source", metavar="NODE", help="with `move`: from there (default: here)")
    add("--to", dest="target", metavar="NODE", help="with `move`: to there (default: here)")
    add("--also", action="store_true", help="with `issue`: though another node has issued some")
    add("--gone", metavar="NODE", help="with `withdraw`: lost there; it was revoked")
    add("--off", action="store_true", help="with --gone: its machine is off for good; do not wait")
    add("--reason", metavar="TEXT", help="with --gone and `open`: why; goes on record")
    peer(parser)
