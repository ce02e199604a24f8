"""Every command and flag, on one page.

Built from argparse alone and without importing a single command, so that `holdfast --help` costs
nothing. Flags are refused by name and with the nearest real one; they are never guessed from a
prefix, because a shortened flag today is an ambiguous one tomorrow.
"""

import argparse
import re
from collections.abc import Callable, Sequence
from itertools import takewhile
from typing import Any, Final, NamedTuple, NoReturn

from node.cli import hold_flags, request_flags, trust
from node.cli.exits import SIMULATE_MISUSED, WRONG_USAGE, Unable, wrong_usage
from node.cli.model_flags import model_flags
from node.cli.once import Once
from node.cli.quota_flags import quota
from node.cli.simulate_flags import simulate
from node.config import VERSION

SHELLS: Final = ("bash", "zsh", "fish")
_CHOICE: Final = re.compile(r"invalid choice: '?(.*?)'? \(choose from")
_ARGUMENT: Final = re.compile(r"argument (\S+?): (.*)", re.DOTALL)

EPILOG: Final = """\
first steps:
  holdfast up                    start an agent on this machine
  holdfast invite                print the line that lets the next machine join
  holdfast where --ram 4GiB      where is there room?
  holdfast reserve --ram 4GiB --for 2h

exit status: 0 yes, 1 no, 2 wrong usage, 3 no agent, 4 refused by policy
"""

SCORE: Final = (
    "score: 0 to 100, the share of the whole pool that stays free (with `--objective pack`: the "
    "share that is taken). For the eye; the room itself decides."
)

VERDICTS: Final = (
    "exit status: 0 every promise was kept, 2 one was broken, 3 something that must come never "
    "came, 4 two nodes disagree, 5 one seed was two histories, 6 the simulator itself failed, 64 "
    "wrong usage, 130 stopped with Ctrl-C"
)


class Parser(argparse.ArgumentParser):
    """argparse, with a sentence instead of a usage dump when something is wrong."""

    misused: int = WRONG_USAGE
    """The exit status when it was written wrongly."""

    def __init__(self, *words: Any, **said: Any) -> None:
        super().__init__(*words, **said)
        self.register("action", None, Once)
        self.register("action", "store", Once)

    def error(self, message: str) -> NoReturn:
        choice = _CHOICE.search(message)
        if choice is not None and self.children():
            raise self._no_such(choice.group(1))
        raise self.wrong(f"{self.prog}: {_reworded(message)}", f"`{self.prog} --help` shows how")

    def wrong(self, sentence: str, hint: str) -> Unable:
        """The caller has to write it differently."""
        return wrong_usage(sentence, hint, self.misused)

    def _no_such(self, word: str) -> Exception:
        known = self.words()
        near = _nearest(word, known)
        guess = f"; did you mean `{near[0]}`?" if near else ""
        return self.wrong(
            f"{self.prog} has no command {word!r}{guess}", f"`{self.prog} --help` lists them"
        )

    def words(self) -> list[str]:
        """The subcommands."""
        return list(self.children())

    def children(self) -> dict[str, "Parser"]:
        """The subcommands' parsers by name."""
        for action in self._actions:
            if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - no public way in
                return dict(action.choices)
        return {}

    def flags(self) -> list[str]:
        """Every option string of this parser."""
        return [flag for action in self._actions for flag in action.option_strings]


class Help(argparse.RawDescriptionHelpFormatter):
    """argparse, but the longest command shares its line with its help."""

    def add_argument(self, action: argparse.Action) -> None:
        super().add_argument(action)
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - no public way in
            # argparse measures the commands before it indents them.
            widest = max(len(command) for command in action.choices)
            indent = self._current_indent + self._indent_increment
            self._action_max_length = max(self._action_max_length, indent + widest)


class Command(NamedTuple):
    """One command: its module below `node.cli.commands`, one line of help, and its flags."""

    name: str
    module: str
    help: str
    add_flags: Callable[[Parser], None]
    epilog: str = ""
    misused: int = WRONG_USAGE


def build() -> Parser:
    """The whole tree."""
    parser = Parser(
        prog="holdfast",
        description="Where can this run, is there really room, and will nobody else grab it?",
        epilog=EPILOG,
        formatter_class=Help,
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"holdfast {VERSION}")
    _everywhere(parser)
    parser.set_defaults(state=None, json=False, module=None)
    below = parser.add_subparsers(title="commands", metavar="COMMAND", parser_class=Parser)
    for command in COMMANDS:
        child = below.add_parser(
            command.name,
            help=command.help,
            description=command.help,
            allow_abbrev=False,
            epilog=command.epilog,
        )
        child.misused = command.misused
        command.add_flags(child)
        _everywhere(child)
        child.set_defaults(module=command.module, command=command.name)
    return parser


