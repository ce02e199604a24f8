"""Bounds: every table of an agent stays within the constant that its room names for it.

Nothing is taken on trust: an agent's memory is walked, attribute by attribute, and every container
found is looked up in the catalogue below, under the class and attribute that hold it. `[]` stands
for what lies in a container. A table of which the catalogue says nothing fails the tests.
"""

from collections.abc import Callable, Mapping
from typing import Final

from ledger.commands import GANG_MEMBERS_MAX
from ledger.desk.escrow import GOVERNED_MAX
from ledger.granting.quotas import PACES_MAX
from ledger.limits import (
    BASES_MAX,
    CHECKPOINT_ENTRIES,
    ENDED_KEPT_MAX,
    ENDS_FORESEEN_MAX,
    ENTRIES_MAX,
    GANGS_ENDED_MAX,
    GANGS_MAX,
    GATHERED_BLOCKS_MAX,
    LINE_MAX,
    PROVEN_BLOCKS_MAX,
    RECOVERED_KEPT_MAX,
    REFUSALS_MAX,
    RIGHTS_ROWS_MAX,
    WAITING_MAX,
)
from ledger.policy import PRINCIPALS_MAX
from mesh.arrivals import CLONES_TOLD_MAX
from mesh.config import MeshConfig
from mesh.door.allowance import SOURCES_MAX
from mesh.door.challenges import CHALLENGES_MAX
from mesh.door.epochs import PEERS_MAX
from mesh.door.sessions import SESSIONS_PER_PEER_MAX
from mesh.door.sightings import BEACON_SOURCES_MAX, SIGHTINGS_MAX
from mesh.door.strangers import STRANGERS_MAX
from mesh.exchange.budgets import News
from mesh.exchange.intake import OWN_BLOCKS_REPORTED_MAX
from mesh.exchange.novelties import PEERS_MAX as NOVEL_PEERS_MAX
from mesh.exchange.novelties import Novelty
from mesh.finding.hints import HINTS_MAX
from mesh.finding.twins import AGAIN_AFTER, KNOCKED_MAX
from mesh.kept.notary import REMEMBERED_MAX as FACTS_VOUCHED_MAX
from mesh.keys.keyring import KEYS_MAX, RETIRED_MAX
from mesh.logs import BLOCK_ENTRIES_MAX, LOG_BLOCKS_MAX
from mesh.rejections import Rejection
from mesh.roll.admission import LISTED_MAX, PINS_MAX
from mesh.roll.membership import CONFLICTS_MAX, Liveness
from mesh.watch.docket import ACCUSERS_MAX
from mesh.watch.docket import LEAST as ACCUSED_LEAST
from mesh.watch.docket import SHARE as ACCUSED_SHARE
from mesh.watch.patience import PEERS_MAX as PATIENCE_PEERS_MAX
from mesh.watch.patience import PINGS_MAX
from mesh.watch.probing import ERRANDS_MAX as PROBE_ERRANDS_MAX
from mesh.watch.probing import KNOCKS_MAX, LOOKS_MAX
from mesh.watch.suspicion import CONFIRMATIONS
from node.core.gangs.gang import GANGS_UNDER_WAY_MAX, TRIED_MAX
from node.core.gangs.places import PLACES_MAX, SPARE_LINES_MAX
from node.core.history import ROWS_MAX as ARCHIVE_ROWS_MAX
from node.core.machine import Agent
from node.core.picture.dangers import RAISED_MAX
from node.core.picture.ends import ENDS_REMEMBERED_MAX
from node.core.picture.idling import IDLE_TOLD_MAX
from node.core.picture.knowledge import GRANTS_REMEMBERED_MAX
from node.core.picture.throughputs import PEERS_MAX as TIMED_PEERS_MAX
from node.core.picture.throughputs import TIMINGS_MAX
from node.core.reachability.measuring import MEASUREMENTS_MAX, ROUNDS
from node.core.reachability.measuring import PEERS_AT_ONCE_MAX as MEASURED_MAX
from node.core.reachability.surveying import ASKED_MAX, SURVEYS_MAX
from node.core.reserving.carrying import PLEDGES_MAX
from node.core.reserving.lines import STANDS_MAX
from node.core.reserving.wishes import ERRANDS_MAX
from node.core.rights.moving import GIVERS_MAX, WISHES_MAX
from node.core.rights.moving import WAITING_MAX as DOOR_MAX
from node.core.trust.forgetting import FORGOTTEN_MAX
from node.core.trust.inviting import INVITES_MAX, OVER_REMEMBERED_MAX, WRONG_TOKENS_PER_MINUTE_MAX
from node.core.trust.revoking import REVOKED_MAX
from node.core.usage.attribution import FOLLOWED_MAX, HEARD_MAX
from node.core.usage.remembering import WORKS_MAX
from node.core.usage.succession import ANCESTORS_MAX, DENIED_MAX
from node.core.usage.ties import TIES_MAX
from placement.history import RECORDS_MAX
from placement.judging.columns import COLUMNS_MAX, FIGURED_MAX
from simulations.checks.check import Check
from simulations.checks.memory import tables
from simulations.invented.host import Host
from simulations.invented.world import World

