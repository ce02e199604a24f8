"""The flags of `holdfast simulate`, which has more of them than any other command."""

from argparse import ArgumentParser


def simulate(parser: ArgumentParser) -> None:
    """Add them."""
    add = parser.add_argument
    add("--nodes", metavar="COUNT", help="how many machines (default 50; of a scenario: its own)")
    add(
        "--for", dest="duration", metavar="TIME", help="virtual time that things go wrong: 30s, 10m"
    )
    add("--faults", metavar="LIST", help="all, none, or as in lossy,kill=2 (`--list` names them)")
    add("--seed", metavar="NUMBER", help="draws everything; the same one is the same history")
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--scenario", metavar="NAME", help="one story (`--list` names them)")
    what.add_argument(
        "--replay", metavar="NUMBER", help="live a seed again: write its line's flags"
    )
    what.add_argument("--swarm", metavar="TIME", help="many seeds for so long, on all cores")
    what.add_argument("--list", action="store_true", help="every scenario and every fault")
    what.add_argument(
        "--serve", action="store_true", help="clusters for another program: JSON lines on stdin"
    )
    what.add_argument(
        "--cluster", metavar="FILE", help="your own machines: TOML, or what `facts --json` printed"
    )
    add(
        "--demand", metavar="FILE", help="your own jobs, with --cluster: who waits, what stays free"
    )
    add("--csv", metavar="FILE", help="with --cluster: a row per job")
    trace = add("--trace", nargs="?", const="told", choices=("told", "every"), metavar="every")
    trace.help = "tell what happens, event by event; with `every` each datagram and disk write too"
    add("--jobs", metavar="COUNT", help="processes, with --swarm (default: one per core)")
    add("--operations", metavar="RATE", help="requests per virtual second over all (default 20)")
    add("--scheme", choices=("stand-in", "ed25519"), help="how nodes sign; the stand-in is faster")
    add("--without", metavar="LABELS", help="leave out these occurrences of faults")
    add("--canary", action="store_true", help="tell the checks a lie: the run must fail")
