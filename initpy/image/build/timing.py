"""Reports the steps of a build and measures their duration."""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

Progress = Callable[[str], None]


def silent(_: str) -> None:
    """Report no progress."""


@dataclass(frozen=True, slots=True)
class Step:
    name: str
    seconds: float


class Clock:
    """Reports each step and measures its duration."""

    def __init__(self, progress: Progress) -> None:
        self._progress = progress
        self.steps: list[Step] = []

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        self._progress(name)
        started = time.monotonic()
        yield
        self.steps.append(Step(name, time.monotonic() - started))