def parse(parser: Parser, words: Sequence[str]) -> argparse.Namespace:
    """The flags as written. Raises Unable (wrong usage) with a guess at what was meant."""
    commands = parser.children()
    for number, word in enumerate(takewhile(lambda word: word not in commands, words)):
        if word.startswith("-") and word.partition("=")[0] not in parser.flags():
            parser.parse_known_args(words[:number])  # a mistyped command is the greater mistake
            raise _no_such_flag(parser, word)
    known, strangers = parser.parse_known_args(words)
    if not strangers:
        return known
    child = commands.get(getattr(known, "command", ""), parser)
    if strangers[0].startswith("-"):
        raise _no_such_flag(child, strangers[0])
    raise child.wrong(
        f"{child.prog}: {strangers[0]!r} is one word too many here",
        "plain words belong together: put them in quotes",
    )


def _no_such_flag(parser: Parser, word: str) -> Exception:
    flag = word.partition("=")[0]
    near = _nearest(flag, parser.flags())
    guess = f"; did you mean {near[0]}?" if near else ""
    return parser.wrong(f"{parser.prog} has no flag {flag}{guess}", f"`{parser.prog} --help`")


def _nearest(word: str, known: Sequence[str]) -> list[str]:
    from difflib import get_close_matches  # only who mistypes waits for it

    return get_close_matches(word, known, n=1)


def _reworded(message: str) -> str:
    # WORDS may always be left out; argparse counts them among what is missing all the same.
    message = message.removesuffix(", WORDS")
    found = _ARGUMENT.match(message)
    if found is None:
        return message
    flag, problem = found.groups()
    if problem.startswith("expected"):
        return f"{flag} needs a value (amounts are positive and carry a unit, as in 4GiB)"
    if problem.startswith("invalid choice"):
        said = problem.removeprefix("invalid choice: ")
        return said if "|" in flag else f"{flag}: {said}"  # `a|b` says the choices already
    return f"{flag}: {problem}"


def _everywhere(parser: Parser) -> None:
    # SUPPRESS: a subcommand that was not given the flag must not undo the one before it.
    gap = argparse.SUPPRESS
    parser.add_argument("--state", metavar="DIR", default=gap, help="the agent's state folder")
    parser.add_argument("--json", action="store_true", default=gap, help="one JSON object")


def _none(_parser: Parser) -> None:
    pass


def _watched(parser: Parser) -> None:
    add = parser.add_argument
    add("--watch", action="store_true", help="show it again and again, until Ctrl-C")
    add("--every", metavar="TIME", help="how often, with --watch (default 1s)")


def _facts(parser: Parser) -> None:
    parser.add_argument("node", nargs="?", metavar="NODE", help="name or id (default: all)")
    parser.add_argument(
        "--forgive", metavar="WORK", help="forget here that such work failed: it is mended"
    )
    request_flags.peer(parser)
    _watched(parser)


def _peers(parser: Parser) -> None:
    trust.peers(parser)
    _watched(parser)


def _status(parser: Parser) -> None:
    request_flags.peer(parser)
    _watched(parser)


def _up(parser: Parser) -> None:
    add = parser.add_argument
    add("--detach", action="store_true", help="return once the agent is ready")
    add("--name", help="how people call this node (default: the hostname)")
    add("--port", help="UDP and TCP port (default 4653)")
    add("--offer", metavar="ram=..,cores=..", help="share only this much of the machine")
    add("--label", dest="labels", action="append", metavar="KEY=VALUE", help="may be repeated")
    add("--slots", action="append", metavar="NAME=N", help="so many of them, as in whisper=2")
    add("--seed", dest="seeds", action="append", metavar="HOST:PORT", help="may be repeated")
    add("--interface", dest="interfaces", action="append", metavar="NAME", help="only these")
    add("--no-mdns", dest="mdns", action="store_false", default=None, help="beacons and seeds only")
    add("--profile", dest="mesh_profile", help="find the dead: balanced (default) or fast")
    trust.up(parser)
    add("--history-for", metavar="TIME", help="keep pruned parts of logs readable so long (30d)")
    add("--system-reserve", metavar="AMOUNT", help="memory never promised, as in 2GiB")
    add("--secret-file", metavar="FILE", help="take the mesh's secret from this file")
    add("--json-logs", action="store_true", default=None, help="log as one JSON object per line")
    first = add("--first", action="store_true", default=None)
    first.help = "this machine has promised nothing yet: no quarantine (goes on record)"
    moved = parser.add_mutually_exclusive_group()
    moved.add_argument(
        "--moved", action="store_true", default=None, help="this folder has moved here: keep its id"
    )
    moved.add_argument(
        "--new-identity", action="store_true", default=None, help="this folder is a copy: new id"
    )


def _join(parser: Parser) -> None:
    parser.add_argument("invite", nargs="?", metavar="INVITE", help="printed by `holdfast invite`")
    _up(parser)


def _invite(parser: Parser) -> None:
    parser.add_argument(
        "--ttl",
        "--expires",
        metavar="TIME",
        default="1h",
        help="how long it is good: 90s, 30m, 2h, 7d at most (default 1h)",
    )
    parser.add_argument(
        "--uses", type=int, default=1, metavar="N", help="for how many machines (default 1)"
    )


