"""The sections of the configuration that say who may hold how much."""

import contextlib
import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ledger.policy import key_of
from mesh.instant import HOUR
from node.principals import PolicyError, read_principals

WHOLE = """
[bob]
token = "a long random word"
peers = ["6LLNVFKX"]
quota = { ram = "48GiB", cpu = "8 cores", slots = 2, disk = 0 }
rights = ["ram", "gpu"]
holds_per_minute = 6
lease_max = "8h"
pools = ["ram", "gpu:GPU-1"]
may_force = true
[default]
quota = { ram = "1GiB" }
"""


def test_a_section_says_all_that_a_principal_may() -> None:
    policy = read_principals(tomllib.loads(WHOLE))
    bob = policy.principals["bob"]
    assert (bob.key, bob.peers) == (key_of("a long random word"), ("6llnvfkx",))
    assert bob.quota == {"ram": 48 << 30, "cpu": 8000, "slots": 2, "disk": 0}
    assert bob.rights == ("ram", "gpu")
    assert (bob.holds_per_minute, bob.lease_max, bob.may_force) == (6, 8 * HOUR, True)
    assert bob.pools == ("ram", "gpu:GPU-1")
    assert policy.rules_of("somebody") is policy.principals["default"]
    assert "long random" not in repr(policy)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("bob = 5", "section"),
        ("[bob]\nquota = {}", "needs a token"),
        ("[bob]\ntoken = 'short'", "token is text of 16"),
        ("[bob]\npeers = ['6llnvfkx']\nquotas = {}", "no setting 'quotas'"),
        ("[bob]\npeers = ['6llnvfkx']\nquota = { memory = '1GiB' }", "no kind of pool"),
        ("[bob]\npeers = ['6llnvfkx']\nrights = ['memory']", "no kind of pool"),
        ("[bob]\npeers = ['6llnvfkx']\nquota = { ram = 48 }", "has no unit"),
        ("[bob]\npeers = ['6llnvfkx']\nquota = { ram = '1.5B' }", "fraction of a byte"),
        ("[bob]\npeers = ['6llnvfkx']\nquota = { slots = -1 }", "no number of slots"),
        ("[bob]\npeers = ['6llnvfkx']\nholds_per_minute = 0", "no rate"),
        ("[bob]\npeers = ['6llnvfkx']\nlease_max = '100y'", "lease_max"),
        ("[bob]\npeers = ['6llnvfkx']\npools = ['memory']", "neither a kind of pool"),
        ("[bob]\npeers = ['short']", "no node's id"),
        ("[default]\ntoken = 'a long random word'", "nobody else"),
    ],
)
def test_what_cannot_be_is_refused_with_what_to_write(text: str, told: str) -> None:
    with pytest.raises(PolicyError, match=told):
        read_principals(tomllib.loads(text))


_PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
)
_NAMES = st.sampled_from(["token", "peers", "quota", "pools", "lease_max", "holds_per_minute"])


@settings(max_examples=60, deadline=None)
@given(st.dictionaries(st.text(), st.dictionaries(_NAMES, _PLAIN), max_size=3) | _PLAIN)
def test_whatever_is_written_ends_in_a_policy_or_a_sentence(said: object) -> None:
    with contextlib.suppress(PolicyError):
        read_principals(said)
