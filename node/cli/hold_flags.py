"""The flags of whatever is said about one hold."""

import argparse


def one(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help="as printed by `reserve`; may be shortened")


def release(parser: argparse.ArgumentParser) -> None:
    one(parser)
    parser.add_argument(
        "--with-parts", action="store_true", help="and before it what was handed on of it"
    )


def renew(parser: argparse.ArgumentParser) -> None:
    one(parser)
    add = parser.add_argument
    add("--every", metavar="TIME", help="again and again, as in 10s, until Ctrl-C or a no")
    add("--for", dest="duration", metavar="TIME", help="with --every: for so long (default 1h)")


def extend(parser: argparse.ArgumentParser) -> None:
    one(parser)
    how = parser.add_mutually_exclusive_group(required=True)
    how.add_argument(
        "--for", dest="duration", metavar="TIME", help="how long it lasts in all, as in 3h"
    )
    how.add_argument("--by", metavar="TIME", help="how much longer than it does, as in 1h")


def shrink(parser: argparse.ArgumentParser) -> None:
    one(parser)
    parser.add_argument(
        "--keep", action="append", required=True, metavar="POOL=AMOUNT",
        help="as in ram=2GiB; 0 for none; may be repeated; other pools stay as they are",
    )  # fmt: skip


def transfer(parser: argparse.ArgumentParser) -> None:
    one(parser)
    add = parser.add_argument
    add(
        "--part", action="append", metavar="POOL=AMOUNT",
        help="as in ram=2GiB; may be repeated (default: all that it has)",
    )  # fmt: skip
    add("--to", metavar="NODE", default="", help="who holds it from then on (default: this node)")
    add("--for", dest="duration", metavar="TIME", help="how long (default: as long as the whole)")
    add("--carried", action="store_true", help="a lease that its holder renews, instead")
    add("--label-text", metavar="TEXT", default="", help="what others read beside it")
    add("--principal", metavar="NAME", default="", help="on whose behalf")
