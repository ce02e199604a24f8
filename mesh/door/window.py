"""The replay window: which counters of one session have been taken already.

The idea is RFC 6479's: remember the highest counter and one bit for each of the 2,048 below it.
What is older than the window is refused unseen, because we can no longer tell. Where the RFC walks
an array of words, a Python integer is the bitmap: one shift, and no index arithmetic to get wrong.

The order of use is the rule: ask `would_accept`, authenticate, and only then `accept`. Whoever
records first lets a forger burn the counters of the genuine sender.
"""

from typing import Final

WINDOW_COUNTERS: Final = 2048
"""How far behind the newest a datagram may arrive. At 10,000 datagrams a second: 0.2 s of
reordering, which only a multi-path network reaches; 64 (IPsec's old figure) is too few for it."""

_ALL: Final = (1 << WINDOW_COUNTERS) - 1


class ReplayWindow:
    """The counters already taken, from `base` upward."""

    __slots__ = ("_base", "_taken", "_top")

    def __init__(self, base: int) -> None:
        self._base = base
        self._top = base - 1
        self._taken = 0  # bit i: counter _top - i has been taken

    def would_accept(self, counter: int) -> bool:
        """Whether `counter` is new. Changes nothing."""
        if counter > self._top:
            return True
        age = self._top - counter
        if counter < self._base or age >= WINDOW_COUNTERS:
            return False
        return not self._taken >> age & 1

    def accept(self, counter: int) -> None:
        """Record `counter` as taken. Only for one that was accepted and has been authenticated."""
        ahead = counter - self._top
        if ahead >= WINDOW_COUNTERS:
            self._taken = 1  # never shift by a number that a peer chose: it may be 2**63
        elif ahead > 0:
            self._taken = (self._taken << ahead | 1) & _ALL
        else:
            self._taken |= 1 << -ahead
        self._top = max(self._top, counter)
