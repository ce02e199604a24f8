"""One seed, one process: whatever becomes of a process, its seed is told."""

import os
import signal
import time

import pytest

from simulations.campaign import workers
from simulations.campaign.workers import Lost, spread

_left_behind: list[int] = []


def squared(job: int) -> int:
    return job * job


def remembers(job: int) -> int:
    _left_behind.append(job)
    return len(_left_behind)


def killed(job: int) -> int:
    if job == 3:
        os.kill(os.getpid(), signal.SIGKILL)
    return job


def raises(job: int) -> int:
    raise ValueError(job)


def sleeps(job: int) -> int:
    time.sleep(60)
    return job


def speaks_at_length(job: int) -> bytes:
    return bytes(job << 20)


def test_every_job_is_done_once_whatever_the_number_of_workers() -> None:
    for number in (1, 3):
        found = dict(spread(range(10), squared, number))
        assert found == {job: job * job for job in range(10)}


def test_no_job_sees_what_another_left_in_memory() -> None:
    assert [found for _, found in spread(range(4), remembers, 1)] == [1, 1, 1, 1]


def test_a_job_whose_process_was_killed_is_no_success() -> None:
    found = dict(spread(range(6), killed, 2))
    assert found[3] == Lost(-signal.SIGKILL)
    assert "SIGKILL" in Lost(-signal.SIGKILL).sentence
    assert [found[job] for job in (0, 1, 2, 4, 5)] == [0, 1, 2, 4, 5]


def test_a_job_that_raises_is_told_and_says_why(capfd: pytest.CaptureFixture[str]) -> None:
    assert list(spread([7], raises, 1)) == [(7, Lost(1))]
    assert "ValueError: 7" in capfd.readouterr().err


def test_an_answer_longer_than_a_pipe_holds_comes_whole() -> None:
    assert [found for _, found in spread([3], speaks_at_length, 1)] == [bytes(3 << 20)]


def test_a_job_that_never_ends_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "SEED_SECONDS_MAX", 0.2)
    ((job, found),) = spread([1], sleeps, 1)
    assert (job, found) == (1, Lost(-signal.SIGKILL, overdue=True))


def test_whoever_stops_listening_leaves_no_process_behind() -> None:
    going = spread(iter([0, 1]), lambda job: sleeps(job) if job else os.getpid(), 2)
    next(going)
    going.close()
    with pytest.raises(ChildProcessError):
        os.waitpid(-1, os.WNOHANG)


def test_jobs_are_asked_for_when_a_worker_is_free_and_not_before() -> None:
    drawn: list[int] = []

    def jobs() -> object:
        for number in range(100):
            drawn.append(number)
            yield number

    going = spread(jobs(), squared, 2)  # type: ignore[arg-type]  # a generator of ints
    next(going)
    going.close()
    assert len(drawn) <= 3
