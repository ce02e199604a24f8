"""Guests: on whose behalf somebody asks, and whether that is so."""

import hmac
from typing import NamedTuple

from ledger.commands import Outcome
from ledger.granting import Refused
from ledger.policy import DEFAULT, Policy, Principal, prove
from mesh.identity import NodeId, id_text


class Guest(NamedTuple):
    """On whose behalf a hold is asked for. `rules` None: nobody has written any."""

    name: str
    rules: Principal | None
    may_force: bool


def guest_of(
    policy: Policy, claim: str, proof: bytes, hold: bytes, who: NodeId, owner: NodeId
) -> Guest | Refused:
    """Who asks in the name of `claim` (empty: in its own)."""
    if not policy.principals:
        # Where nobody wrote rules, the machine's own node is its operator.
        return Guest(claim, None, may_force=who == owner)
    if not claim:
        return _unnamed(policy, who)
    rules = policy.principals.get(claim)
    if rules is None or claim == DEFAULT:
        return Refused(Outcome.NOT_PRINCIPAL, f"nobody is called {claim[:40]!r} here")
    if _speaks_for(rules, who):
        return Guest(claim, rules, rules.may_force)
    if rules.key and hmac.compare_digest(proof, prove(rules.key, owner, hold, claim)):
        return Guest(claim, rules, rules.may_force)
    if rules.key and proof:
        return Refused(Outcome.NOT_PRINCIPAL, f"{claim}: the token that was shown is not its own")
    wanted = "its token" if rules.key else "a peer that speaks for it"
    return Refused(Outcome.NOT_PRINCIPAL, f"{claim}: this needs {wanted}")


def _unnamed(policy: Policy, who: NodeId) -> Guest:
    for name in sorted(policy.principals):
        if _speaks_for(policy.principals[name], who):
            return Guest(name, policy.principals[name], policy.principals[name].may_force)
    rules = policy.principals.get(DEFAULT)
    return Guest(id_text(who), rules, rules is not None and rules.may_force)


def _speaks_for(rules: Principal, who: NodeId) -> bool:
    return any(id_text(who).startswith(peer) for peer in rules.peers)
