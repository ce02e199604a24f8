"""Rights by plain addition: what lies at one owner of a quota over the whole mesh.

Four totals that only grow, of one principal. What may be held here is what was issued and taken,
less what was withdrawn and given; whatever is held counts, planned or granted.
"""

from dataclasses import dataclass, replace

from ledger.books import Books
from tests.ledger.naive import Naive, Promise

WHO = "gold"
SORT = "ram"


@dataclass
class Rights:
    """Of `WHO`, at one owner."""

    issued: int = 0
    withdrawn: int = 0
    given: int = 0
    taken: int = 0
    governed: bool = False
    """Whether any log says that there are rights for it."""

    @property
    def there(self) -> int:
        return self.issued - self.withdrawn + self.taken - self.given

    def spare(self, model: Naive) -> int:
        return self.there - model.has(WHO)

    def lacks(self, one: Promise, model: Naive) -> bool:
        """Whether what lies here does not cover `one`."""
        return self.governed and one.whose == WHO and one.amount > self.spare(model)

    def forgotten(self, known: "Rights") -> "Rights":
        """What is left when the log remembers `known`, and both who took of us and who gave to us
        say again what they took and gave."""
        return replace(known, given=self.given, taken=self.taken, governed=self.governed)

    def compare(self, books: Books, model: Naive) -> None:
        """The books are of the same opinion."""
        assert books.entitled.get((WHO, SORT), 0) == self.there, "other rights than were moved"
        assert books.held(WHO, SORT) == model.has(WHO)
        assert books.spare(WHO, SORT) == self.spare(model), "more is spent, or less, than is held"