Bound = int | Callable[[MeshConfig], int]
CAUSES_MAX: Final = 64 + len(Rejection)
"""Named causes of refusal and kinds of events: their number is fixed by the code."""
POOLS_MAX: Final = 256
"""Pools of one machine: what its probes can see, not what a peer can make up."""
WORDS_MAX: Final = 65_536
"""What all nodes together say about themselves, each word once."""


def _members(config: MeshConfig) -> int:
    return config.members_max + 1


def _roll(config: MeshConfig) -> int:
    return config.members_max + config.hints_max


def _sought(config: MeshConfig) -> int:
    return config.members_max + config.hints_max + config.seeds_max


def _kept_of_a_log(config: MeshConfig) -> int:
    return LOG_BLOCKS_MAX + config.attic_blocks_max


TABLES: Final[Mapping[str, Bound]] = {
    "Admission._pinned_as": PINS_MAX,
    "Admission._unwritten": 0,
    "Admission.listed": LISTED_MAX,
    "Admission.pins": PINS_MAX,
    "Arrivals._clones_told": CLONES_TOLD_MAX,
    "Twins._knocked": KNOCKED_MAX,
    "_Knock.again": len(AGAIN_AFTER),
    "Asking._errands": ERRANDS_MAX,
    "Attribution._followed": FOLLOWED_MAX,
    "Attribution._idle_heard": HEARD_MAX,
    "Beaconing._burst": lambda config: len(config.beacon_burst),
    "Board._facts": _members,
    "Board._facts[]": lambda config: config.topics_per_author_max,
    "Board._sums": _members,
    "Books._carved": ENTRIES_MAX,
    "Books._on_pool": POOLS_MAX,
    "Books._on_pool[]": ENTRIES_MAX,
    "Books._undo": 0,
    "Books.accounts": lambda _: 3 * POOLS_MAX + ENTRIES_MAX * POOLS_MAX,
    "Books.enlisted": ENTRIES_MAX,
    "Books.entitled": RIGHTS_ROWS_MAX,
    "Books.rights": RIGHTS_ROWS_MAX,
    "Books.gangs": GANGS_MAX + GANGS_ENDED_MAX,
    "Books.ended": ENDED_KEPT_MAX + RECOVERED_KEPT_MAX + 2 * CHECKPOINT_ENTRIES,
    "Books.live": ENTRIES_MAX,
    "Books.plans": ENTRIES_MAX,
    "Books.pools": POOLS_MAX,
    "Bulletin.counts": CAUSES_MAX,
    "Carrying._carried": ENTRIES_MAX,
    "Carrying._due": ENTRIES_MAX,
    "Carrying._pledged": PLEDGES_MAX,
    "Carrying._over": ENTRIES_MAX,
    "Carrying.ends": ENTRIES_MAX,
    "Chains._logs": _members,
    "Checkpointer._stored": _members,
    "Challenges._answered": CHALLENGES_MAX,
    "Challenges._asked": CHALLENGES_MAX,
    "Challenges._asked_of": CHALLENGES_MAX,
    "Calendar._news": 8,
    "Challenges._by_tag": CHALLENGES_MAX,
    "Confirmations._waiting": lambda config: SESSIONS_PER_PEER_MAX * config.members_max,
    "Contacts._line": _sought,
    "Contacts._paces": _sought,
    "Copies._answered": _members,
    "Copies._keepers": _members,
    "Counter._waiting": 0,
    "Custody._stored": _members,
    "Dangers._raised": RAISED_MAX,
    "Deadlines._at": ENTRIES_MAX,
    "Deadlines._heap": 2 * ENTRIES_MAX + 64,
    "Desk._forget": 0,
    "Desk.described": 0,
    "Docket._entries": ACCUSERS_MAX,
    "Docket._entries[]": lambda config: max(ACCUSED_LEAST, config.members_max // ACCUSED_SHARE),
    "Desk.readings": POOLS_MAX,
    "Ending.waiting": WAITING_MAX,
    "Endings._all": ENTRIES_MAX,
    "Pace._spent": PACES_MAX,
    "Escrow.governed": GOVERNED_MAX,
    "Epochs._highest": PEERS_MAX,
    "Evidence.send_failed": CAUSES_MAX,
    "Floods._counts": CAUSES_MAX,
    "Floods._told": CAUSES_MAX,
    "Forecast._changes": POOLS_MAX,
    "Forecast._changes[]": ENDS_FORESEEN_MAX + 2 * LINE_MAX,
    "Forecast._free": POOLS_MAX,
    "Forgetting.kept": FORGOTTEN_MAX,
    "Gang.members": GANG_MEMBERS_MAX,
    "Gang.shunned": _members,
    "Gang.tried": TRIED_MAX,
    "Ganging._gangs": GANGS_UNDER_WAY_MAX, "Places._places": PLACES_MAX,
    "Places._of": PLACES_MAX, "Places._of[]": GANG_MEMBERS_MAX + SPARE_LINES_MAX,
    "GangLeases._gangs": GANGS_MAX, "_Leased.leases": GANG_MEMBERS_MAX,
    "Gathered._bases": BASES_MAX,
    "Gathered._blocks": GATHERED_BLOCKS_MAX,
    "Gathered._ours": LOG_BLOCKS_MAX,
    "Gossip._rumours": lambda config: config.gossip_slots_max,
    "Gossip._waiting": len(News),
    "Greeter._seeds": lambda config: config.seeds_max,
    "HelloAllowance._common": 2,
    "HelloAllowance._hosts": SOURCES_MAX + 1,
    "HelloAllowance._sources": SOURCES_MAX + 1,
    "Hints._sent": HINTS_MAX,
    "Idling._watched": ENTRIES_MAX,
    "Intake._reported": OWN_BLOCKS_REPORTED_MAX,
    "History._rows": ARCHIVE_ROWS_MAX,
    "Inventory.labels": POOLS_MAX,
    "Inventory.runtimes": POOLS_MAX,
    "Inviting._kept": INVITES_MAX,
    "Inviting._over": OVER_REMEMBERED_MAX,
    "Inviting._wrong": WRONG_TOKENS_PER_MINUTE_MAX,
    "KeptWishes._kept": ERRANDS_MAX, "KeptGangs._kept": GANGS_UNDER_WAY_MAX,
    "Knowledge.running": ENTRIES_MAX,
    "Keyring.keys": KEYS_MAX,
    "Keyring.retired": RETIRED_MAX,
    "Keyring.secrets": KEYS_MAX,
    "Knowledge._heard_at": _members,
    "Knowledge._heard_at[]": lambda config: config.topics_per_author_max + 1,
    "Abroad._warned": GRANTS_REMEMBERED_MAX,
    "Knowledge.contests": POOLS_MAX,
    "Knowledge.outcasts": REVOKED_MAX,
    "Knowledge.granted": GRANTS_REMEMBERED_MAX,
    "Ends._heard": ENDS_REMEMBERED_MAX + 1,
    "Ledger._proofs": 4 * ENTRIES_MAX,
    "Ledger._readings": POOLS_MAX,
    "Ledger._remaining": ENTRIES_MAX,
    "Lines._stands": STANDS_MAX,
    "Line._places": LINE_MAX,
    "Line._unwritten": LINE_MAX,
    "Lineage.aside": LOG_BLOCKS_MAX,
    "Lineage.chain": LOG_BLOCKS_MAX,
    "Lineage.kept": _kept_of_a_log,
    "Lineage.labels": _kept_of_a_log,
    "Live.metrics": POOLS_MAX,
    "Live.pools": POOLS_MAX,
    "Measuring._calls": MEASUREMENTS_MAX,
    "Measuring._under_way": MEASUREMENTS_MAX,
    "Moving._waiting": DOOR_MAX,
    "Moving.asked": DOOR_MAX * GIVERS_MAX + WISHES_MAX,
    "Moving.gone_since": REVOKED_MAX,
    "Reading._stalled": _members,
    "Mesh.rejections": CAUSES_MAX,
    "NodeView.labels": POOLS_MAX,
    "Notary._good": FACTS_VOUCHED_MAX,
    "Later.onlookers": 1,
    "Planner._late": ENTRIES_MAX,
    "Planner._owed": ENTRIES_MAX,
    "Picture._rows": _members,
    "Patience._peers": PATIENCE_PEERS_MAX,
    "PoolLive.used": ENTRIES_MAX,
    "PoolReading.used": ENTRIES_MAX,
    "Prepared.columns": COLUMNS_MAX,
    "Prepared.figured": FIGURED_MAX,
    "Prepared.keys": _members,
    "Prepared.named": WORDS_MAX,
    "Prepared.named[]": _members,
    "Prepared.words": WORDS_MAX,
    "Prober._errands": PROBE_ERRANDS_MAX,
    "Prober._looks": LOOKS_MAX,
    "Policy.principals": PRINCIPALS_MAX,
    "Proofs._paths": BLOCK_ENTRIES_MAX,
    "Quarantine.claims": ENTRIES_MAX,
    "Quarantine.fencing": ENTRIES_MAX,
    "Reconciler._answered": _members,
    "Reconciler._unasked": _members,
    "Refusals._known": REFUSALS_MAX,
    "Replicas._replicas": _members,
    "Remembering._records": RECORDS_MAX,
    "Remembering._works": WORKS_MAX,
    "Revoking.kept": REVOKED_MAX,
    "Rivals._near": _members,
    "Rivals._unmet": _members,
    "Rivals.ancestors": _members,
    "Rivals.denied": DENIED_MAX,
    "Rivals.kept": ANCESTORS_MAX,
    "Desk._contested": POOLS_MAX, "Rivals.contested": POOLS_MAX,
    "Claim.machine": 2,
    "Claim.pools": POOLS_MAX,
    "Outcasts._told": REVOKED_MAX,
    "Roll._counts": len(Liveness),
    "Roll._conflicts": CONFLICTS_MAX,
    "Roll._hinted": lambda config: config.hints_max,
    "Roll._members": _roll,
    "Roll._named": _members,
    "Roll._named[]": _members,
    "Roll._order": _roll,
    "Roll.forgotten": FORGOTTEN_MAX,
    "Roll.revoked": REVOKED_MAX,
    "Roll.words": REVOKED_MAX,
    "Doorman._signed": REVOKED_MAX,
    "Doorman._told": REVOKED_MAX,
    "Doorman.barred": REVOKED_MAX,
    "Doorman._words": REVOKED_MAX,
    "Roots._futile": _members,
    "Roots._heard": _members,
    "Sessions._of_peer": PEERS_MAX,
    "Sessions.open": PEERS_MAX,
    "Sessions._of_peer[]": SESSIONS_PER_PEER_MAX,
    "ShellNews.refused": CAUSES_MAX,
    "Sight.beacons": BEACON_SOURCES_MAX,
    "Sightings._sights": SIGHTINGS_MAX,
    "Strangers._seen": STRANGERS_MAX,
    "Novelties._of": NOVEL_PEERS_MAX,
    "Novelties._of[]": len(Novelty),
    "Surveying._calls": lambda _: SURVEYS_MAX * ASKED_MAX,
    "Surveying._surveys": SURVEYS_MAX,
    "Suspicions._cases": lambda config: config.members_max,
    "Suspicions._turned": lambda config: config.members_max,
    "Ties._tied": TIES_MAX,
    "Timers._set": _sought,
    "Timings._peers": TIMED_PEERS_MAX,
    "Timings._told": TIMED_PEERS_MAX,
    "_Timed.received": TIMINGS_MAX,
    "_Timed.sent": TIMINGS_MAX,
    "UseFact.idle": IDLE_TOLD_MAX,
    "_Case.doubters": CONFIRMATIONS + 2,
    "_Measurement.failed": MEASURED_MAX,
    "_Measurement.peers": MEASURED_MAX,
    "_Measurement.steps": 2 * ROUNDS * MEASURED_MAX,
    "_Look.asked": lambda config: 2 * config.helpers_count,
    "_Look.denied": lambda config: 2 * config.helpers_count,
    "_Look.knocks": KNOCKS_MAX,
    "_Look.waves": 2,
    "_Running.knocks": 1,
    "_Times.pings": PINGS_MAX,
    "Turns.starts": LINE_MAX,
    "Writer._proven": PROVEN_BLOCKS_MAX,
    "Writer.chain": LOG_BLOCKS_MAX,
    "Writer.proofs": 4 * ENTRIES_MAX,
}  # fmt: skip
"""Class and attribute → how much may be in it between two inputs."""

GROW: Final[Mapping[str, str]] = {
    "Birth.saved": "what the disk had at the start, as it was then",
    "Birth.saved[]": "as above",
    "Custody._waiting": "one for each request that waits; how many may is for the shell to say",
    "Errands._calls": "as above",
    "Errands._routes": "as above",
    "Ganging._calls": "calls to members under way, each with its deadline",
    "GangLeases._calls": "renewals under way, each with its deadline",
    "Places._calls": "as above",
    "Reconciler._calls": "calls of ours under way, each with its deadline",
    "Rotating.calls": "calls of one change of secret under way, each with its deadline",
    "Telling._errands": "one for each request of the local door; how many is for the shell to say",
    "Timers._heap": "alarms that were moved leave husks, which go when they surface",
    "Wish.hopeless": "nodes that refused, of one request",
    "Wish.choices": "nodes that fit, of one request",
    "Wish.tried": "nodes asked, of one request",
    "_Rumour.told": "whom one rumour was told: members",
    "_Sync.in_full": "authors, of one conversation",
    "_Sync.push": "what one peer lacks",
    "_Sync.whole": "authors, of one conversation",
}
"""What grows with the history or with what waits, and why that is all right."""


class TablesAreBounded(Check):
    """Every table of every agent, one agent at a time."""

    promises = ("bounds",)

    def sometimes(self, world: World) -> None:
        up = world.up()
        if up:
            self.look(up[world.now // 1_000_000_000 % len(up)])

    def look(self, host: Host) -> None:
        """Walk one agent's memory."""
        self.looks("bounds")
        config = host.alive.birth.mesh_config
        for names, size in tables(host.alive):
            for name in names:
                bound = TABLES.get(name)
                if bound is None:
                    continue  # that every table has its bound is looked at by the tests
                most = bound if isinstance(bound, int) else bound(config)
                if size > most:
                    sentence = f"{host.name}: {name} holds {size}; {most} is the most"
                    raise self.broken("bounds", sentence)


def unbounded(agent: Agent) -> list[str]:
    """Tables in an agent's memory of which the catalogue says nothing."""
    return sorted(
        min(names)
        for names, _ in tables(agent)
        if not any(name in TABLES or name in GROW for name in names)
    )
