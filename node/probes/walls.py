"""Walls: packet filters that may drop what comes in, found by looking and never changed.

Two front ends say themselves that they are on (ufw by its own file, firewalld by its running unit).
Behind them the kernel's rules are listed by `nft` or `iptables`, which needs privileges; without
them the saved rules that are loaded at boot must do. What counts is whether the *input* hook can
drop anything: rules that only forward or translate, as container engines load them everywhere,
stop nobody from reaching an agent.

Formats: nft(8) "list ruleset"; iptables(8) "-S"; ufw(8), /etc/ufw/ufw.conf.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from itertools import pairwise
from typing import Final

from node.probes.sources import Roots, exists, read_text

UFW: Final = "ufw"
FIREWALLD: Final = "firewalld"
NFTABLES: Final = "nftables"
IPTABLES: Final = "iptables"
RULES_BYTES_MAX: Final = 1 << 20
"""A router of a thousand rules prints some 100 kB."""
JUMPS_MAX: Final = 256
"""Chains followed from one hook; they may point at each other."""

Say = Callable[[list[str]], str]
"""Runs a program that only looks, and returns what it prints; "" when there is no such thing."""

_TABLE: Final = re.compile(r"\s*table\s+(\S+)\s+(\S+)\s*\{")
_CHAIN: Final = re.compile(r"\s*chain\s+(\S+)\s*\{")
_HOOK: Final = re.compile(r"type\s+filter\s+hook\s+input\b")
_DROPS: Final = re.compile(r"\b(drop|reject)\b")
_JUMP: Final = re.compile(r"\b(?:jump|goto)\s+(\S+)")
_QUOTED: Final = re.compile(r'"[^"]*"')


def read_walls(roots: Roots, say: Say) -> tuple[str, ...]:
    """Every filter that may drop what comes in, the front end where there is one."""
    fronts = [name for name, on in ((UFW, ufw_is_on(roots)), (FIREWALLD, _runs(roots))) if on]
    if fronts:
        return tuple(fronts)  # what they wrote into the kernel is theirs
    if nft_drops_input(say(["nft", "list", "ruleset"])) or nft_drops_input(saved_rules(roots)):
        return (NFTABLES,)
    return (IPTABLES,) if iptables_drops_input(say(["iptables", "-S"])) else ()


def ufw_is_on(roots: Roots) -> bool:
    """Whether ufw's own file says that it is enabled."""
    text = read_text(f"{roots.etc}/ufw/ufw.conf") or ""
    settings = dict(
        line.replace(" ", "").split("=", 1)
        for line in text.splitlines()
        if "=" in line and not line.lstrip().startswith("#")
    )
    return settings.get("ENABLED", "").strip("\"'").lower() == "yes"


def _runs(roots: Roots) -> bool:
    # systemd gives a running unit a control group: no bus has to be asked.
    folders = ("fs/cgroup/system.slice", "fs/cgroup/systemd/system.slice")
    return any(exists(f"{roots.sys}/{folder}/firewalld.service") for folder in folders)


def saved_rules(roots: Roots) -> str:
    """What nftables loads at boot, if it is switched on."""
    switched_on = f"{roots.etc}/systemd/system/sysinit.target.wants/nftables.service"
    return (read_text(f"{roots.etc}/nftables.conf") or "") if exists(switched_on) else ""


def nft_drops_input(ruleset: str) -> bool:
    """Whether a chain on the input hook has a policy of drop, or leads to a drop or a reject."""
    chains = _chains(ruleset[:RULES_BYTES_MAX])
    hooks = [name for name, lines in chains.items() if any(_HOOK.search(line) for line in lines)]
    return any(_leads_to_a_drop(chains, hook) for hook in hooks)


def _chains(ruleset: str) -> dict[tuple[str, str], list[str]]:
    """(table, chain) → its lines without comments and quoted words."""
    chains: dict[tuple[str, str], list[str]] = {}
    table, inside = "", None
    for line in ruleset.splitlines():
        plain = _QUOTED.sub('""', line.partition("#")[0])
        if found := _TABLE.match(plain):
            table, inside = f"{found[1]} {found[2]}", None
        elif found := _CHAIN.match(plain):
            inside = chains.setdefault((table, found[1]), [])
        elif plain.strip() == "}":
            inside = None
        elif inside is not None:
            inside.append(plain)
    return chains


def _leads_to_a_drop(chains: Mapping[tuple[str, str], list[str]], start: tuple[str, str]) -> bool:
    waiting, seen = [start], {start: None}
    while waiting and len(seen) <= JUMPS_MAX:
        table, name = waiting.pop()
        for line in chains.get((table, name), []):
            if _DROPS.search(line):
                return True
            for target in _targets(line, table):
                if target not in seen:
                    seen[target] = None
                    waiting.append(target)
    return False


def _targets(line: str, table: str) -> Iterable[tuple[str, str]]:
    return ((table, name.rstrip(",;}")) for name in _JUMP.findall(line))


def iptables_drops_input(rules: str) -> bool:
    """Whether INPUT has a policy of DROP, or leads to a DROP or a REJECT."""
    jumps: dict[str, list[str]] = {}
    for line in rules[:RULES_BYTES_MAX].splitlines():
        words = line.split()
        if words[:3] == ["-P", "INPUT", "DROP"]:
            return True
        if len(words) > 3 and words[0] == "-A":
            for flag, target in pairwise(words):
                if flag in ("-j", "-g"):
                    jumps.setdefault(words[1], []).append(target)
    waiting, seen = ["INPUT"], {"INPUT": None}
    while waiting and len(seen) <= JUMPS_MAX:
        for target in jumps.get(waiting.pop(), []):
            if target in ("DROP", "REJECT"):
                return True
            if target not in seen:
                seen[target] = None
                waiting.append(target)
    return False
