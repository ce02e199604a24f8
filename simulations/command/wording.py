"""What each promise is called where there is room for a few words; in full: docs/invariants.md."""

from typing import Final

PROMISES: Final[dict[str, str]] = {
    "I1": "no account below zero",
    "I2": "debits equal credits",
    "I3": "no more promised than there is",
    "I4": "balances are their holds",
    "I5": "each hold ends once",
    "I6": "one id, one answer",
    "I7": "nothing on a closed pool",
    "I8": "logs without a gap",
    "I9": "equal logs, equal books",
    "I10": "silence in quarantine",
    "B1": "durable before answered",
    "B2": "renewed means live",
    "B3": "no end while it is believed in",
    "B4": "room returns after the work",
    "B5": "one block at one place",
    "B6": "confirmed only in belief",
    "B7": "all of a gang or none",
    "B8": "what is on disk stays",
    "B9": "granted means really free",
    "B10": "only its holder acts on it",
    "B11": "no replay changes anything",
    "B12": "rubbish changes nothing",
    "B13": "what was answered is kept",
    "B17": "what is planned starts",
    "B18": "nobody passes the first",
    "B19": "a gang neither starves nor hoards",
    "G1": "no byte believed in twice",
    "G2": "what runs fits the machine",
    "G3": "copies are prefixes",
    "G4": "copies say what their log says",
    "G5": "no quota overspent",
    "G6": "a fork is noticed by all",
    "G7": "one winner of a race",
    "G8": "equal pictures, equal answers",
    "G9": "one seed, one history",
    "G10": "what is pruned is held",
    "V1": "everybody serves again",
    "V2": "everybody agrees again",
    "V3": "all room comes back",
    "V4": "no orphan runs on",
    "V5": "who may have room gets it",
    "V6": "no lease lost to a restart",
    "alive": "nobody speaks for another",
    "death": "nobody given up too early",
    "doubt": "no doubt on waking up",
    "twin": "of two with one key, none",
    "rival": "one pool, one owner",
    "quota": "nobody has more than allotted",
    "tie": "one process, one hold",
    "outcast": "outcasts are not heard",
    "told": "who is kept out and told so grants nothing",
    "forgotten": "who is forgotten stays so",
    "facts": "facts only from their node",
    "bounds": "tables stay bounded",
    "replay": "no replay changes anything",
    "placement": "no placement on a suspect",
    "crash": "no agent stops itself",
}
"""Id of a promise, as a check or a verdict names it → what it says."""

PHASES: Final[dict[str, str]] = {
    "meet": "the machines meet",
    "chaos": "things go wrong",
    "open": "calm: everybody opens",
    "answers": "calm: everybody is answered",
    "ends": "calm: all room comes back",
    "agreement": "calm: everybody agrees",
    "calm": "calm",
}
"""Phase of a run → what is happening."""

VERDICTS: Final[dict[str, str]] = {
    "ok": "every promise was kept",
    "violated": "a promise was broken",
    "stalled": "something that must come never came",
    "diverged": "one seed was two histories",
    "internal": "the simulator itself failed: this says nothing about Holdfast",
}


def promise(number: str) -> str:
    """`B1 durable before answered`; an id without a name stands alone."""
    return f"{number} {PROMISES[number]}" if number in PROMISES else number
