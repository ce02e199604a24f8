"""What the outside may ask of an agent: one vocabulary for the command, and later HTTP and MCP.

A surface turns what it was told into one of these, hands it to the agent, and prints what comes
back: any number of `Progress` lines, then one `Reply`. A reply is either `ok` with the body that is
described beside each request, or a refusal `{code, sentence, hint}` whose code is in `REFUSALS`.

Bodies are plain JSON: ids as text, amounts as integers in named units, durations as integer
milliseconds under names that end in `_ms`, unknown as null.
"""

from typing import Annotated, Any, Final, TypeAlias

import msgspec

from node.core.requests import holds as hold_requests
from node.core.requests import ledger as ledger_requests
from node.core.requests import succession as succession_requests
from node.core.requests.gangs import ReserveGang, WallMs, WhereGang
from node.core.requests.quotas import OfQuotas, QuotaList

SINCE_MS_MAX: Final = 10 * 366 * 24 * 3_600_000
"""Ten years: longer than any agent runs."""


class Status(msgspec.Struct, frozen=True, tag="status", forbid_unknown_fields=True):
    """→ {node: {id, name, epoch, version, uptime_ms, state_folder}, mesh: {id, key_id, address},
    standing: {state, reason, remaining_ms}, peers: [Peer…], holds: {live, waiting, read_ms_ago,
    pools: [{pool, kind, unit, total, promised, room, state, foreign}],
    foreign: [Foreign…]}, log: {era, height, head},
    warnings: [sentence…], rejections: {cause: count}}

    Peer: {id, name, trust, objection, liveness, address, address_kind, heard_ms_ago, round_trip_ms,
    reachable_by, version, region, epoch, facts: {topic: version}, log: {era, height}, standing}
    Foreign: {user, pid, command, ram, vram}: memory in bytes that nobody reserved.
    `objection`: why it has proven its key and does not count here, in one sentence; or null.
    `reachable_by`: the only helper that still reaches it; null: it answers us itself, or nobody.
    """


class Facts(msgspec.Struct, frozen=True, tag="facts", forbid_unknown_fields=True):
    """About one node (name, id or unambiguous start of an id), or about all.

    → {nodes: [{id, name, liveness, inventory: {…}|null, live: {…}|null, standing: {…}|null,
    ages_ms: {topic: ms}, versions: {topic: version}}]}; inventory and live as in
    `node.core.picture.topics`, with every Metric as {value, unit, source, status, note}.
    """

    node: str | None = None


class Where(msgspec.Struct, frozen=True, tag="where", forbid_unknown_fields=True):
    """`ask`: a request document (`placement.request.parse_document`), or {"words": "…"}.

    `without`, `plus` and `freed` (ids of holds) suppose something: `placement.supposing`. With
    `asked_at_ms` (wall time, milliseconds since 1970) it is about a time: from `start_at_ms`, or
    from then, for as long as `ask` says; `placement.windows` says what counts.

    → {decision: {…}, digest, view: {node: {topic: version}}, ages_ms: {node: {topic: ms}},
    text: [line…], bytes: the canonical decision bytes as text, plan: token|null,
    when: {start_at_ms, span_ms|null}|null}
    """

    ask: dict[str, Any]
    list_all: bool = False
    brief: bool = False
    without: list[str] = []
    plus: list[str] = []
    freed: list[str] = []
    asked_at_ms: WallMs | None = None
    start_at_ms: WallMs | None = None


class Plan(msgspec.Struct, frozen=True, tag="plan", forbid_unknown_fields=True):
    """Several requests at once, each decided on what the earlier ones leave.

    → {jobs: [{decision, digest, bytes, plan: token|null}…], view, ages_ms}; `view` is what the
    first job rests on, and the others but for what the earlier ones take.
    """

    jobs: list[dict[str, Any]]


