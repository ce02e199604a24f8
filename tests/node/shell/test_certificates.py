"""Our few kinds of DER, held against the library that knows all of them."""

import datetime as dt

import pytest
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from mesh.identity import Identity
from node.shell.streams.certificates import ca_certificate, key_in, key_pem, leaf_certificate

CA = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
NODE = Identity(bytes([7]) * 32)
VICTIM = Identity(bytes([8]) * 32)
LEAF = leaf_certificate(CA, "a mesh", "a node", NODE)
SPKI_HEAD = bytes.fromhex("302a300506032b6570032100")
LONG_NAME = "n" * 64

USAGE = dict.fromkeys(
    ("digital_signature", "content_commitment", "key_encipherment", "data_encipherment",
     "key_agreement", "key_cert_sign", "crl_sign", "encipher_only", "decipher_only"), False,
)  # fmt: skip


def named(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def begun(
    subject: str, issuer: str, key: Ed25519PrivateKey, serial: int
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(named(subject))
        .issuer_name(named(issuer))
        .public_key(key.public_key())
        .serial_number(serial)
        .not_valid_before(dt.datetime(1970, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(9999, 12, 31, 23, 59, 59, tzinfo=dt.UTC))
    )


@settings(max_examples=20)
@given(st.binary(min_size=32, max_size=32), st.integers(1, 2**127))
def test_a_ca_is_what_the_library_would_write(seed: bytes, serial: int) -> None:
    key = Ed25519PrivateKey.from_private_bytes(seed)
    usage = x509.KeyUsage(**(USAGE | {"key_cert_sign": True}))
    theirs = (
        begun("a mesh", "a mesh", key, serial)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        .sign(key, algorithm=None)
    )
    assert ca_certificate(key, "a mesh", serial) == theirs.public_bytes(Encoding.DER)


@settings(max_examples=20)
@given(st.binary(min_size=32, max_size=32), st.sampled_from(["x", "a node", LONG_NAME]))
def test_a_leaf_is_what_the_library_would_write(seed: bytes, name: str) -> None:
    node = Identity(seed)
    serial = int.from_bytes(node.id) | 1
    usage = x509.KeyUsage(**(USAGE | {"digital_signature": True}))
    ours = x509.SubjectKeyIdentifier.from_public_key(node.private_key.public_key())
    issuers = x509.AuthorityKeyIdentifier.from_issuer_public_key(CA.public_key())
    theirs = (
        begun(name, "a mesh", node.private_key, serial)
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .add_extension(usage, critical=True)
        .add_extension(ours, critical=False)
        .add_extension(issuers, critical=False)
        .sign(CA, algorithm=None)
    )
    der = leaf_certificate(CA, "a mesh", name, node)
    assert der == theirs.public_bytes(Encoding.DER)
    assert key_in(der) == node.public


@pytest.mark.filterwarnings("ignore:Parsed a serial number which wasn't positive")
@settings(max_examples=200)
@given(st.data())
def test_a_bent_certificate_shows_no_other_key_than_the_library_finds(data: st.DataObject) -> None:
    bent = bytearray(LEAF)
    for _ in range(data.draw(st.integers(1, 3))):
        bent[data.draw(st.integers(0, len(bent) - 1))] = data.draw(st.integers(0, 255))
    found = key_in(bytes(bent))
    if found is not None:
        try:
            theirs = x509.load_der_x509_certificate(bytes(bent)).public_key()
        except (ValueError, x509.InvalidVersion):
            return  # OpenSSL would not have let it in
        assert isinstance(theirs, Ed25519PublicKey)
        assert theirs.public_bytes_raw() == found


@given(st.binary(max_size=300))
def test_rubbish_is_no_certificate(rubbish: bytes) -> None:
    assert key_in(rubbish) is None


def test_a_key_that_lies_in_a_name_is_not_the_key() -> None:
    hidden = (SPKI_HEAD + VICTIM.public).decode("latin-1")
    leaf = leaf_certificate(CA, "a mesh", hidden, NODE)
    assert key_in(leaf) == NODE.public


def test_half_a_certificate_and_one_with_something_behind_it_are_none() -> None:
    assert key_in(LEAF[:-1]) is None
    assert key_in(LEAF + b"\x00") is None
    assert key_in(LEAF + LEAF) is None


def test_a_length_that_could_be_shorter_is_refused() -> None:
    assert LEAF[:2] == b"\x30\x82"
    assert key_in(b"\x30\x83\x00" + LEAF[2:]) is None
    at = LEAF.index(SPKI_HEAD)
    longer = LEAF[:at] + b"\x30\x81" + LEAF[at + 1 :]
    assert key_in(longer) is None


@pytest.mark.parametrize("curve", [ec.SECP256R1(), ec.SECP384R1()])
def test_a_certificate_about_another_kind_of_key_is_nobodys(curve: ec.EllipticCurve) -> None:
    key = ec.generate_private_key(curve)
    other = (
        x509.CertificateBuilder()
        .subject_name(named("x"))
        .issuer_name(named("x"))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        .not_valid_after(dt.datetime(2040, 1, 1, tzinfo=dt.UTC))
        .sign(key, SHA256())
    )
    assert key_in(other.public_bytes(Encoding.DER)) is None


def test_a_private_key_is_written_as_the_library_writes_it_but_for_the_lines() -> None:
    theirs = CA.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    assert key_pem(CA).split() == theirs.split()