def _adopt(parser: Parser) -> None:
    add = parser.add_argument
    add("process", metavar="PID", help="a process that runs on this machine")
    add("--hold", metavar="ID", required=True, help="a grant of this machine; may be shortened")
    add("--group", action="store_true", help="and all of its control group")


def _holds(parser: Parser) -> None:
    parser.add_argument("--ended", action="store_true", help="the last ended ones too")
    parser.add_argument("--waiting", action="store_true", help="and who waits in its line")
    parser.add_argument("--all", action="store_true", help="and who uses what nobody reserved")
    request_flags.peer(parser)


def _ledger(parser: Parser) -> None:
    add = parser.add_argument
    what = ("show", "history", "verify", "export", "open")
    add("what", choices=what, metavar="|".join(what), help="what to do")
    add("about", nargs="?", metavar="NODE|WHAT", help="whose ledger; of history: what about")
    add("--of", metavar="NODE", help="with history: whose ledger (default: our own)")
    add("--format", choices=("jsonl", "csv"), default="jsonl", help="of export (jsonl)")
    add("--out", metavar="FILE", help="export into this file")
    add("--last", metavar="COUNT", default="50", help="blocks to show (50)")
    add("--receipt", metavar="FILE", help="verify this receipt, with no agent and no network")
    add("--reason", metavar="TEXT", help="with `open`: why bookings need not wait; goes on record")


def _config(parser: Parser) -> None:
    parser.add_argument("what", choices=("show",), metavar="show", help="what to do")
    parser.add_argument("--origin", action="store_true", help="where each value comes from")


def _events(parser: Parser) -> None:
    add = parser.add_argument
    add("--follow", action="store_true", help="go on as they happen, until Ctrl-C")
    add("--since", metavar="TIME", help="the last so long, as in 10m (default: all that is kept)")
    add("--kind", dest="kinds", action="append", metavar="KIND", help="as in peer or peer.dead")


def _doctor(parser: Parser) -> None:
    add = parser.add_argument
    add("--no-survey", dest="survey", action="store_false", help="do not ask the other nodes")


def _completion(parser: Parser) -> None:
    parser.add_argument("shell", choices=SHELLS, metavar="|".join(SHELLS), help="which shell")


COMMANDS: Final = (
    Command("up", "up", "start an agent on this machine", _up),
    Command("join", "join", "join the mesh of an invite, then go on as `up`", _join),
    Command("invite", "invite", "print a one-time line with which a machine can join", _invite),
    Command("leave", "leave", "say goodbye to the mesh and stop the agent", _none),
    Command("status", "status", "this node, its standing, its peers", _status),
    Command("peers", "peers", "the other nodes, as this one knows them", _peers),
    Command("forget", "forget", "a dead or left node leaves every roll", trust.forget),
    Command("succeed", "succeed", "go on with what a lost key had promised", trust.succeed),
    Command("facts", "facts", "hardware and live figures, with their age", _facts),
    Command("model", "model", "what a model is, from its own files", model_flags),
    Command("where", "where", "where can this run?", request_flags.where, SCORE),
    Command("plan", "plan", "decide now, take it later", request_flags.plan, SCORE),
    Command("explain", "explain", "every candidate, every reason", request_flags.explain, SCORE),
    Command("why-not", "why_not", "what speaks against one node", request_flags.why_not),
    Command("profile", "profile", "what plain words are read as", request_flags.profile),
    Command("reserve", "reserve", "take that room and keep it", request_flags.reserve, SCORE),
    Command("post", "post", "confirm a hold made with `reserve --hold`", hold_flags.one),
    Command("renew", "renew", "a carried lease lasts for another term", hold_flags.renew),
    Command("extend", "extend", "a booking lasts longer", hold_flags.extend),
    Command("shrink", "shrink", "give back a part of a grant", hold_flags.shrink),
    Command("transfer", "transfer", "hand on a part of a booking", hold_flags.transfer),
    Command("release", "release", "give a hold back", hold_flags.release),
    Command("adopt", "adopt", "what runs already is what a hold was taken for", _adopt),
    Command("holds", "holds", "who holds what", _holds),
    Command("quota", "quota", "what a principal may hold over the whole mesh", quota),
    Command("ledger", "ledger", "show or verify the ledgers, or open ours by name", _ledger),
    Command(
        "simulate", "simulate", "the same agents on a simulated cluster, through a bad night",
        simulate, VERDICTS, SIMULATE_MISUSED,
    ),
    Command("doctor", "doctor", "what works, what does not, and what to do", _doctor),
    Command("events", "events", "what happened on this node, and what happens", _events),
    Command("keys", "keys", "the mesh's secrets: list, show, and change them", trust.keys),
    Command("config", "config", "settings, and where they come from", _config),
    Command("completion", "completion", "completion script for your shell", _completion),
    Command("version", "version", "the version", _none),
)  # fmt: skip
