"""ledger: who may use what, until when.

It accounts. One owner per memory, one log per owner, entries that balance or cannot be built; the
fold over a log has no clock, so every replica that has the same log has the same books.

Reading order: `machine.py` (the middle: `ask`, `wake`, `report`), then `entries/` and `books/`
(double entry and its fold), `lifecycle.py` (what a hold may become: one table), `recovery/` (why
every start is assumed to have forgotten something), `granting/` with `room.py` (the one formula),
`proving/` with `audit.py`.

A command's way: `visits/` meets it, `granting/` says why not, or `waiting/` says when; `desk/`
writes what was done, `entries/` is how that reads and `books/` what it comes to. Of an owner as a
whole `owner/` speaks.

May import: `mesh.identity`, `mesh.instant`, `mesh.facts`, `mesh.logs`, `mesh.persistence`, and
`msgspec`. Never `placement`. No I/O, no clock, no dice.
"""
