"""Asks that may never be answered: all at once, for so long and no longer, and none of them twice.

A driver that hangs in the kernel, or a file server that is gone, holds whoever asks it; nothing can
end such a call, only leave it behind. Eight cards of one dead driver must not cost eight times the
wait, so all are asked side by side against one deadline. And what has not answered is not asked
again before it does: a look every three seconds would leave a thread behind every three seconds.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

Result = TypeVar("Result")


@dataclass(slots=True)
class Answer(Generic[Result]):
    """What came back in time: a result, or what was raised. `late`: nothing, yet."""

    result: Result | None = None
    failure: Exception | None = None
    late: bool = True


class Patience:
    """Remembers what has not answered yet."""

    def __init__(self) -> None:
        self._unanswered: set[str] = set()

    def ask(
        self, questions: Mapping[str, Callable[[], Result]], seconds: float
    ) -> dict[str, Answer[Result]]:
        """All of them at once. Ends after `seconds` at the latest, whatever they do."""
        answers: dict[str, Answer[Result]] = {key: Answer() for key in questions}
        asked = [key for key in questions if key not in self._unanswered]
        self._unanswered.update(asked)
        latch = _Latch(len(asked))
        for key in asked:
            self._begin(key, questions[key], answers[key], latch)
        latch.wait(seconds)
        # A copy: one that answers just now fills its own in a thread that we no longer watch.
        return {key: Answer(one.result, one.failure, one.late) for key, one in answers.items()}

    def ask_one(self, key: str, question: Callable[[], Result], seconds: float) -> Result | None:
        """The result, or None while there is none."""
        answer = self.ask({key: question}, seconds)[key]
        if answer.failure is not None:
            raise answer.failure
        return answer.result

    def waits_for(self, key: str) -> bool:
        """Whether this was asked and has not answered."""
        return key in self._unanswered

    def _begin(
        self, key: str, question: Callable[[], Any], answer: Answer[Any], latch: "_Latch"
    ) -> None:
        def work() -> None:
            try:
                answer.result = question()
            except Exception as failure:  # noqa: BLE001  carried to the caller, not swallowed
                answer.failure = failure
            finally:
                answer.late = False
                self._unanswered.discard(key)  # also long after we stopped waiting
                latch.one_less()

        # A daemon: what hangs must not keep the agent from stopping.
        threading.Thread(target=work, name=f"ask {key}", daemon=True).start()


class _Latch:
    """Opens when so many have come: one wait for all of them, and no clock."""

    def __init__(self, many: int) -> None:
        self._left = many
        self._lock = threading.Lock()
        self._open = threading.Event()
        if not many:
            self._open.set()

    def one_less(self) -> None:
        with self._lock:
            self._left -= 1
            if not self._left:
                self._open.set()

    def wait(self, seconds: float) -> None:
        self._open.wait(seconds)
