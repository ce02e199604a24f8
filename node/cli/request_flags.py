"""The flags of whatever asks where something can run, and of what takes it."""

import argparse
from typing import Final

from node.cli.model_flags import sizing_flags

OBJECTIVES: Final = ("headroom", "pack", "local", "soonest", "fastest", "spread")


def peer(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--peer", metavar="NAME|ADDR", help="ask this peer over TLS (needs the mesh's secret)"
    )
    parser.add_argument("--secret-file", metavar="FILE", help="where the secret is, for --peer")


def request(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("words", nargs="*", metavar="WORDS", help="what is to run, in plain words")
    add("--ram", metavar="AMOUNT", help="main memory, as in 4GiB")
    add("--memory", metavar="AMOUNT", help="memory of a card, else main memory")
    add(
        "--gpu", dest="gpus", action="append", metavar="SELECTOR",
        help="as in nvidia:24GB..:2; may be repeated",
    )  # fmt: skip
    add("--cpu", metavar="CORES", help="as in 2 or 500m")
    add("--disk", dest="disks", action="append", metavar="[KIND:]AMOUNT", help="as in ssd:100GB")
    add("--slots", action="append", metavar="NAME[:N]", help="as in whisper:2; may be repeated")
    add("--os", dest="os", metavar="NAME", help="as in linux")
    add("--arch", metavar="NAME", help="as in x86_64")
    add("--tool", dest="tools", action="append", metavar="NAME", help="may be repeated")
    add("--label", dest="labels", action="append", metavar="KEY=VALUE", help="may be repeated")
    add("--node", metavar="NODE", help="this node and no other")
    add("--objective", choices=OBJECTIVES, help="what makes one place better than another")
    add(
        "--near",
        metavar="DATA",
        help="where it is soonest: PATH, HOST:/path=9GB, org/repo",
    )
    add("--engine", dest="engines", action="append", metavar="NAME", help="better, as in vllm")
    add("--prefer", action="append", metavar="NODE", help="first, if it fits; may be repeated")
    add("--avoid", action="append", metavar="NODE", help="last, if it fits; may be repeated")
    sizing_flags(parser)
    add("--work", metavar="NAME", help="what kind of work; nodes remember how such work went")
    add("--despite-failures", action="store_true", help="also where such work crashed of late")


def suppose(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--for", dest="duration", metavar="TIME", help="as in 2h: with what is planned meanwhile")
    add("--start", metavar="WHEN", help="later, as in +3h, 14:00, 'tomorrow 14:00', an ISO time")
    add("--without", action="append", metavar="NODE", help="suppose it were gone")
    add("--plus", action="append", metavar="NODE=WHAT", help="suppose it had bob=nvidia:24GB too")
    add("--freed", action="append", metavar="HOLD", help="suppose this hold had ended")
    peer(parser)


def explain(parser: argparse.ArgumentParser) -> None:
    request(parser)
    suppose(parser)


def why_not(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "candidate", nargs="?", metavar="NODE",
        help="whose reasons to tell: a name or id (default: every node's)",
    )  # fmt: skip
    request(parser)
    nodes(parser)
    suppose(parser)


def plan(parser: argparse.ArgumentParser) -> None:
    request(parser)
    parser.add_argument("--jobs", metavar="FILE", help="many jobs: TOML, JSON or YAML")
    peer(parser)


def profile(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("what", choices=("match",), metavar="match", help="what to do")
    parser.add_argument("words", nargs="+", metavar="WORDS", help="what is to run, in plain words")


def where(parser: argparse.ArgumentParser) -> None:
    request(parser)
    told = parser.add_mutually_exclusive_group()
    told.add_argument("--all", action="store_true", help="list every candidate")
    told.add_argument("--brief", action="store_true", help="the choice and counts, and no more")
    nodes(parser)
    suppose(parser)


def nodes(parser: argparse.ArgumentParser) -> None:
    add = parser.add_argument
    add("--nodes", metavar="COUNT", help="on so many different nodes at once: all of them or none")
    add("--split", choices=("layer", "tensor"), help="with --model and --nodes: a part on each")


def reserve(parser: argparse.ArgumentParser) -> None:
    request(parser)
    add = parser.add_argument
    add("--for", dest="duration", metavar="TIME", help="how long, as in 2h (default 1h)")
    add("--start", metavar="WHEN", help="later, as in +3h, 14:00, 'tomorrow 14:00', an ISO time")
    add("--hold", action="store_true", help="stop after the hold; `holdfast post` confirms it")
    nodes(parser)
    add("--pid", help="tie it to this running process of this machine; ends with it")
    add("--token-file", metavar="FILE", help="what an owner knows that principal by")
    add("--force", action="store_true", help="over a quota, or over what others use; see --reason")
    add("--reason", metavar="TEXT", help="with --force: why; everybody sees it")
    add("--carried", action="store_true", help="a lease of 30 s that `holdfast renew` keeps up")
    add("--label-text", metavar="TEXT", default="", help="what others read beside it")
    add("--principal", metavar="NAME", default="", help="on whose behalf")
    add("--require-copy", action="store_true", help="void it unless another peer has stored it")
    add("--plan", metavar="TOKEN", default="", help="there, if all is as it was when planned")
    add("--wait", metavar="TIME", help="where there is no room, wait for it so long, as in 30m")
    add("--priority", metavar="N", type=int, default=0, help="0 to 9, before others who wait")
    add("--no-wait", action="store_true", help="do not wait for an owner in quarantine")
