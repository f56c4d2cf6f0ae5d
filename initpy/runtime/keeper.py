"""Keep the check of a file system that may outlive the engine (R19).

Between the engine and the checker stands a process, the keeper: a fork of the engine. The checker
writes its progress to a pipe, and would die of a signal if its reader were gone; and only a parent
gets its exit status. The keeper passes both on to the engine, and writes them to files for the real
system. It ends the checker if the engine dies before it said that the check goes on.

Both have the mark of a storage daemon, "@" (systemd's ROOT_STORAGE_DAEMONS), so that neither the
handover nor systemd's switch of roots kills them. They keep the root of the initramfs, which is
deleted at the handover: after that nothing can be imported here, and no path leads to /run or
/dev. So the keeper holds the folders of its files open, and the checker's working folder is /dev.
"""

import contextlib
import fcntl
import os
import select
import signal
import time
import traceback

from initpy.core.goals.take_over import FOLDER
from initpy.runtime.progress import OUTPUT_LIMIT, share_done, split_lines
from initpy.runtime.syscalls import end_with_parent

GOES_ON = b"k"  # the engine's word that the check goes on without it
CHUNK = 1 << 16
DEV = "/dev"
ARGUMENTS = 48 - 3  # arg_start of proc_pid_stat(5), counted after the name
FOLDERS = ("running", "progress", "output", "status", "pid", "expected")


def keep(name: str, lifeline: int) -> None:
    """Fork: return in the new child, which runs the checker; this process keeps it.

    For `preexec_fn`. `name`: of the files. `lifeline`: a pipe from the engine.
    """
    out, err = os.pipe(), os.pipe()
    checker = os.fork()
    if checker == 0:
        end_with_parent(signal.SIGTERM)
        # This is the lowest class for processor and disk alike, see ioprio_set(2).
        os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        for pipe, number in ((out, 1), (err, 2)):
            os.dup2(pipe[1], number)
            for each in pipe:
                os.close(each)
        return
    status = -signal.SIGKILL
    try:
        _close_all_but(0, 1, 2, out[0], err[0], lifeline)
        status = _Keeper(name, checker, lifeline, out[0], err[0]).run()
    except BaseException:  # noqa: BLE001 the last owner of an exception here shows it
        os.write(2, traceback.format_exc().encode(errors="replace"))
    finally:
        if status < 0:
            os.kill(os.getpid(), signal.SIGKILL)
        os._exit(status)


def mark(pid: int) -> None:
    """Give a process the mark of a storage daemon in its arguments. Raises OSError."""
    with open(f"/proc/{pid}/stat", "rb") as file:
        start = int(file.read().rpartition(b")")[2].split()[ARGUMENTS])
    memory = os.open(f"/proc/{pid}/mem", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.pwrite(memory, b"@", start)
    finally:
        os.close(memory)


def words(command: tuple[str, ...]) -> list[str]:
    """Return the checker's command with its mark, and devices by their paths in /dev.

    e2fsck opens its device once more after some repairs, which may be after the handover.
    """
    name = command[0].rpartition("/")[2]
    return [f"@{name}", *(each.removeprefix(f"{DEV}/") for each in command[1:])]


def prepare(name: str) -> None:
    """Make the folders, and remove what an earlier check of this device has left."""
    for folder in FOLDERS:
        os.makedirs(f"{FOLDER}/{folder}", exist_ok=True)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(f"{FOLDER}/{folder}/{name}")


def _close_all_but(*kept: int) -> None:
    before = -1
    for each in (*sorted(kept), os.sysconf("SC_OPEN_MAX")):
        if before + 1 < each:  # an empty range would close all
            os.closerange(before + 1, each)
        before = each


class _Keeper:
    """Relays between checker, engine and files."""

    def __init__(self, name: str, checker: int, lifeline: int, out: int, err: int) -> None:
        self._name, self._checker = name, checker
        self._lifeline, self._out, self._err = lifeline, out, err
        self._goes_on = False
        self._folders = {
            each: os.open(f"{FOLDER}/{each}", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
            for each in FOLDERS
        }
        self._output, self._line = bytearray(), b""
        self._told, self._due = -1, 0.0

    def run(self) -> int:
        """Return the checker's exit status, negative for a signal."""
        signal.set_wakeup_fd(-1)
        signal.signal(signal.SIGPIPE, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: self._stop())
        with contextlib.suppress(OSError):  # without the mark it ends at the handover, as others do
            mark(os.getpid())
        lock = -1
        with contextlib.suppress(OSError):  # a full /run: the real system checks once more
            lock = self._lock()
        poll = select.poll()
        for each in (self._lifeline, self._out, self._err):
            poll.register(each, select.POLLIN)
        open_pipes = 2
        while open_pipes:
            for descriptor, _ in poll.poll():
                chunk = os.read(descriptor, CHUNK)
                if not chunk:
                    poll.unregister(descriptor)
                if descriptor == self._lifeline:
                    self._heard(chunk)
                elif not chunk:
                    open_pipes -= 1
                elif descriptor == self._out:
                    self._read(chunk)
                else:
                    self._pass_on(2, chunk)
        self._keep_line(self._line)
        status = os.waitstatus_to_exitcode(os.waitpid(self._checker, 0)[1])
        if self._goes_on and lock >= 0 and status >= 0:
            with contextlib.suppress(OSError):
                self._write("output", bytes(self._output))
                self._write("status", b"%d\n" % status)
        return status

    def _lock(self) -> int:
        lock = os.open(f"{FOLDER}/running/{self._name}", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC)
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._write("pid", b"%d\n" % os.getpid())
        return lock

    def _heard(self, word: bytes) -> None:
        if GOES_ON in word:
            self._goes_on = True
            # Now the real system waits for it.
            with contextlib.suppress(OSError):
                os.sched_setscheduler(self._checker, os.SCHED_OTHER, os.sched_param(0))
        elif not self._goes_on:
            self._stop()  # the engine has died: the next one checks again

    def _stop(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.kill(self._checker, signal.SIGTERM)

    def _read(self, chunk: bytes) -> None:
        self._pass_on(1, chunk)
        lines, self._line = split_lines(self._line + chunk)
        for line in lines:
            share = share_done(line)
            if share is None:
                self._keep_line(line + b"\n")
            elif int(share * 100) != self._told and time.monotonic() >= self._due:
                self._told, self._due = int(share * 100), time.monotonic() + 1.0
                with contextlib.suppress(OSError):
                    self._write("progress", b"%d%%\n" % self._told)

    def _keep_line(self, line: bytes) -> None:
        if len(self._output) < OUTPUT_LIMIT:
            self._output += line

    def _pass_on(self, number: int, chunk: bytes) -> None:
        if number == 2:
            self._keep_line(chunk)
        with contextlib.suppress(OSError):  # nobody reads after the handover
            os.write(number, chunk)

    def _write(self, folder: str, text: bytes) -> None:
        place, new = self._folders[folder], f"{self._name}.new"
        file = os.open(new, os.O_CREAT | os.O_TRUNC | os.O_WRONLY | os.O_CLOEXEC, dir_fd=place)
        try:
            os.write(file, text)
        finally:
            os.close(file)
        os.rename(new, self._name, src_dir_fd=place, dst_dir_fd=place)