class Reserve(msgspec.Struct, frozen=True, tag="reserve", forbid_unknown_fields=True):
    """Hold and post; `hold_only` stops after the hold; `pid` ties a carried lease to a process of
    this machine; `dry_run` decides only. `wait_ms`: where there is no room, wait for so long in the
    lines of several owners at once, with a `priority` as far as their policy lets. `start_at_ms`: a
    booking that starts then, by its owner's wall clock (milliseconds since 1970).

    → {id, owner: {id, name}, state, legs: [{pool, amount, unit}], kind, term_ms, remaining_ms,
    token, receipts: [base64…], stored_on: [name…]|null, tried: [{node, outcome, detail}],
    warnings: [sentence…], environment: "HOLDFAST_HOLD=…", starts_at_ms|null}
    Progress lines carry {sentence, stage, node?, remaining_ms?}; of who waits in lines also
    {lines: [{node, place|null, of|null, turn_in_ms|null, note}]}.
    """

    ask: dict[str, Any]
    term_ms: int
    label: str = ""
    principal: str = ""
    hold_only: bool = False
    require_copy: bool = False
    wait_for_opening: bool = True
    pid: int | None = None
    pid_started: int | None = None
    force: str = ""
    """Why it is to be granted over a quota, or over what others use of the machine."""
    token: str = ""
    """What the owner's policy knows `principal` by. It is shown to nobody: a proof is."""
    wish: str = ""
    """A name for it, 16 bytes in hex that its asker drew. Who waits in lines (`wait_ms`) may ask
    again under it when the agent has restarted, and stands where it stood."""
    lasts_ms: int = 0
    """With `pid`: how long the lease lasts at the most; 0: as long as the process."""
    carried: bool = False
    """A carried lease that nobody here renews: whoever asked does, with `Renew`."""
    wait_ms: int = 0
    priority: int = 0
    start_at_ms: int | None = None
    plan: str = ""
    """A token of `Where` or `Plan`: only there, and only if what it rested on is as it was."""


class Adopt(msgspec.Struct, frozen=True, tag="adopt", forbid_unknown_fields=True):
    """Tie a process that runs on this machine to a grant of this node: its use and its children's
    count as the hold's. `pid_started`: when it started, in clock ticks since boot; `group`: all of
    this control group too. → {id, owner: {id, name}, pid, pid_started, kind,
    legs: [{pool, amount, unit}], again: whether it was tied to this hold already}"""

    hold: str
    pid: int
    pid_started: int
    group: str = ""


class Forgive(msgspec.Struct, frozen=True, tag="forgive", forbid_unknown_fields=True):
    """What made such work fail on this machine is mended: forget its failures here.
    → {workload, forgotten}"""

    workload: str


class Holds(msgspec.Struct, frozen=True, tag="holds", forbid_unknown_fields=True):
    """Every live hold in the mesh as this replica knows it; `ended` adds the last ended ones.

    → {holds: [{id, owner: {id, name, liveness}, state, kind, legs: [{pool, amount, unit, used}],
    principal, label, holder: {id, name}, parent: id|null, parts: [id…],
    debt: {legs, reason}|null, lapses_soon: bool, term_ms, remaining_ms|null, as_of: {era, height},
    gang: {id, stage, members, settled}|null, age_ms, tied: bool|null,
    processes: [pid…]|null, alarms: [{sort, pool, amount, sentence}],
    idle: {held_ms, idle_ms, percent}|null, note}], foreign: [{node, user, pid, command, ram,
    vram}…] of every node, the largest first, and with `ended` also ended: [{id, owner, state,
    holder, ended_at: {era, height}, heard_ms_ago|null}…]}, and with `waiting` also waiting: [{id,
    owner, place, legs, principal, label, holder, priority, waited_ms, turn_in_ms|null, gang|null}
    …], of our own line; `gang`: the wish of which it is one
    What starts later has `starts_at_ms`, by its owner's wall clock, and the state planned (or
    pencilled, until confirmed).
    `used` null: the owner has not said. `tied` false: nothing runs under it, an unused promise.
    `processes` null: it is not ours. `alarms`: overshoot | squeezed. `idle`: it has stood unused
    for half an hour or more; percent is the most that was ever used of it.
    """

    ended: bool = False
    waiting: bool = False


