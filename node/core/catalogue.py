"""The catalogue of events: every kind that an agent may tell, and when it does.

`docs/reference/events.md` is this table with the bodies beside it; a test compares the two with
each other and with the code, so that a program may rest on the kinds.
"""

from collections.abc import Mapping
from typing import Final

KINDS: Final[Mapping[str, str]] = {
    "start": "something was made, found or set aside before the agent began",
    "up": "the agent runs; with its port, epoch, and whether nothing was lost",
    "down": "a clean stop: every promise is on disk",
    "restart": "the agent starts again by itself, above an epoch that its disk had forgotten",
    "identity.copied": (
        "this folder is a copy of a machine that is up: a new identity is made here"
    ),
    "identity.twin": (
        "another machine that is up shows this node's key: neither grants until a person decides"
    ),
    "identity.revoked": (
        "this node heard that it was revoked, or succeeded: it grants nothing more; by whose word"
    ),
    "standing": (
        "whether we grant has changed: open, bookings_closed, disk_full, outcast, quarantine, "
        "closed"
    ),
    "disk.full": (
        "not even the spare room was enough: nothing is written or answered until there is some"
    ),
    "disk.room": "there is room again, and what waited for it is written and said",
    "peer.discovered": "somebody may be there; believed for nothing",
    "peer.verified": "it answered our challenge with its own key",
    "peer.alive": "heard from the node itself",
    "peer.suspect": "it does not answer us; no new placements there",
    "peer.dead": "no word from it since; nothing is freed because of that",
    "peer.left": "it said goodbye, signed",
    "peer.restarted": "a new run of the same node",
    "peer.conflict": "two nodes call themselves the same",
    "mesh.cut_off": "more than half of the members fell silent at once: nobody is declared dead "
    "for a minute",
    "mesh.back": "most of those answer again",
    "mesh.degraded": "we reach so few that we accuse nobody any more: the trouble is likely to be "
    "here",
    "peer.cloned": "a second machine shows the same identity",
    "peer.revoked": "a node is kept out for good; by whose word, and why",
    "peer.outcast": "something still speaks under an id that is kept out: who, and from where",
    "succession.possible": "this machine may have been another node before, whose bookings stand",
    "succession.done": "this node keeps from now on what another id had promised, which is retired",
    "peer.trusted": "a node counts here from now on; told where that takes more than the secret",
    "peer.distrusted": "a node has proven its key and does not count here, and why",
    "peer.forgotten": "a node left the roll; by whose word and why, and what was given up with it",
    "peer.returned": "a node that was forgotten is welcome again; by whose word, and why",
    "peer.refused": "the roll is full and nobody on it can make place: a newcomer was refused",
    "mesh.alone": "none of the nodes that were ever met answers",
    "mesh.few": "fewer than half of them answer: perhaps a cut, and this is its smaller side",
    "mesh.whole": "half of them or more are there again",
    "hold.granted": "a grant of ours is durable, or was taken up again",
    "hold.forced": "a hold of ours was granted over a quota, or over what the machine had",
    "hold.changed": "a grant of ours lasts longer, or takes less",
    "hold.ended": "a hold or grant of ours has ended, and why",
    "gang.complete": "every node of a gang that was asked for here has confirmed",
    "gang.ended": "a gang that was asked for here is over, and why",
    "refused.flood": "much was refused in a short time for one cause; once in five minutes each",
    "keys.changed": (
        "a secret was installed, taken up or removed on this node; by whose word, and why"
    ),
    "ledger.new_era": "a node could not prove that it lost nothing, and began a new stretch of its "
    "log",
    "ledger.frozen": "a node's log does not add up: nothing is placed there",
    "ledger.fork": "a node signed two different blocks at one place: its log is frozen",
    "request.unknown": "a request was under way when this agent stopped; its id, to ask about",
    "alarm.log-damaged": "blocks of our own log are damaged and were left out",
    "alarm.log-ahead": "a peer holds blocks of ours that we forgot: quarantine",
    "alarm.log-forked": "a peer holds another block of ours at one height: quarantine",
    "alarm.pool-impaired": "a pool shrank below what it promised, or work in it would not end",
    "alarm.lapses-soon": "a booking ends soon: a tenth of its term before, ten minutes at most",
    "alarm.would-not-end": "what runs under a hold could not be ended; its room stays taken",
    "alarm.hold-superseded": "an old hold turned up whose room was granted again since: closed",
    "alarm.hold-broken": "a hold we promised turned up after its room was lost",
    "alarm.rights-overdrawn": (
        "this log had forgotten that rights were given away: more is held here than they cover"
    ),
    "alarm.contested": ("another node says that a pool of ours is its own: neither grants on it"),
    "pool.settled": ("nobody else says so any more"),
    "alarm.plan-late": (
        "a planned booking starts late: what was to make room for it is still there"
    ),
    "alarm.plan-missed": "a booking was planned, and its time went by before it could start",
    "alarm.calendar-suspended": (
        "the wall clock jumped, or went back over a restart: nothing planned starts by it"
    ),
    "alarm.calendar-resumed": "what is planned starts by the clock again",
    "alarm.overshoot": (
        "a hold's work uses more than was set aside; told to its owner and its holder"
    ),
    "alarm.squeezed": (
        "what others use has grown into what a hold was promised and does not use yet; by whom"
    ),
    "hold.safe": ("either is over"),
    "work.failed": (
        "a process that was tied to a hold ended badly: such work is passed over here for a while"
    ),
    "hold.idle": ("a hold has stood unused for half an hour; again each time it is twice as long"),
    "events.missed": "to one reader: so many events came faster than it read",
}
