"""Health: what the shell can say of its own footing, for `doctor`.

Each check is one plain sentence that is true or false or not known, and what to do where it is
false. They only look; nothing here mends anything.
"""

import os
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from node.core.picture.reports import Check
from node.probes.nvidia import nvidia_slots
from node.probes.sources import Roots, read_text
from node.shell.clock import CLOCK_NAME
from node.shell.datagrams.beacons import BEACON_PORT, AirCounts, NetworkWarning, Trouble
from node.shell.datagrams.interfaces import Interface
from node.shell.datagrams.mdns import MDNS_PORT, STILL_WORKS, Mdns
from node.shell.datagrams.udp import GateCounts
from node.shell.disk.marker import filesystem_type
from node.shell.disk.privacy import state_folder
from node.shell.opening import MarkerKeeper, Opened
from node.shell.streams.outcomes import DialCounts, Failure
from node.shell.streams.serving import StreamCounts
from placement.amounts import format_bytes, format_cores

JOURNAL_ROOM_BYTES_MIN: Final = 256 << 20
"""Below this a busy week may fill the disk, and a full disk stops every promise."""
NVIDIA_DRIVER: Final = "/driver/nvidia/version"
ON_RECORD: Final = "this is said until its next start; its log has it too"


def footing(here: Opened) -> list[Check]:
    """What everything rests on: the folder, the journal, the marker, the clock, the share."""
    return [
        start(here),
        state_folder(here.folder),
        journal(here.folder.journal_path),
        marker(here.marker, here.standing_warnings),
        Check(
            "clock",
            True,
            f"durations are counted by the {CLOCK_NAME} clock, which also runs in sleep",
        ),
        share(here),
        gpu_driver(Roots()),
    ]


def start(here: Opened) -> Check:
    """What was made or set aside when this agent started. A damaged journal is not forgotten."""
    told = [sentence for sentence in here.said if sentence not in here.standing_warnings]
    sentence = "; ".join(told) or "nothing was missing, and nothing had to be set aside"
    return Check("start", None if told else True, sentence, ON_RECORD)


def journal(path: Path) -> Check:
    """How much there is, and how much more there may be."""
    try:
        size = sum(part.stat().st_size for part in _journal_files(path))
        disk = os.statvfs(path.parent)
    except OSError as error:
        return Check("journal", False, f"{path} cannot be looked at: {error.strerror}")
    free = disk.f_bavail * disk.f_frsize
    sentence = f"{format_bytes(size)} on {filesystem_type(path.parent) or 'an unknown filesystem'}"
    sentence += f", which has {format_bytes(free)} free"
    roomy = free >= JOURNAL_ROOM_BYTES_MIN
    return Check(
        "journal", roomy, sentence, "make room on that disk: without it nothing is granted"
    )


def _journal_files(path: Path) -> list[Path]:
    return [path, *(p for p in (path.with_name(path.name + "-wal"),) if p.exists())]


def marker(kept: MarkerKeeper | None, warnings: Sequence[str]) -> Check:
    """Whether a restart can prove that nothing was lost."""
    if kept is None:
        why = "; ".join(warnings) or "there is no folder for it"
        hint = "give the agent a folder on a tmpfs with HOLDFAST_RUNTIME_DIR"
        return Check("continuity", False, why, hint)
    folder = kept.path.parent
    kind = filesystem_type(folder) or "memory"
    there = "is there" if kept.path.exists() else "is made once nothing is in doubt any more"
    return Check("continuity", True, f"its marker {there}, in {folder} ({kind})")


def share(here: Opened) -> Check:
    """What part of the machine we speak for."""
    offer = here.claim.offer
    if offer is None:
        return Check("share", True, "this agent speaks for the whole machine")
    cards = f", {len(offer.gpus)} cards" if offer.gpus else ""
    part = f"{format_bytes(offer.ram)} of memory, {format_cores(offer.millicores)}{cards}"
    return Check("share", True, f"this agent offers a part of the machine: {part}")


def gpu_driver(roots: Roots) -> Check:
    """Whether cards can be read, or why not."""
    cards = nvidia_slots(roots)
    driver = read_text(f"{roots.proc}{NVIDIA_DRIVER}")
    if driver is not None:
        return Check("gpu driver", True, driver.partition("\n")[0].strip())
    if cards:
        sentence = f"no driver is loaded for {len(cards)} NVIDIA card(s): nothing is promised there"
        return Check("gpu driver", False, sentence, "install the vendor's driver, or ignore it")
    return Check("gpu driver", None, "no NVIDIA card is seen here")