class Invite(msgspec.Struct, frozen=True, tag="invite", forbid_unknown_fields=True):
    """A token, good once as a rule. → {invite: text, expires_ms, uses, addresses: ["at:port"…]}"""

    ttl_ms: int = 3_600_000
    uses: int = 1


class Revoke(msgspec.Struct, frozen=True, tag="revoke", forbid_unknown_fields=True):
    """Keep a node out of the mesh, everywhere and for good; `reason` goes on record.

    → {id, name, by, reason}"""

    node: str
    reason: str


class Trust(msgspec.Struct, frozen=True, tag="trust", forbid_unknown_fields=True):
    """Count on a node here, or no more (`trusted` false). A whole id need not have been met.

    → {id, name, trusted, policy, counts, why_not: sentence|null}: `counts`, whether it does now"""

    node: str
    trusted: bool = True


class Pins(msgspec.Struct, frozen=True, tag="pins", forbid_unknown_fields=True):
    """→ {policy: secret|tofu|allow-list, pins: [{name, id}], listed: [{id, name, trusted, by}]}"""


class Forget(msgspec.Struct, frozen=True, tag="forget", forbid_unknown_fields=True):
    """A dead or left node leaves every roll; `force` also while its log shows live holds, for a
    `reason` that goes on record. → {id, name, reason, given_up: [hold id…]}"""

    node: str
    force: bool = False
    reason: str = ""


class Forgotten(msgspec.Struct, frozen=True, tag="forgotten", forbid_unknown_fields=True):
    """→ {forgotten: [{id, name, by, reason}]}, the newest first"""


class Keys(msgspec.Struct, frozen=True, tag="keys", forbid_unknown_fields=True):
    """→ {mesh, keys: [{key, state: primary|installed|retired, held_by: [name…], missing_at:
    [name…]}], nodes: [{id, name, liveness, primary, installed: [key…]}], warnings: [sentence…]}

    Keys by their public id in hex; `missing_at` names live nodes."""


class ChangeKeys(msgspec.Struct, frozen=True, tag="change_keys", forbid_unknown_fields=True):
    """`change`: install (a `secret` as text) | use | remove (a `key`, or the start of its id), here
    and at every live trusted node, or at those in `only`; `here`: at this node alone. `force` goes
    on where that may lose a node, for a `reason` that goes on record.

    → {change, key, complete, nodes: [{id, name, outcome, detail}]}"""

    change: str
    secret: str = ""
    key: str = ""
    only: tuple[str, ...] = ()
    here: bool = False
    force: bool = False
    reason: str = ""

    def __repr__(self) -> str:
        return f"ChangeKeys({self.change}, {self.key or 'a secret, hidden'})"


class Doctor(msgspec.Struct, frozen=True, tag="doctor", forbid_unknown_fields=True):
    """→ {checks: [{name, ok: true|false|null, sentence, hint}], rejections: {cause: count},
    interfaces: [{name, kind, addresses, beacons_sent, beacons_heard, problem}],
    peers: [{name, id, beacon_heard, session, last_probe_ms, address, passed_over: {sort: count},
    problem}],
    links: [{from: {id, name}, to: {id, name}, liveness, address, interfaces: [{name, kind,
    beacon_ms, in_use}], probe_out, probe_back, stream: "ok"|"lost"|"unknown", round_trip_ms,
    clock_offset_ms, clock_within_ms, key_id, ok: false|null, sentence}],
    diagnoses: [{name, ok: false|null, sentence, hint, nodes: [id…]}],
    surveyed: {asked, told: [name…]}}

    `beacon_heard`: milliseconds ago, null when not since our start; `session`: whether we share
    keys; `last_probe_ms`: the last round trip; `problem`: one sentence, or null. `links`: what each
    node that answered within 3 s has seen of each other; with `survey` false only we are asked."""

    survey: bool = True


