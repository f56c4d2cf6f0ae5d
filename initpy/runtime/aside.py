"""Make calls that may never return in child processes, so that the engine's loop goes on (R5).

A process that reads from a dead disk waits in the kernel (state D in ps(1)); SIGKILL does not end
it. A thread in that state keeps the whole engine from ending, and PID 1 from starting another
engine. A child in that state costs one process: the engine kills it and forgets it.

Each key has one question at a time: a second caller shares its answer. So a dead disk has one
child, however often the user types `initpy status`.
"""

import asyncio
import contextlib
import gc
import json
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NoReturn

from initpy.core.secret import Secret
from initpy.core.tuples import NamedTuple
from initpy.runtime import shortage, syscalls

# A child returns a JSON value or a secret.
Call = Callable[[], object]
AT_ONCE = 64  # threads of one child: one fork serves hundreds of empty disks
SHORT_SECONDS = 30.0  # that a question without a limit waits for room for a process
CHUNK = 1 << 16
HEAD = 8  # bytes before an answer: length of the JSON text, length of the secret


class Answer(NamedTuple):
    """The value that a call returned, or the reason why there is none."""

    value: Any = None
    error: str = ""
    secret: Secret | None = None


class Aside:
    """Starts children and hands out their answers."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._asked: dict[str, asyncio.Future[Answer]] = {}
        self._children: dict[str, _Child] = {}

    def ask(self, key: str, call: Call, limit: float | None = None) -> asyncio.Future[Answer]:
        """Have a child make this call; return a future that never raises.

        The child is killed after `limit` seconds. A child that survives SIGKILL leaves the future
        open, so wait for it with a limit: see `answered_within`.
        """
        return self.ask_all({key: call}, limit)[key]

    def ask_all(
        self, calls: Mapping[str, Call], limit: float | None = None
    ) -> dict[str, asyncio.Future[Answer]]:
        """Have one child make all these calls in parallel."""
        new = {key: call for key, call in calls.items() if key not in self._asked}
        for key in new:
            self._asked[key] = self._loop.create_future()
        answers = {key: self._asked[key] for key in calls}
        if new:
            self._begin(new, limit, self._loop.time(), shortage.pauses())
        return answers

    def _begin(
        self,
        calls: Mapping[str, Call],
        limit: float | None,
        asked: float,
        pauses: Iterator[float],
    ) -> None:
        """Start the child, now or once there is room for a process."""
        calls = {key: call for key, call in calls.items() if key in self._asked}
        left = asked + (SHORT_SECONDS if limit is None else limit) - self._loop.time()
        if not calls:
            return  # all were stopped
        try:
            child = _Child(calls, self._answered, self._ended)
        except OSError as error:
            pause = next(pauses)
            if shortage.passes(error) and pause < left:
                self._loop.call_later(pause, self._begin, calls, limit, asked, pauses)
            else:
                self._ended(calls, f"no process to read with: {error.strerror}")
            return
        self._children.update(dict.fromkeys(calls, child))
        if limit is not None:
            self._loop.call_later(left, child.kill, f"no answer within {limit:.0f} s")

    def open(self, key: str) -> bool:
        """True while the question has no answer."""
        return key in self._asked

    def stop(self, key: str) -> None:
        """Kill the child that has this question; its end answers the question with an error."""
        if (child := self._children.get(key)) is not None:
            child.kill("it was stopped")
        elif key in self._asked:
            self._answered(key, Answer(error="it was stopped"))  # before there was room for it

    def _answered(self, key: str, answer: Answer) -> None:
        self._children.pop(key, None)
        future = self._asked.pop(key, None)
        if future is not None and not future.done():  # else its task was cancelled
            future.set_result(answer)
        elif answer.secret is not None:
            answer.secret.wipe()

    def _ended(self, keys: Iterable[str], why: str) -> None:
        for key in keys:
            self._answered(key, Answer(error=why))


async def answered_within(seconds: float, *futures: asyncio.Future[Answer]) -> bool:
    """Wait so long for the answers; return whether all came. No question is cancelled."""
    pending = [each for each in futures if not each.done()]
    if pending:
        _, left = await asyncio.wait(pending, timeout=seconds)
        return not left
    return True


class _Child:
    """A child process that makes some calls. Raises OSError if it cannot be started."""

    def __init__(
        self,
        calls: Mapping[str, Call],
        answered: Callable[[str, Answer], None],
        ended: Callable[[Iterable[str], str], None],
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._left = dict.fromkeys(calls)
        self._answered, self._ended = answered, ended
        self._buffer, self._chunk = bytearray(), bytearray(CHUNK)
        self._why = ""  # why it was killed
        self._reading, writing = os.pipe2(os.O_CLOEXEC)
        try:
            self._pid = os.fork()
            if self._pid == 0:
                _serve(writing, calls)
            self._end = os.pidfd_open(self._pid)
        except OSError:
            os.close(self._reading)
            raise
        finally:
            os.close(writing)
        os.set_blocking(self._reading, False)
        self._loop.add_reader(self._reading, self._readable)
        self._loop.add_reader(self._end, self._has_ended)

    def kill(self, why: str) -> None:
        """Kill the child and its own children, modprobe for instance.

        Its open questions are answered with the error `why` when it ends.
        """
        if self._end < 0:
            return
        self._why = self._why or why
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._pid, signal.SIGKILL)
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._pid, signal.SIGKILL)

    def _readable(self) -> None:
        try:
            size = os.readv(self._reading, [self._chunk])
        except BlockingIOError:
            return
        if size == 0:
            self._close()
            return
        with memoryview(self._chunk) as chunk:
            self._buffer += chunk[:size]
        self._take_answers()

    def _take_answers(self) -> None:
        while len(self._buffer) >= HEAD:
            text, secret = (int.from_bytes(self._buffer[at : at + 4], "little") for at in (0, 4))
            end = HEAD + text + secret
            if len(self._buffer) < end:
                return
            key, value, error = json.loads(self._buffer[HEAD : HEAD + text])
            kept = None
            if secret:
                found = self._buffer[HEAD + text : end]
                kept = Secret(found)
                for copy in (found, self._chunk):
                    copy[:] = bytes(len(copy))
                self._buffer[HEAD + text : end] = bytes(secret)
            del self._buffer[:end]
            self._left.pop(key, None)
            self._answered(key, Answer(value, error, kept))

    def _close(self) -> None:
        if self._reading >= 0:
            self._loop.remove_reader(self._reading)
            os.close(self._reading)
            self._reading = -1

    def _has_ended(self) -> None:
        while self._reading >= 0:  # take the answers that are still in the pipe
            before = len(self._buffer), len(self._left)
            self._readable()
            if (len(self._buffer), len(self._left)) == before:
                self._close()
        self._loop.remove_reader(self._end)
        os.close(self._end)
        self._end = -1
        try:
            status = os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])
        except ChildProcessError:
            status = 0
        how = f"killed by signal {-status}" if status < 0 else f"exit status {status}"
        why = self._why or f"the process that was to answer has ended ({how})"
        self._ended(tuple(self._left), why)


def _serve(writing: int, calls: Mapping[str, Call]) -> NoReturn:
    """Run the child: make the calls, write the answers, exit."""
    status = 70  # EX_SOFTWARE of sysexits.h
    try:
        gc.disable()
        os.setpgid(0, 0)
        syscalls.end_with_parent(signal.SIGKILL)
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGCHLD):
            signal.signal(number, signal.SIG_DFL)
        # A hung child must not keep the pipe to PID 1, consoles and sockets open.
        os.closerange(3, writing)
        os.closerange(writing + 1, os.sysconf("SC_OPEN_MAX"))
        _make(writing, calls)
        status = 0
    except BrokenPipeError:
        pass  # the engine that has asked has died meanwhile
    except BaseException:  # noqa: BLE001 the last owner of a child's exception shows it
        import traceback

        os.write(2, traceback.format_exc().encode(errors="replace"))
    finally:
        os._exit(status)


def _make(writing: int, calls: Mapping[str, Call]) -> None:
    waiting, lock = deque(calls.items()), threading.Lock()
    if len(calls) == 1:
        _answer_all(writing, lock, waiting)
        return
    # A call that hangs occupies its own thread only.
    threads = [
        threading.Thread(target=_answer_all, args=(writing, lock, waiting), daemon=True)
        for _ in range(min(AT_ONCE, len(calls)))
    ]
    for each in threads:
        each.start()
    for each in threads:
        each.join()


def _answer_all(writing: int, lock: threading.Lock, waiting: "deque[tuple[str, Call]]") -> None:
    while True:
        try:
            key, call = waiting.popleft()
        except IndexError:
            return
        value, error, secret = None, "", b""
        try:
            found = call()
            if isinstance(found, Secret):
                secret = bytes(found.reveal())
            else:
                value = found
        except OSError as problem:
            error = problem.strerror or str(problem)
        text = json.dumps([key, value, error]).encode()
        frame = b"".join((_length(text), _length(secret), text, secret))
        with lock, memoryview(frame) as view:
            written = 0
            while written < len(frame):
                written += os.write(writing, view[written:])


def _length(part: bytes) -> bytes:
    return len(part).to_bytes(4, "little")
