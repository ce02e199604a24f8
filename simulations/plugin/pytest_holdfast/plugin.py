"""The fixture, its options, and what is told of a test that failed."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Generator, Iterator, Sequence
from typing import Any, Callable

import pytest

from .cluster import TAIL_LINES, Cluster
from .errors import HoldfastError
from .service import Service

SEEDS = 10**9
PATIENCE_SECONDS = 120.0
CLUSTERS = pytest.StashKey["list[Cluster]"]()
"""Of a test: the clusters it has made, newest last."""

MakeCluster = Callable[..., Cluster]
"""What `holdfast_cluster` is: see its docstring for the arguments."""


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("holdfast", "simulated Holdfast clusters")
    group.addoption(
        "--holdfast-seed", type=int, metavar="NUMBER",
        help="the seed of each test's first cluster (default: from the test's name)",
    )  # fmt: skip
    group.addoption("--holdfast-command", metavar="COMMAND", help="where holdfast is")
    parser.addini("holdfast_command", "where holdfast is", default="holdfast")
    parser.addini(
        "holdfast_timeout", "seconds of real time that one answer may take",
        default=str(PATIENCE_SECONDS),
    )  # fmt: skip


class _Keeper:
    """The one process of a session, started when it is first needed, and anew if it is lost."""

    def __init__(self, command: str, patience: float) -> None:
        self._command = command
        self._patience = patience
        self._service: Service | None = None

    def service(self) -> Service:
        if self._service is None or not self._service.alive:
            self.close()
            self._service = Service(self._command, self._patience)
        return self._service

    def close(self) -> None:
        if self._service is not None:
            self._service.close()
            self._service = None


@pytest.fixture(scope="session")
def _holdfast(pytestconfig: pytest.Config) -> Iterator[_Keeper]:
    keeper = _Keeper(_command(pytestconfig), _patience(pytestconfig))
    yield keeper
    keeper.close()


@pytest.fixture
def holdfast_cluster(request: pytest.FixtureRequest, _holdfast: _Keeper) -> Iterator[MakeCluster]:
    """Makes simulated clusters: `c = holdfast_cluster(nodes=20, faults="lossy")`.

    `nodes`: how many alike, called n0, n1, …, or a list of `{"name", "ram", "cores", "cards",
    "tools", "slots"}`; `ram`, `cores`, `cards` of those alike; `faults` that strike by themselves
    once all have met, and `operations`: what people ask for meanwhile, per virtual second; `seed`;
    `scheme`: "ed25519" for real signatures.
    """
    made: list[Cluster] = []
    request.node.stash[CLUSTERS] = made

    def make(
        nodes: int | Sequence[dict[str, Any]] = 3, *, faults: str = "none", operations: float = 0,
        seed: int | None = None, ram: str = "8GiB", cores: int = 8, cards: Sequence[str] = (),
        scheme: str = "stand-in",
    ) -> Cluster:  # fmt: skip
        chosen = _seed(request.node) + len(made) if seed is None else seed
        fields = {
            "faults": faults, "operations": operations, "ram": ram, "cores": cores,
            "cards": list(cards), "scheme": scheme,
        }  # fmt: skip
        made.append(Cluster(_holdfast.service(), chosen, nodes, fields))
        return made[-1]

    yield make
    for cluster in made:
        cluster.end()


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, Any, None]:
    """Of a test that failed: each cluster's seed, what happened last, and how to live it again."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and report.when == "call":
        made: list[Cluster] = item.stash.get(CLUSTERS, [])
        for number, cluster in enumerate(made):
            title = f"holdfast: cluster {number + 1}, seed {cluster.seed}"
            report.sections.append((title, "\n".join(_told(item, cluster))))


def _told(item: pytest.Item, cluster: Cluster) -> Iterator[str]:
    if cluster.broken is not None:
        yield f"{cluster.broken.code}: {cluster.broken}"
    yield f"{cluster!r}; what happened last:"
    try:
        yield from cluster.transcript(TAIL_LINES)
    except HoldfastError as error:
        yield f"(not to be had: {error})"
    yield f"again: {_again(item)}"


def _again(item: pytest.Item) -> str:
    words = ["pytest", item.nodeid, "--holdfast-seed", str(_seed(item))]
    command = item.config.getoption("--holdfast-command")
    if command:  # in one word: pytest takes a path that stands alone for a place of tests
        words.append(f"--holdfast-command={command}")
    return " ".join(map(shlex.quote, words))


def _seed(item: pytest.Item) -> int:
    """Of the first cluster of a test; the next has the next."""
    given = item.config.getoption("--holdfast-seed")
    if given is not None:
        return int(given)
    digest = hashlib.sha256(item.nodeid.encode()).digest()
    return int.from_bytes(digest[:8], "big") % SEEDS


def _command(config: pytest.Config) -> str:
    return str(config.getoption("--holdfast-command") or config.getini("holdfast_command"))


def _patience(config: pytest.Config) -> float:
    text = config.getini("holdfast_timeout")
    try:
        seconds = float(text)
    except ValueError:
        raise pytest.UsageError(f"holdfast_timeout: {text!r} is no number of seconds") from None
    if seconds <= 0:
        raise pytest.UsageError("holdfast_timeout: more than nothing")
    return seconds
