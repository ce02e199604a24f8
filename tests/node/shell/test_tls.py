"""The mesh CA and what a certificate is worth. Streams over it are in test_streams."""

import ssl

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from mesh.identity import Identity, id_text
from node.shell.streams import tls
from node.shell.streams.tls import MeshTls, ca_certificate, leaf_certificate, pinned_context

SEED = bytes(range(32))
OTHER_SEED = bytes(32)
IDENTITY = Identity(bytes([7]) * 32)


def test_one_secret_gives_one_ca_to_the_byte_and_another_gives_another() -> None:
    assert ca_certificate(SEED) == ca_certificate(SEED)
    names = [x509.load_der_x509_certificate(ca_certificate(one)) for one in (SEED, OTHER_SEED)]
    assert names[0].subject != names[1].subject


def test_no_clock_decides_whether_a_certificate_is_valid() -> None:
    ca_key = Ed25519PrivateKey.from_private_bytes(SEED)
    for der in (ca_certificate(SEED), leaf_certificate(ca_key, IDENTITY)):
        certificate = x509.load_der_x509_certificate(der)
        assert certificate.not_valid_before_utc.year == 1970
        assert certificate.not_valid_after_utc.year == 9999


def test_the_leafs_key_is_the_nodes_key() -> None:
    ca_key = Ed25519PrivateKey.from_private_bytes(SEED)
    der = leaf_certificate(ca_key, IDENTITY)
    leaf = x509.load_der_x509_certificate(der)
    leaf.verify_directly_issued_by(x509.load_der_x509_certificate(ca_certificate(SEED)))
    assert tls._id_in(der) == IDENTITY.id
    assert id_text(IDENTITY.id) in leaf.subject.rfc4514_string()


def test_nothing_older_than_tls_13_is_spoken_and_members_must_show_themselves() -> None:
    ours = MeshTls([SEED], IDENTITY)
    for context in (ours.server, ours.client, pinned_context()):
        assert context.minimum_version is ssl.TLSVersion.TLSv1_3
    assert ours.client.verify_mode is ssl.CERT_REQUIRED
    assert ours.server.verify_mode is ssl.CERT_OPTIONAL


def test_without_memory_files_the_key_lies_encrypted_for_a_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    written: list[bytes] = []
    whole = tls._temporary_file

    def watched(data: bytes) -> object:
        written.append(data)
        return whole(data)

    monkeypatch.delattr("os.memfd_create")
    monkeypatch.setattr(tls, "_temporary_file", watched)
    MeshTls([SEED], IDENTITY)
    assert len(written) == 2
    assert all(b"ENCRYPTED PRIVATE KEY" in data for data in written)


@pytest.mark.parametrize("junk", [b"", b"\x30\x00", b"junk" * 30])
def test_a_certificate_that_cannot_be_read_is_nobodys(junk: bytes) -> None:
    assert tls._id_in(junk) is None
