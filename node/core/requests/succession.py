"""What may be asked about lost keys; one vocabulary with `requests`, where the rules are."""

import msgspec


class Succeed(msgspec.Struct, frozen=True, tag="succeed", forbid_unknown_fields=True):
    """This machine was `node` before (a name, an id or its start), whose key is lost: its bookings
    are kept here from now on, and its id is retired everywhere. `recovery`: the recovery key as
    text, which says who it was if `node` is empty. `deny`: it was another machine. `force`: though
    its hardware was another, or peers are away that may know more of it.

    → {predecessor: {id, name}, denied, already, kept: [hold…], broken: [hold…], planned: [hold…],
    silent: [name…]}; `already`: it was said before, and nothing was done now"""

    node: str = ""
    reason: str = ""
    recovery: str = ""
    deny: bool = False
    force: bool = False

    def __repr__(self) -> str:
        return f"Succeed({self.node!r}, {self.reason!r}, deny={self.deny}, force={self.force})"


class SetRecovery(msgspec.Struct, frozen=True, tag="set_recovery", forbid_unknown_fields=True):
    """Put the public half of a recovery key on record, in hex; another one before it is void.

    → {public}"""

    public: str
