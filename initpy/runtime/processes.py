"""Start the programs of jobs, with a clean environment and secrets through a pipe."""

import asyncio
import contextlib
import fcntl
import os
import signal
from collections.abc import Callable
from functools import partial

from initpy.core.actions import Run, Stop
from initpy.core.events import JobEnded, Progressed
from initpy.core.secret import Secret
from initpy.runtime.api import PATH
from initpy.runtime.syscalls import end_with_parent

ENVIRONMENT = {"PATH": PATH, "LC_ALL": "C"}
KILL_AFTER = 3.0  # seconds between SIGTERM and SIGKILL
LATE_OUTPUT = 1.0  # seconds for output that is in the pipes when a program has ended
PIPE_BYTES = 1 << 16  # capacity of a pipe, see pipe(7)
KTHREADD = 2  # process number of the parent of kernel threads
OUTPUT_LIMIT = 1 << 20  # bytes; a runaway tool must not fill memory
LONGEST_LINE = 512  # bytes of a progress line
TELL_SECONDS = 0.5  # between two progress events
# The share of a check that is done when each of its five passes ends, roughly: the first pass reads
# all inodes, the second all folders.
PASSES = (0.0, 0.7, 0.9, 0.93, 0.96, 1.0)


class Processes:
    """Runs commands and reports their ends."""

    def __init__(
        self,
        ended: Callable[[JobEnded, str | None], None],
        progressed: Callable[[Progressed], None],
    ) -> None:
        self._ended, self._progressed = ended, progressed
        self._running: dict[tuple[str, int], int] = {}  # job and run -> process group
        self._starting: set[tuple[str, int]] = set()
        self._stopped: set[tuple[str, int]] = set()  # starting or running, and to be ended
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, action: Run) -> None:
        """Start the command; `ended` is called when it has ended or could not be started."""
        # The core may wipe the secret after this call: put it into the pipe now.
        source = _pipe(action.secret) if action.secret is not None else None
        self._starting.add((action.job, action.run))
        task = asyncio.get_running_loop().create_task(self._run(action, source))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    def stop(self, action: Stop) -> None:
        """Send SIGTERM to the program and its children, and SIGKILL if they do not end."""
        key = action.job, action.run
        if key in self._starting:
            self._stopped.add(key)  # gets the signal when it runs
        elif key in self._running:
            self._stopped.add(key)
            self._tell(key)

    def _tell(self, key: tuple[str, int]) -> None:
        _signal_group(self._running[key], signal.SIGTERM)
        asyncio.get_running_loop().call_later(KILL_AFTER, self._kill, *key)

    def _kill(self, job: str, run: int) -> None:
        group = self._running.get((job, run))
        if group is not None:
            _signal_group(group, signal.SIGKILL)

    async def _run(self, action: Run, source: int | None) -> None:
        key = action.job, action.run
        try:
            transport, program = await asyncio.get_running_loop().subprocess_exec(
                partial(_Watched, key, self._progressed) if action.watched else _Program,
                *action.argv,
                stdin=asyncio.subprocess.DEVNULL if source is None else source,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env={**ENVIRONMENT, **dict(action.environment)},
                start_new_session=True,
                preexec_fn=end_with_parent if action.watched else None,
            )
        except OSError as error:
            self._stopped.discard(key)
            reason = f"cannot run {action.argv[0]}: {error.strerror}"
            self._ended(JobEnded(*key, 127, error=reason), action.subject)
            return
        finally:
            self._starting.discard(key)
            if source is not None:
                os.close(source)
        self._running[key] = transport.get_pid()
        if key in self._stopped:
            self._tell(key)
        await program.exited
        if key in self._stopped:
            # A child that ignores SIGTERM would meet the next try at the device.
            self._stopped.discard(key)
            _signal_group(self._running[key], signal.SIGKILL)
        # A daemon that the program has left behind may hold its pipes for ever.
        await asyncio.wait((program.closed,), timeout=LATE_OUTPUT)
        del self._running[key]
        returned = transport.get_returncode()
        transport.close()
        status = returned if returned is not None else -signal.SIGKILL
        complaints = program.errors.decode(errors="replace").strip()
        complaint = complaints.rpartition("\n")[2]
        output = program.output.decode(errors="replace")
        ended = JobEnded(*key, status, output, complaint, complaints)
        self._ended(ended, action.subject)


