"""This machine alone is the mesh: what `where`, `facts` and `doctor` say when no agent runs.

The probes look at the machine now, and the journal is read without being touched, so the holds that
an agent promised here before it stopped still count.
"""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import msgspec

from mesh.identity import NodeId, id_text
from mesh.logs import Base, Block
from mesh.roll.storage import Kept, load_blocks
from node.cli.exits import Unable
from node.cli.folders import explained
from node.cli.settings import settled
from node.config import VERSION, Settled
from node.core.picture.alone import picture
from node.core.picture.topics import Inventory, Live, Models
from node.core.reachability.diagnoses import diagnose
from node.core.reachability.findings import Scene
from node.core.reachability.links import Telling
from node.core.reachability.matrix import Survey
from node.probes.instruments import instruments
from node.probes.inventory import read_inventory
from node.probes.models.servers import Servers
from node.probes.models.stores import Stores
from node.probes.models.telling import models_fact
from node.probes.sampler import Sampler
from node.probes.shares import Onlooker, registry_folder
from node.shell import clock
from node.shell.datagrams import terrain
from node.shell.datagrams.interfaces import scan
from node.shell.disk.journal import read_only
from node.shell.disk.privacy import state_folder
from node.shell.disk.state import StateFolder
from placement.decide import Policy
from placement.view import ClusterView

STRANGER: Final = NodeId(bytes(16))
"""A machine on which no agent ever ran has no id yet."""


@dataclass(frozen=True, slots=True)
class Here:
    """This machine as one picture."""

    node: NodeId
    inventory: Inventory
    live: Live
    view: ClusterView
    holds: int

    @property
    def sentence(self) -> str:
        """What to say on stderr before the answer."""
        one = self.holds == 1
        counted = "1 hold counts" if one else f"{self.holds} holds count"
        return f"no agent: this machine alone, live figures of just now; in its journal {counted}"

    def facts(self, node: str | None) -> dict[str, Any]:
        """The same body as an agent's `facts`."""
        row = self.view.nodes[0]
        if node is not None and node.lower() not in (row.id, row.name.lower()):
            raise Unable(
                "not_found",
                f"no node is called {node!r}: with no agent running, only {row.name} is known",
                "start one with `holdfast up`, or ask a peer with --peer",
            )
        body = {
            "id": row.id,
            "name": row.name,
            "liveness": row.liveness,
            "inventory": _plain(self.inventory),
            "live": _plain(self.live),
            "models": _plain(_models()),
            "standing": None,
            "ages_ms": {"inventory": 0, "live": 0, "models": 0},
            "versions": {},
        }
        return {"nodes": [body]}

    def where(self, ask: dict[str, Any], policy: Policy) -> dict[str, Any]:
        """The same body as an agent's `where`."""
        from node.core.choosing import request_of
        from node.core.requests import Refused
        from placement.decide import decide
        from placement.decision import decision_bytes, digest
        from placement.explain import explain

        try:
            decision = decide(request_of(ask, self.node), self.view, policy)
        except Refused as no:
            from node.cli.exits import refused

            raise refused(no.body) from no
        canonical = decision_bytes(decision)
        return {
            "decision": msgspec.json.decode(canonical),
            "digest": digest(decision),
            "view": self.view.versions,
            "ages_ms": {self.view.nodes[0].name: {"inventory": 0, "live": 0}},
            "text": list(explain(decision)),
            "bytes": canonical.decode(),
            "plan": None,
        }


def look(state: Path) -> Here:
    """Probe this machine and read its journal."""
    settings = settled(state, {})
    node = _own_id(state)
    blocks, base = _blocks(state, node)
    inventory, live = _probed(settings)
    view, holds = picture(inventory, live, blocks, node, base)
    return Here(node, inventory, live, view, holds)


def examine(state: Path, no_agent: str) -> dict[str, Any]:
    """The same body as an agent's `doctor`, as far as it can be told without one."""
    here = look(state)
    # Not a fault: a first look at a machine needs no agent.
    checks = [_check("agent", None, no_agent, "what follows is this machine alone")]
    checks += private_files(state)
    for pool in here.view.nodes[0].pools:
        known = pool.room is not None
        sentence = f"{pool.label}: room is {'known' if known else 'not known'}"
        hint = "" if known else "what cannot be read is never promised; `holdfast facts` says why"
        checks.append(_check(f"pool {pool.pool}", known or None, sentence, hint))
    checks.append(_check("journal", True, f"readable; {here.holds} live holds in it", ""))
    return {
        "checks": checks,
        "rejections": {},
        "interfaces": [],
        "peers": [],
        "links": [],
        "diagnoses": _diagnoses(settled(state, {}), here),
        "surveyed": {"asked": 0, "told": []},
    }


def _diagnoses(settings: dict[str, Settled], here: Here) -> list[dict[str, Any]]:
    """What stands in the way of meeting others, should they be there: nobody was asked."""
    seen = scan(tuple(settings["interfaces"].value))
    evidence = terrain.evidence(terrain.look(), seen, {}, {}, "")
    us = Telling(id_text(here.node), "", VERSION, "", int(settings["port"].value), (), evidence)
    found = diagnose(Scene(Survey(us.id, {us.id: us}), {}))
    return [finding._replace(ok=None).body for finding in found]


def private_files(state: Path) -> list[dict[str, Any]]:
    """The check of the state folder, as it is at this moment; none before an agent ran there."""
    with explained():
        folder = StateFolder(state)
        if not folder.key_path.exists():
            return []
        return [msgspec.to_builtins(state_folder(folder))]


def _probed(settings: dict[str, Settled]) -> tuple[Inventory, Live]:
    tools = instruments()
    reserve = settings["system_reserve"].value
    labels = dict(settings["labels"].value)
    slots = settings["slots"].value
    inventory = read_inventory(None, labels, reserve, tools, ask_versions=False, slots=slots)
    onlooker = Onlooker(registry_folder(os.environ))
    return inventory, Sampler(tools, onlooker, clock.now, reserve, slots).sample(()).live


def _models() -> Models:
    servers = Servers(instruments().roots, clock.now).look()
    return models_fact(servers, Stores.of(os.environ).all())


def _own_id(state: Path) -> NodeId:
    """This node's id, if it has a key; never makes one."""
    folder = StateFolder(state)
    if not folder.key_path.exists():
        return STRANGER
    with explained():
        identity, _made = folder.identity()
    return identity.id


def _blocks(state: Path, node: NodeId) -> tuple[list[Block], Base | None]:
    """Our own log, in order, and where it begins, as the journal has it."""
    path = StateFolder(state).journal_path
    if not path.exists():
        return [], None
    with explained():
        kept = load_blocks(read_only(path))[0].get(node, Kept())
    return kept.chain, kept.base


def _check(name: str, ok: bool | None, sentence: str, hint: str) -> dict[str, Any]:
    return {"name": name, "ok": ok, "sentence": sentence, "hint": hint}


def _plain(value: Any) -> Any:
    """Structs as objects (a Metric too, which travels as an array)."""
    if isinstance(value, msgspec.Struct):
        return {name: _plain(getattr(value, name)) for name in value.__struct_fields__}
    if isinstance(value, dict):
        return {key: _plain(entry) for key, entry in value.items()}
    return [_plain(entry) for entry in value] if isinstance(value, (list, tuple)) else value
