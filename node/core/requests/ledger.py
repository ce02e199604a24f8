"""What may be asked about logs; one vocabulary with `requests`, where the rules are."""

import msgspec


class LedgerShow(msgspec.Struct, frozen=True, tag="ledger_show", forbid_unknown_fields=True):
    """One owner's log (default: our own). → {author: {id, name}, begins, length, age_ms, problem,
    names: {id: name}, blocks: [{era, height, hash, previous, entries: [{kind, …}]}],
    balances: [{account, pool, debits_pending, debits_posted, credits_pending, credits_posted,
    state}]}

    `names`: of the nodes that entries speak of."""

    node: str | None = None
    last: int = 50


class LedgerVerify(msgspec.Struct, frozen=True, tag="ledger_verify", forbid_unknown_fields=True):
    """Check every log this replica keeps: signatures, links, roots, balances. → {logs: [{author,
    begins, blocks, entries, holds_live, era, height, head, ok, problem}], ok: bool}"""


class LedgerHistory(msgspec.Struct, frozen=True, tag="ledger_history", forbid_unknown_fields=True):
    """A page of a log, its archive included. → as LedgerShow: {…, entries: [{era, height, hash,
    line, kind, …}], next}; `next`: the height to go on from, null when that was all."""

    node: str | None = None
    start: int = 0
