"""Carry the actions of the shutdown's core out, each step in a child of its own."""

import marshal
import os
import select
import signal
import time
from collections.abc import Callable
from functools import partial

from initpy.core.shutdown.messages import (
    Abandon,
    Arm,
    Began,
    Do,
    End,
    Ended,
    Event,
    Look,
    Looked,
    Report,
    TimePassed,
)
from initpy.core.shutdown.shutdown import LOOK, Shutdown
from initpy.runtime.children import say
from initpy.runtime.exitrd import declared
from initpy.runtime.exitrd.deeds import perform
from initpy.runtime.exitrd.present import from_plain, look, plain

HEARTBEAT = 2.0  # seconds
_MOST = 1 << 24  # bytes of an answer


class Engine:
    """A loop over the answers of children."""

    def __init__(self, alive: int, debug: bool) -> None:
        self._alive = alive  # a pipe to process 1, which kills a silent engine
        self._debug = debug
        self._declared = declared.load()
        self._shutdown = Shutdown()
        self._children: dict[int, tuple[str, int]] = {}  # pipe -> key, process
        self._texts: dict[int, bytes] = {}  # pipe -> what it has answered so far
        self._due = 0.0
        self._over = False

    def run(self, timeout: float) -> None:
        """Take everything down; return when nothing is left to be done."""
        self._take(Began(timeout))
        while not self._over:
            os.write(self._alive, b".")
            poll = select.poll()
            for pipe in self._children:
                poll.register(pipe, select.POLLIN)
            wait = min(max(self._due - time.monotonic(), 0.0), HEARTBEAT)
            for pipe, _ in poll.poll(wait * 1000 + 1):
                self._read(pipe)
            self._reap()
            if time.monotonic() >= self._due:
                self._take(TimePassed())

    def _take(self, event: Event) -> None:
        for action in self._shutdown.handle(event, time.monotonic()):
            match action:
                case Do(key):
                    self._start(key, partial(perform, action, (1, os.getpid())))
                case Look():
                    self._start(LOOK, lambda: plain(look(self._declared)))
                case Abandon(key):
                    self._abandon(key)
                case Report(text, detail):
                    if self._debug or not detail:
                        say(f"shutdown: {text}")
                case Arm(at):
                    self._due = at
                case End():
                    self._over = True

    def _start(self, key: str, work: Callable[[], object]) -> None:
        """Fork a child that does it. It answers (True, value) or (False, message)."""
        try:
            ours, theirs = os.pipe2(os.O_CLOEXEC)
        except OSError as error:
            self._answer(key, False, error.strerror)
            return
        try:
            pid = os.fork()
        except OSError as error:
            os.close(ours)
            os.close(theirs)
            self._answer(key, False, error.strerror)
            return
        if pid == 0:
            try:
                os.close(self._alive)  # process 1 reads to its end, and this may not end
                os.write(theirs, marshal.dumps(_outcome(work)))  # type: ignore[arg-type]
            finally:
                os._exit(0)
        os.close(theirs)
        self._children[ours], self._texts[ours] = (key, pid), b""

    def _read(self, pipe: int) -> None:
        key, _ = self._children[pipe]
        chunk = os.read(pipe, 65536)
        self._texts[pipe] += chunk
        if chunk and len(self._texts[pipe]) < _MOST:
            return
        text = self._forget(pipe)
        try:
            good, value = marshal.loads(text)
        except (EOFError, ValueError, TypeError):
            good, value = False, "its process has died"
        self._answer(key, good, value)

    def _answer(self, key: str, good: bool, value: object) -> None:
        if key == LOOK:
            self._take(Looked(from_plain(value) if good else None))  # type: ignore[arg-type]
        else:
            self._take(Ended(key, "" if good else str(value)))

    def _abandon(self, key: str) -> None:
        for pipe, (each, pid) in tuple(self._children.items()):
            if each == key:
                self._forget(pipe)
                os.kill(pid, signal.SIGKILL)

    def _forget(self, pipe: int) -> bytes:
        os.close(pipe)
        del self._children[pipe]
        return self._texts.pop(pipe)

    def _reap(self) -> None:
        try:
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        except ChildProcessError:
            return


def _outcome(work: Callable[[], object]) -> tuple[bool, object]:
    """Return (True, value), or (False, message)."""
    try:
        return True, work()
    except OSError as error:
        return False, error.strerror or str(error)
    except Exception as error:  # noqa: BLE001 the core decides what a failure means
        return False, repr(error)
