"""What a build is doing, and how long each step took."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

Progress = Callable[[str], None]


def silent(_: str) -> None:
    """Progress that nobody watches."""


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    seconds: float


class Clock:
    """Tells progress and measures the steps."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.steps: list[Step] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self._progress(name)
        started = time.monotonic()
        yield
        self.steps.append(Step(name, time.monotonic() - started))
