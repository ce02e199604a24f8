"""Books that begin at a checkpoint: a state, believed as far as it can be checked.

The author signed its hash, and it must be books: everything of the right type, every account
balanced, every hold on a pool that exists. Whether it is what the log before it comes to can be
said only by who has folded that log; they did (books.py), and their copy stopped if it was not.
"""

from ledger.books import Books
from ledger.books.state import StateRefused, decode_state
from ledger.proving.audit import check_books
from ledger.proving.tally import AuditError
from mesh.logs import Base, check_base


def books_from(base: Base) -> Books | None:
    """The books just before the block of `base`; None when it is not the state of any."""
    if not check_base(base):
        return None
    try:
        state = decode_state(base.state)
        books = Books.revived(state)
        check_books(books)
    except (StateRefused, AuditError):
        return None
    block = base.block
    fits = books.height == block.height - 1 and books.head == block.previous
    return books if fits and books.eras == base.checkpoint.eras else None
