"""Start the programs of jobs, with a clean environment and secrets through a pipe."""

import asyncio
import contextlib
import fcntl
import os
import signal
from collections.abc import Callable, Sequence
from functools import partial

from initpy.core.actions import Run, StartCheck, Stop
from initpy.core.events import JobEnded, Progressed
from initpy.core.secret import Secret
from initpy.core.tuples import NamedTuple
from initpy.runtime import early, shortage
from initpy.runtime.api import PATH
from initpy.runtime.progress import OUTPUT_LIMIT, share_done, split_lines
from initpy.runtime.syscalls import end_with_parent

ENVIRONMENT = {"PATH": PATH, "LC_ALL": "C"}
NOT_STARTED = 127  # the status of a program that cannot be run, as a shell says it
KILL_AFTER = 3.0  # seconds between SIGTERM and SIGKILL
LATE_OUTPUT = 1.0  # seconds for output that is in the pipes when a program has ended
PIPE_BYTES = 1 << 16  # capacity of a pipe, see pipe(7)
KTHREADD = 2  # process number of the parent of kernel threads
TELL_SECONDS = 0.5  # between two progress events
BEGUN_SECONDS = 0.05  # between two looks whether process 1's command has ended


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
        self._lifelines: dict[tuple[str, int], int] = {}  # of checks that may outlive the engine

    def start_check(self, action: StartCheck) -> None:
        """Start a check that may go on across the handover; `ended` is called as for `start`."""
        from initpy.runtime import keeper  # few boots have one

        key = action.job, action.run
        try:
            keeper.prepare(action.name)
            reading, self._lifelines[key] = os.pipe2(os.O_CLOEXEC)
        except OSError as error:
            ended = JobEnded(*key, NOT_STARTED, error=f"cannot keep a check: {error.strerror}")
            asyncio.get_running_loop().call_soon(self._ended, ended, action.subject)
            return
        shown, first = keeper.words(action.argv), partial(keeper.keep, action.name, reading)
        how = _Start(shown, first, reading, keeper.DEV)
        run = Run(action.job, action.run, action.argv, action.subject, watched=True)
        self._starting.add(key)
        self._spawn(self._run(run, None, how))

    def go_on(self) -> None:
        """Have checks go on that run now, though the engine ends."""
        from initpy.runtime.keeper import GOES_ON

        for key, lifeline in self._lifelines.items():
            if key not in self._stopped:
                with contextlib.suppress(OSError):
                    os.write(lifeline, GOES_ON)

    def start(self, action: Run) -> None:
        """Start the command; `ended` is called when it has ended or could not be started."""
        # The core may wipe the secret after this call: put it into the pipe now.
        source = _pipe(action.secret) if action.secret is not None else None
        self._starting.add((action.job, action.run))
        self._spawn(self._run(action, source, None))

    def _spawn(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = asyncio.get_running_loop().create_task(work)
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

    def _let_go(self, key: tuple[str, int]) -> None:
        if (lifeline := self._lifelines.pop(key, None)) is not None:
            os.close(lifeline)

    def _tell(self, key: tuple[str, int]) -> None:
        _signal_group(self._running[key], signal.SIGTERM)
        asyncio.get_running_loop().call_later(KILL_AFTER, self._kill, *key)

    def _kill(self, job: str, run: int) -> None:
        group = self._running.get((job, run))
        if group is not None:
            _signal_group(group, signal.SIGKILL)

    async def _run(self, action: Run, source: int | None, how: "_Start | None") -> None:
        key = action.job, action.run
        # Beside the same command of process 1 it would do all of the work once more.
        if action.argv in early.COMMANDS:
            while key not in self._stopped and early.under_way(action.argv):
                await asyncio.sleep(BEGUN_SECONDS)
        if how is None:
            how = _Start(action.argv, end_with_parent if action.watched else None)
        try:
            transport, program = await self._exec(action, source, how)
        except OSError as error:
            self._stopped.discard(key)
            self._let_go(key)
            reason = f"cannot run {action.argv[0]}: {error.strerror}"
            self._ended(JobEnded(*key, NOT_STARTED, error=reason), action.subject)
            return
        finally:
            self._starting.discard(key)
            for descriptor in (source, how.lifeline):
                if descriptor is not None:
                    os.close(descriptor)
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
        self._let_go(key)
        returned = transport.get_returncode()
        transport.close()
        status = returned if returned is not None else -signal.SIGKILL
        complaints = program.errors.decode(errors="replace").strip()
        complaint = complaints.rpartition("\n")[2]
        output = program.output.decode(errors="replace")
        ended = JobEnded(*key, status, output, complaint, complaints)
        self._ended(ended, action.subject)

    async def _exec(
        self, action: Run, source: int | None, how: "_Start"
    ) -> tuple[asyncio.SubprocessTransport, "_Program"]:
        """Start the program; while the machine is short of something, try again until stopped.

        The limit of the job ends that. Raises OSError if the program cannot be started.
        """
        key = action.job, action.run
        for pause in shortage.pauses():
            try:
                return await asyncio.get_running_loop().subprocess_exec(
                    partial(_Watched, key, self._progressed) if action.watched else _Program,
                    *how.words,
                    executable=action.argv[0],
                    cwd=how.folder,
                    stdin=asyncio.subprocess.DEVNULL if source is None else source,
                    stdout=asyncio.subprocess.PIPE,
                    stderr=asyncio.subprocess.PIPE,
                    env={**ENVIRONMENT, **dict(action.environment)},
                    start_new_session=True,
                    preexec_fn=how.first,
                )
            except OSError as error:
                if not shortage.passes(error) or key in self._stopped:
                    raise
            await asyncio.sleep(pause)
        raise AssertionError("pauses have no end")


class _Start(NamedTuple):
    """How a program is started."""

    words: Sequence[str]  # its arguments, with the name that it shows
    first: Callable[[], None] | None  # what the new process does before
    lifeline: int | None = None  # what it inherits, and the engine needs no more
    folder: str | None = None  # where it works


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
        lines, self._line = split_lines(self._line + data)
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