class _Program(asyncio.SubprocessProtocol):
    """Collects the output of a program, and notes its end and that of its pipes."""

    def __init__(self) -> None:
        loop = asyncio.get_running_loop()
        self.output, self.errors = bytearray(), bytearray()
        self.exited: asyncio.Future[None] = loop.create_future()
        self.closed: asyncio.Future[None] = loop.create_future()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        kept = self.output if fd == 1 else self.errors
        if len(kept) < OUTPUT_LIMIT:
            kept += data

    def process_exited(self) -> None:
        self.exited.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self.closed.set_result(None)


class _Watched(_Program):
    """Also reads e2fsck(8)'s lines of progress: pass, done, total."""

    def __init__(self, key: tuple[str, int], progressed: Callable[[Progressed], None]) -> None:
        super().__init__()
        self._key, self._progressed = key, progressed
        self._told, self._due, self._line = -1, 0.0, b""
        self._time = asyncio.get_running_loop().time

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        if fd != 1:
            super().pipe_data_received(fd, data)
            return
        *lines, self._line = (self._line + data).split(b"\n")
        if len(self._line) > LONGEST_LINE:  # no progress line
            lines.append(self._line)
            self._line = b""
        for line in lines:
            share = share_done(line)
            if share is None:
                super().pipe_data_received(1, line + b"\n")
            elif int(share * 100) != self._told and self._time() >= self._due:
                self._told, self._due = int(share * 100), self._time() + TELL_SECONDS
                self._progressed(Progressed(*self._key, self._told / 100))

    def pipe_connection_lost(self, fd: int, exc: Exception | None) -> None:
        if fd == 1:
            super().pipe_data_received(1, self._line)


def share_done(line: bytes) -> float | None:
    """Return the share that `1 5 64 /dev/vda` tells (pass 1, 5 of 64); None for other lines."""
    words = line.split(maxsplit=3) if len(line) <= LONGEST_LINE else []
    if len(words) < 3 or not all(each.isdigit() for each in words[:3]):
        return None
    number, done, all_of_it = map(int, words[:3])
    if not 0 < number < len(PASSES) or not all_of_it > 0:
        return None
    before, after = PASSES[number - 1 : number + 1]
    return before + (after - before) * min(done / all_of_it, 1.0)


def _pipe(secret: Secret) -> int:
    """Return the reading end of a pipe that holds the secret only."""
    reading, writing = os.pipe2(os.O_CLOEXEC)
    size = len(secret.reveal())
    try:
        if size > PIPE_BYTES:
            fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, size)
        os.set_blocking(writing, False)
        os.write(writing, secret.reveal())
    finally:
        os.close(writing)
    return reading


def end_kernel_helpers() -> None:
    """Kill the programs that the kernel has started and waits for: a hung modprobe, for instance.

    Their parent is kthreadd or one of its threads, but unlike threads they have an executable.
    """
    for name in os.listdir("/proc"):
        if not name.isdecimal():
            continue
        try:
            os.readlink(f"/proc/{name}/exe")
            parent = _parent(name)
            if KTHREADD in (parent, _parent(str(parent))):
                os.kill(int(name), signal.SIGKILL)
        except OSError:
            continue  # a kernel thread, or gone


def _parent(pid: str) -> int:
    """Return the process number of the parent, 0 if there is none. Raises OSError."""
    if pid == "0":
        return 0
    with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
        return int(file.read().rpartition(")")[2].split()[1])


def _signal_group(pid: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.killpg(pid, number)
