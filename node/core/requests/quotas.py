"""What may be asked about quotas over the whole mesh: a part of the vocabulary of `requests.py`.

`amounts`: kind of pool (ram, gpu …) → how much, as people write it. Bodies as there; amounts in
them are integers in the unit of their kind. Quota: {principal, sort, unit, issued, held, spare,
in_flight, lost, at: [{node: {id, name}, here, liveness, issued, rights, held, spare, open, gone,
age_ms|null}], moving: [{from: {id, name}, to: {id, name}, amount}]}
"""

from typing import TypeAlias

import msgspec


class QuotaList(msgspec.Struct, frozen=True, tag="quota_list", forbid_unknown_fields=True):
    """Every quota that this replica knows. → {quotas: [Quota…], open, silent: number|null}

    `open`: whether rights are spent at this node; if not, `silent` nodes have not shown their copy
    of its log yet."""

    principal: str = ""


class QuotaIssue(msgspec.Struct, frozen=True, tag="quota_issue", forbid_unknown_fields=True):
    """Let the rights that this node has issued to `principal` be `amounts`, and so many more come
    into being here. `also`: though another node has issued some of that kind.
    → {did, principal, amounts: [{sort, amount, unit}], quotas: [Quota…]}"""

    principal: str
    amounts: dict[str, str]
    also: bool = False


class QuotaMove(msgspec.Struct, frozen=True, tag="quota_move", forbid_unknown_fields=True):
    """So many more rights go from `source` to `target` (empty: this node), all of them or none. One
    of the two is this node. → as QuotaIssue"""

    principal: str
    amounts: dict[str, str]
    source: str = ""
    target: str = ""


class QuotaWithdraw(msgspec.Struct, frozen=True, tag="quota_withdraw", forbid_unknown_fields=True):
    """Do away with so many rights that this node issued and that lie here unused; or (`gone`: a
    node that was revoked) with as many as were lost there, for a `reason` that goes on record. Of
    what is lost it is waited until nothing granted there can last; `off`: its machine is off, and
    will not be switched on again. → as QuotaIssue"""

    principal: str
    amounts: dict[str, str]
    gone: str = ""
    reason: str = ""
    off: bool = False


class QuotaOpen(msgspec.Struct, frozen=True, tag="quota_open", forbid_unknown_fields=True):
    """Spend rights here before every peer has shown its copy of our log; `reason` goes on record.
    → {open}"""

    reason: str


OfQuotas: TypeAlias = QuotaIssue | QuotaMove | QuotaWithdraw | QuotaOpen
