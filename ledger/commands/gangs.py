"""What an owner may be asked about one of a gang's, beside what is asked of any hold."""

import msgspec


class Park(msgspec.Struct, frozen=True, tag="park", forbid_unknown_fields=True):
    """Every member of its gang is posted: this one is a booking from here on, on probation."""

    id: bytes
    session: bytes


class Settle(msgspec.Struct, frozen=True, tag="settle", forbid_unknown_fields=True):
    """Every member is parked: the booking lasts its term. `proof`: the receipt, by the holder's own
    log, of its gang's completion, as encoded by `ledger.proving.blocks.encode_receipt`."""

    id: bytes
    session: bytes
    proof: bytes
