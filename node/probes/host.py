"""What this machine is called, what it runs, and by what it is known again.

The fingerprint tells two machines apart that show one node id (a copied home, a cloned VM). It is a
hash over identifiers that must not be published themselves (machine-id(5) asks for that), tagged so
that it means nothing anywhere else.
"""

import hashlib
import os
import re
from dataclasses import dataclass
from typing import Final

from node.probes.sources import Roots, read_text, read_word

FINGERPRINT_TAG: Final = b"hf1.fingerprint\x00"
BOOT_TAG: Final = b"hf1.boot\x00"

JUNK_UUIDS: Final = frozenset(
    {
        "00000000-0000-0000-0000-000000000000",
        "03000200-0400-0500-0006-000700080009",  # a default that board makers forget to change
        "ffffffff-ffff-ffff-ffff-ffffffffffff",
    }
)

_MACHINE_ID = re.compile(r"[0-9a-f]{32}\Z")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")


@dataclass(frozen=True, slots=True)
class HostReading:
    """Names and marks of this machine."""

    hostname: str
    os: str
    os_version: str
    kernel: str
    arch: str
    fingerprint: str | None
    boot: str | None


def parse_os_release(text: str) -> str | None:
    """os-release(5): PRETTY_NAME, else NAME, without its quotes."""
    fields: dict[str, str] = {}
    for line in text.splitlines():
        name, separator, value = line.strip().partition("=")
        if separator and not name.startswith("#"):
            fields[name] = _unquote(value)
    return fields.get("PRETTY_NAME") or fields.get("NAME") or None


def _unquote(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return re.sub(r"\\(.)", r"\1", value[1:-1])
    return value


def fingerprint(machine_id: str | None, product_uuid: str | None) -> str | None:
    """A hash over what of the two is genuine; None when neither is."""
    marks: list[str] = []
    if machine_id is not None and _MACHINE_ID.match(machine_id.lower()):
        marks.append(f"machine-id={machine_id.lower()}")
    uuid = (product_uuid or "").lower()
    if _UUID.match(uuid) and uuid not in JUNK_UUIDS:
        marks.append(f"product-uuid={uuid}")
    if not marks:
        return None
    return hashlib.sha256(FINGERPRINT_TAG + "\n".join(marks).encode()).hexdigest()


def boot_mark(boot_id: str | None) -> str | None:
    """A hash of the kernel's boot id: equal exactly where the kernel is the same run."""
    if boot_id is None or not _UUID.match(boot_id.lower()):
        return None
    return hashlib.sha256(BOOT_TAG + boot_id.lower().encode()).hexdigest()


def read_host(roots: Roots) -> HostReading:
    """This machine."""
    names = os.uname()
    release = read_text(f"{roots.etc}/os-release")
    return HostReading(
        hostname=names.nodename,
        os=names.sysname.lower(),
        os_version=parse_os_release(release or "") or "unknown",
        kernel=names.release,
        arch=names.machine,
        fingerprint=fingerprint(
            read_word(f"{roots.etc}/machine-id"),
            read_word(f"{roots.sys}/class/dmi/id/product_uuid"),
        ),
        boot=boot_mark(read_word(f"{roots.proc}/sys/kernel/random/boot_id")),
    )
