"""What may be asked about one hold. Ids are hex and may be shortened while one hold fits.

Part of the vocabulary of `requests.py`, where bodies and refusals are explained.
"""

from typing import Annotated, Final, TypeAlias

import msgspec

TERM_MS_MAX: Final = 2**63 // 1_000_000 - 1
"""What an owner can count in nanoseconds: 292 years, of which it grants a month."""


class Post(msgspec.Struct, frozen=True, tag="post", forbid_unknown_fields=True):
    """Confirm a hold made with `hold_only`.

    → {id, owner: {id, name}, state, outcome, detail, legs: [{pool, amount, unit}]|null,
    kind: carried|booking|null, term_ms|null, remaining_ms, token, receipts: [base64…],
    stored_on: [name…]|null, environment: "HOLDFAST_HOLD=…"}
    """

    id: str


class Renew(msgspec.Struct, frozen=True, tag="renew", forbid_unknown_fields=True):
    """A carried lease lasts for another term, from now. → as Post, without what it holds."""

    id: str


class Extend(msgspec.Struct, frozen=True, tag="extend", forbid_unknown_fields=True):
    """A booking lasts for `term_ms` in all, counted from its beginning, or for `more_ms` more than
    it does by what this node knows. One of the two. → as Post."""

    id: str
    term_ms: Annotated[int, msgspec.Meta(ge=0, le=TERM_MS_MAX)] = 0
    more_ms: Annotated[int, msgspec.Meta(ge=0, le=TERM_MS_MAX)] = 0


class Shrink(msgspec.Struct, frozen=True, tag="shrink", forbid_unknown_fields=True):
    """A grant keeps of each pool in `keep` (its name or the beginning of it) so much and gives back
    the rest; of the others it keeps all. Amounts as people write them, 0 for none. → as Post."""

    id: str
    keep: dict[str, str]


class Transfer(msgspec.Struct, frozen=True, tag="transfer", forbid_unknown_fields=True):
    """A `part` of a booking (pools and amounts as in Shrink; empty: all that it has) becomes a
    grant of its own, for the node `to` (empty: this one), for `term_ms` (0: as long as the whole
    lasts), or `carried`: then its holder renews it. → as Post; `id` is the new grant's."""

    id: str
    part: dict[str, str] = {}
    to: str = ""
    term_ms: Annotated[int, msgspec.Meta(ge=0, le=TERM_MS_MAX)] = 0
    carried: bool = False
    principal: str = ""
    label: str = ""


class Release(msgspec.Struct, frozen=True, tag="release", forbid_unknown_fields=True):
    """End a grant, or void a hold that was never posted. Ids may be shortened unambiguously.

    → {id, owner: {id, name}, outcome, detail}
    """

    id: str


OfOneHold: TypeAlias = Post | Release | Renew | Extend | Shrink | Transfer