class Measure(msgspec.Struct, frozen=True, tag="measure", forbid_unknown_fields=True):
    """Move some megabytes over the link with `node`, or with every live node, and time them.

    → {links: [{id, name, received_bytes_per_second|null, sent_bytes_per_second|null, answered}]}
    Each is the largest of late, and a lower bound; null: nothing was timed."""

    node: str | None = None


class OpenBookings(msgspec.Struct, frozen=True, tag="open_bookings", forbid_unknown_fields=True):
    """Open for bookings before every peer has answered; `reason` goes on record.

    → {standing: {state, reason, remaining_ms}}"""

    reason: str


class Events(msgspec.Struct, frozen=True, tag="events", forbid_unknown_fields=True):
    """What happened on this node, as progress lines {number, at, age_ms, kind, sentence, body};
    kinds and bodies are in `docs/reference/events.md`. `since_ms`: only the last so long; null: all
    that is kept. `follow`: then everything as it happens, and never a Reply.

    → {events: how many}
    """

    since_ms: Annotated[int, msgspec.Meta(ge=0, le=SINCE_MS_MAX)] | None = 0
    follow: bool = True


class Leave(msgspec.Struct, frozen=True, tag="leave", forbid_unknown_fields=True):
    """Say goodbye to the mesh and stop the agent. → {left: true}"""


Post = hold_requests.Post
Renew = hold_requests.Renew
LedgerShow = ledger_requests.LedgerShow
LedgerVerify = ledger_requests.LedgerVerify
LedgerHistory = ledger_requests.LedgerHistory
Succeed = succession_requests.Succeed
SetRecovery = succession_requests.SetRecovery
Extend = hold_requests.Extend
Shrink = hold_requests.Shrink
Transfer = hold_requests.Transfer
Release = hold_requests.Release
OfOneHold = hold_requests.OfOneHold

Request: TypeAlias = (
    Status
    | Facts
    | Where
    | WhereGang
    | Plan
    | Reserve
    | ReserveGang
    | Post
    | Renew
    | Extend
    | Shrink
    | Transfer
    | Adopt
    | Forgive
    | Release
    | Holds
    | LedgerShow
    | LedgerVerify
    | LedgerHistory
    | QuotaList
    | OfQuotas
    | Invite
    | Revoke
    | Trust
    | Pins
    | Forget
    | Forgotten
    | Keys
    | ChangeKeys
    | Doctor
    | Measure
    | OpenBookings
    | Succeed
    | SetRecovery
    | Events
    | Leave
)

READ_ONLY: Final = (
    Status, Facts, Where, WhereGang, Plan, Holds, LedgerShow, LedgerVerify, LedgerHistory,
    QuotaList,
)  # fmt: skip
"""What a peer may be asked over the mesh's TLS (`--peer`), answered from its replica."""

REFUSALS: Final = {
    "bad_request": 2,
    "not_possible": 1,
    "refused": 1,
    "unknown": 1,
    "not_found": 1,
    "ended": 1,
    "ambiguous": 2,
    "policy": 4,
    "timeout": 1,
    "disk_full": 1,
}
"""Refusal code → the command's exit status."""


class Refused(Exception):
    """A request that ends in a no with a name: (code, sentence, hint)."""

    def __init__(self, code: str, sentence: str, hint: str = "") -> None:
        super().__init__(sentence)
        assert code in REFUSALS
        self.code = code
        self.sentence = sentence
        self.hint = hint

    @property
    def body(self) -> dict[str, Any]:
        """As a surface sends it."""
        return {"code": self.code, "sentence": self.sentence, "hint": self.hint}


def read_request(plain: object) -> Request:
    """One request from its JSON as plain values (`{"type": "where", …}`). Raises Refused."""
    try:
        request: Request = msgspec.convert(plain, Request)
    except (msgspec.MsgspecError, RecursionError) as error:
        raise Refused("bad_request", f"that request cannot be read: {error}") from error
    return request


def decode_request(line: bytes) -> Request:
    """As `read_request`, from JSON bytes. Raises Refused("bad_request")."""
    try:
        plain = msgspec.json.decode(line)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise Refused("bad_request", f"that is not JSON: {error}") from error
    return read_request(plain)
