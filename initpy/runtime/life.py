"""The life of an engine: its tasks, its signs of life and its orders to PID 1, until the last."""

import asyncio
import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from asyncio import _CoroutineLike

ALIVE_SECONDS = 5.0


class Life:
    """Ends with the last order to PID 1, or with the first task that fails."""

    def __init__(self, orders: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._orders = orders
        self._tasks: set[asyncio.Task[None]] = set()
        self.over: asyncio.Future[None] = self._loop.create_future()

    def say_alive(self) -> None:
        """Tell PID 1 that the loop runs: it kills a silent engine."""
        if not self.over.done():
            self.tell("alive")
            self._loop.call_later(ALIVE_SECONDS, self.say_alive)

    def tell(self, *words: str) -> None:
        """Give PID 1 an order."""
        os.write(self._orders, os.fsencode("\0".join(words) + "\n"))

    def order(self, *words: str) -> None:
        """Give PID 1 the last order and end the engine's work."""
        self.tell(*words)
        if not self.over.done():
            self.over.set_result(None)

    def spawn(self, work: "_CoroutineLike[None]") -> None:
        """Begin a task that nothing waits for."""
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.over.done():
            self.over.set_exception(error)  # a bug: PID 1 starts another engine
