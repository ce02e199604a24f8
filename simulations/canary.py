"""The canary: a lie told to the checkers, so that a run in which nobody looks is noticed.

A simulator whose checks have fallen silent passes everything. One run of every campaign therefore
tells its checks of a promise that no owner ever made; if that run passes, the campaign has failed.
"""

import dataclasses
from random import Random

from ledger.commands import HOLD_ID_BYTES
from node.core.effects import Reply
from simulations.invented.host import Host
from simulations.invented.observing import Observer


class Canary(Observer):
    """Repeats the first grant that is answered under an id that nobody has granted."""

    def __init__(self, checks: Observer) -> None:
        self._checks = checks
        self._sung = False

    def answered(self, host: Host, reply: Reply) -> None:
        if self._sung or not reply.ok or reply.body.get("state") != "posted":
            return
        self._sung = True
        forged = Random(reply.body["id"]).randbytes(HOLD_ID_BYTES).hex()
        lie = dataclasses.replace(reply, body={**reply.body, "id": forged})
        self._checks.answered(host, lie)
