"""What the simulator's command says: names for every promise, one screen, one line, one bar."""

import io
import json
import sys
from argparse import Namespace
from collections.abc import Iterator

import pytest

from mesh.instant import SECOND
from node.cli.exits import Unable
from node.cli.parser import build, parse
from node.cli.render import Ink
from simulations.checks.check import Check
from simulations.command import bar, reading
from simulations.command.showing import json_line, verdict_lines
from simulations.command.wording import PROMISES, VERDICTS, promise
from simulations.options import Options
from simulations.results import EXIT_CODES, Result

KEYS = {
    "seed", "verdict", "violations", "trace_hash", "operations", "faults", "virtual_seconds",
    "wall_seconds",
}  # fmt: skip


def flags(*words: str) -> Namespace:
    return parse(build(), ["simulate", *words])


def every_check(kind: type[Check] = Check) -> Iterator[type[Check]]:
    for below in kind.__subclasses__():
        yield below
        yield from every_check(below)


def result(verdict: str = "ok", *violations: str) -> Result:
    return Result(
        options=Options(7, 5, 40 * SECOND), verdict=verdict, violations=violations,
        trace_hash="ab" * 16, operations={"granted": 3, "refused": 2, "unknown": 1}, unheard=4,
        changed=2, kinds={"reserve: granted": 3}, faults={"kill": 2, "loss": 0},
        states={"quarantine": 1}, checks={"B10": 5, "B2": 1, "I1": 9}, struck=(),
        virtual_seconds=61.0, wall_seconds=2.0, transcript_tail=("1 s  n0: died (kill/n0/0)",),
    )  # fmt: skip


def screen(of: Result) -> str:
    return "\n".join(verdict_lines(of, "holdfast simulate --seed 7", "five machines", Ink(False)))


def test_every_promise_that_a_check_guards_has_a_name() -> None:
    guarded = {number for check in every_check() for number in check.promises}
    assert len(guarded) > 20
    assert guarded - set(PROMISES) == set()
    assert promise("B1") == "B1 durable before answered"
    assert set(VERDICTS) == set(EXIT_CODES)


def test_the_verdict_names_what_ran_what_was_checked_and_how_to_repeat_it() -> None:
    shown = screen(result())
    assert "five machines" in shown
    assert "2 times, 1 kinds: kill 2" in shown
    assert "6 answers: 3 granted, 2 refused, 1 unknown; 4 askers died waiting" in shown
    assert "B2 renewed means live ×1, B10 only its holder acts on it ×5, I1" in shown
    assert "ok: every promise was kept" in shown
    assert "ab" * 16 in shown
    assert "again      holdfast simulate --seed 7\n" in shown
    assert "just before" not in shown


def test_a_broken_promise_is_named_with_its_words_and_what_came_before() -> None:
    shown = screen(result("violated", "B1: 3 s: n0 answered too soon"))
    assert "violated: a promise was broken" in shown
    assert "B1 durable before answered: 3 s: n0 answered too soon" in shown
    assert "n0: died (kill/n0/0)" in shown


def test_it_fits_on_one_screen() -> None:
    long = result()
    many = {f"kind-{number}": number for number in range(1, 200)}
    checks = dict.fromkeys(PROMISES, 1000)
    whole = Result(**{**{name: getattr(long, name) for name in long.__dataclass_fields__},
                      "faults": many, "checks": checks, "states": many})  # fmt: skip
    lines = screen(whole).splitlines()
    assert len(lines) <= 50
    assert max(map(len, lines)) <= 100


def test_the_line_to_copy_is_never_broken() -> None:
    line = "holdfast simulate --seed 7 --without " + ",".join(f"kill/n{n}/0" for n in range(40))
    assert f"again      {line}" in list(verdict_lines(result(), line, "five machines", Ink(False)))


def test_the_line_of_json_has_the_documented_keys() -> None:
    body = json.loads(json_line(result(), "holdfast simulate --seed 7"))
    assert set(body) >= KEYS
    assert body["replay"] == "holdfast simulate --seed 7"
    assert body["operations"] == {"granted": 3, "refused": 2, "unknown": 1}


# What is asked for --------------------------------------------------------------------------------


def test_what_is_not_written_is_as_in_the_tour() -> None:
    options = reading.options(flags("--seed", "9", "--nodes", "4", "--for", "2s"))
    assert options == Options(9, **(reading.TOUR | {"nodes": 4, "duration": 2 * SECOND}))
    assert reading.line(Options(9, **reading.TOUR)) == "holdfast simulate --seed 9"


def test_a_number_alone_is_replayed_as_it_draws_itself() -> None:
    assert reading.options(flags("--replay", "42")) == Options.draw(42)
    assert reading.line(Options.draw(42)) == "holdfast simulate --replay 42"


@pytest.mark.parametrize("seed", range(12))
def test_the_line_of_a_run_is_read_as_that_very_run(seed: int) -> None:
    drawn = Options.draw(seed)
    smaller = drawn.but(nodes=3, faults=drawn.faults[:2], mode="named", without=("kill/n0/0",))
    for options in (drawn, smaller, smaller.but(canary=True, scheme="ed25519")):
        words = reading.line(options).split()[2:]
        assert reading.options(flags(*words)) == options


def test_nobody_gives_a_number_and_every_run_has_one() -> None:
    seeds = {reading.seed(flags()) for _ in range(20)}
    assert len(seeds) > 1
    assert all(seed in reading.FIRST_SEEDS for seed in seeds)


@pytest.mark.parametrize("text", ["", "-1", "1.5", "0x10", "١", "9" * 30, "1e3", "nan"])
def test_what_is_no_number_is_no_seed(text: str) -> None:
    with pytest.raises(Unable, match="no whole number") as no:
        reading.number(text, "--seed")
    assert no.value.status == 64


# The bar ------------------------------------------------------------------------------------------


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def drawn(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO, took: float) -> str:
    monkeypatch.setattr(sys, "stderr", stream)
    ticks = iter([0.0, took])
    monkeypatch.setattr(bar.time, "perf_counter", lambda: next(ticks))
    with bar.Bar() as shown:
        shown("things go wrong", 0.5)
        monkeypatch.undo()
    return stream.getvalue()


def test_a_bar_is_drawn_on_a_terminal_from_one_second_on(monkeypatch: pytest.MonkeyPatch) -> None:
    assert "things go wrong" in drawn(monkeypatch, Terminal(), took=2.0)
    assert drawn(monkeypatch, Terminal(), took=0.5) == ""
    assert drawn(monkeypatch, io.StringIO(), took=2.0) == ""