def ports(port: int, counts: GateCounts, dropped: int) -> list[Check]:
    """Our own port, and what was lost at it."""
    traffic = f"UDP and TCP port {port} is ours: {counts.received} datagrams in, {counts.sent} out"
    failed = _counted(counts.send_failed) + _counted(counts.receive_failed)
    lost = dropped + counts.too_long
    sentence = f"{dropped} dropped because we were busy, {counts.too_long} too long"
    if failed:
        sentence += f"; the system refused {', '.join(failed)}"
    return [
        Check("port", True, traffic),
        Check("datagrams", lost == 0, sentence, "a flood, or a machine that is too busy to listen"),
    ]


def calls(dialled: DialCounts, served: StreamCounts) -> Check:
    """Streams, ours to others and theirs to us."""
    out = f"{dialled.answered} of our calls were answered"
    failures = [f"{n} {_plain(cause)}" for cause, n in sorted(dialled.failed.items())]
    out += f", {'; '.join(failures)}" if failures else ", none failed"
    came = f"{served.accepted} connections came in"
    cut = [f"{n} cut: {cause.value}" for cause, n in served.cut.items()]
    came += f" ({'; '.join(sorted(cut))})" if cut else ""
    ok = None if not dialled.answered and not failures else dialled.answered > 0
    hint = "the peers' TCP ports may be closed: the same number as their UDP port"
    return Check("streams", ok, f"{out}; {came}", hint)


def _plain(cause: Failure) -> str:
    return cause.name.lower().replace("_", " ")


def air(
    seen: Sequence[Interface], counts: Mapping[str, AirCounts], warnings: Sequence[NetworkWarning]
) -> tuple[dict[str, object], ...]:
    """One row per interface: its addresses, its beacons, and what is wrong with it."""
    rows: list[dict[str, object]] = []
    for name in sorted({each.name for each in seen} | counts.keys()):
        counted = counts.get(name, AirCounts())
        addresses = [each.address for each in seen if each.name == name]
        troubles = [w.sentence for w in warnings if w.interface == name]
        troubles += [f"beacons could not be sent: {f}" for f in _counted(counted.failed)]
        rows.append(
            {
                "name": name,
                "addresses": addresses,
                "beacons_sent": counted.sent,
                "beacons_heard": counted.heard,
                "problem": "; ".join(troubles) or (None if addresses else "it is down now"),
            }
        )
    return tuple(rows)


def reception(
    counts: Mapping[str, AirCounts], warnings: Sequence[NetworkWarning], *, loopback_chosen: bool
) -> list[Check]:
    """Whether beacons come in, and every reason why they might not."""
    heard = {name: air for name, air in sorted(counts.items()) if air.heard}
    echoes = sum(air.echoes for air in counts.values())
    if heard:
        told = ", ".join(f"{air.heard} on {name}" for name, air in heard.items())
        sentence = f"beacons of others were heard on UDP port {BEACON_PORT}: {told}"
    elif echoes:
        sentence = "none of another node was heard yet; our own come back, so the way out works"
    else:
        sentence = "no beacon was heard yet, not even our own"
    hint = f"let UDP port {BEACON_PORT} through the firewall, or join by invite or seed"
    checks = [Check("beacons", True if heard else None, sentence, hint)]
    for warning in warnings:
        chosen = warning.trouble is Trouble.NO_NETWORK and loopback_chosen
        if chosen:
            checks.append(Check("network", None, "only loopback is used, as it was told to"))
        else:
            checks.append(Check("network", False, warning.sentence, warning.hint))
    return checks


def mdns(finder: Mdns, *, wanted: bool) -> Check:
    """Whether we are found by mDNS too. It is optional: nothing here is ever a fault."""
    name, names = "mdns", ", ".join(dict.fromkeys(link.name for link in finder.links))
    if not wanted:
        return Check(name, None, "switched off, as it was told to", STILL_WORKS)
    if finder.warning is not None:
        return Check(name, None, finder.warning.sentence, finder.warning.hint)
    if not names:
        return Check(name, None, "no interface of ours is meant for it", STILL_WORKS)
    if not finder.announced:
        return Check(name, None, f"about to be announced on {names}")
    seen = f"others of this mesh seen there: {len(finder.book)}"
    return Check(name, True, f"announced on {names} (UDP port {MDNS_PORT}); {seen}")


def seeding(warning: NetworkWarning | None) -> list[Check]:
    """Seeds whose names nobody knows."""
    return [] if warning is None else [Check("seeds", False, warning.sentence, warning.hint)]


def _counted(failures: Counter[str]) -> list[str]:
    return [f"{count} with {name}" for name, count in sorted(failures.items())]
