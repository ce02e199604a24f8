from pathlib import Path

from hypothesis import given
from hypothesis import strategies as st

from node.probes.host import JUNK_UUIDS, boot_mark, fingerprint, parse_os_release, read_host
from node.probes.sources import Roots
from tests.node.probes.world import machine

MACHINE_ID = "3d1219c7c4c5404aaa1f6d2a48adfda4"
UUID = "4c4c4544-0037-3510-8052-b4c04f564433"


def test_the_pretty_name_is_read_without_its_quotes() -> None:
    text = '# hello\nNAME="Debian GNU/Linux"\nPRETTY_NAME="Debian \\"12\\""\n'
    assert parse_os_release(text) == 'Debian "12"'
    assert parse_os_release("NAME=Arch\n") == "Arch"
    assert parse_os_release("") is None


def test_two_machines_have_two_fingerprints_and_one_machine_has_one() -> None:
    assert fingerprint(MACHINE_ID, None) == fingerprint(MACHINE_ID.upper(), "not a uuid")
    assert fingerprint(MACHINE_ID, UUID) == fingerprint(MACHINE_ID, UUID.upper())
    marks = [fingerprint(MACHINE_ID, None), fingerprint(MACHINE_ID, UUID), fingerprint(None, UUID)]
    assert len(set(marks)) == 3


def test_a_cloned_machine_that_kept_its_id_is_told_by_its_board() -> None:
    other = UUID.replace("4433", "4434")
    assert fingerprint(MACHINE_ID, UUID) != fingerprint(MACHINE_ID, other)


def test_the_fingerprint_does_not_show_what_it_was_made_of() -> None:
    mark = fingerprint(MACHINE_ID, UUID)
    assert mark is not None
    assert MACHINE_ID not in mark
    assert len(mark) == 64


def test_where_nothing_genuine_identifies_a_machine_there_is_no_fingerprint() -> None:
    assert fingerprint(None, None) is None
    assert fingerprint("uninitialized", None) is None
    for junk in JUNK_UUIDS:
        assert fingerprint(None, junk) is None


def test_a_boot_is_known_by_a_hash_and_rubbish_by_none() -> None:
    assert boot_mark(UUID) == boot_mark(UUID)
    assert boot_mark("x") is None
    assert boot_mark(None) is None
    assert boot_mark(UUID) != fingerprint(None, UUID)


def test_a_machine_that_hides_everything_is_read_all_the_same(tmp_path: Path) -> None:
    host = read_host(machine(tmp_path, {}))
    assert (host.fingerprint, host.boot, host.os_version) == (None, None, "unknown")


def test_this_machine_is_the_same_twice() -> None:
    assert read_host(Roots()) == read_host(Roots())
    assert read_host(Roots()).boot is not None


@given(st.text(), st.text())
def test_no_text_makes_a_host_parser_raise(one: str, other: str) -> None:
    parse_os_release(one)
    fingerprint(one, other)
    boot_mark(one)
