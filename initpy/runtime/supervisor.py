"""PID 1: a small, unfailing parent. Standard library only.

It mounts the API file systems, starts udevd, forks the engine (which shares
the interpreter that is already there), announces the devices as soon as udevd
listens, reaps every orphan, restarts udevd and the engine when they die, and
on the engine's word hands over to the real init. It takes no decision about
the boot; the engine holds no state that the world does not hold, so killing
it at any instant costs time and nothing else.
"""

import os
import select
import signal
import socket
import sys
import termios
import time
import traceback

from initpy.runtime import handover, mounts, syscalls
from initpy.runtime.coldplug import coldplug

UDEVD = "/usr/lib/systemd/systemd-udevd"
ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
PID_FILE = "/run/initpy/engine.pid"
# An engine that dies this often within the period meets the same fault each time.
RESTART_LIMIT = 5
RESTART_PERIOD = 60.0
SLOW_RESTART = 10.0  # seconds between tries after that
UDEVD_RESTART = 0.5


class Supervisor:
    """What PID 1 knows: its two children, and the words of the engine."""

    def __init__(self, arguments: list[str], started: float) -> None:
        self.arguments = arguments  # of /init: the kernel passes on what is for the real init
        self.started = started
        self.udevd = 0
        self.engine = 0
        self.notify = -1  # udevd says READY=1 here
        self.orders = -1  # the engine's words, one NUL-separated line each
        self.unread = b""
        self.deaths: list[float] = []
        self.wakeup, self.wakeup_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        self.ready_socket: socket.socket | None = None

    def run(self) -> None:
        """Start everything, then serve until the handover replaces this program."""
        self._console()
        for problem in mounts.mount_api():
            say(f"cannot mount {problem}")
        os.makedirs("/run/initpy", 0o755, exist_ok=True)
        signal.set_wakeup_fd(self.wakeup_end, warn_on_full_buffer=False)
        for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGPWR):
            signal.signal(number, lambda *_: None)
        self._start_udevd()
        self._start_engine()
        try:
            syscalls.reboot(syscalls.RB_DISABLE_CAD)  # Ctrl-Alt-Del becomes a SIGINT for us
        except OSError as error:
            say(f"cannot take over Ctrl-Alt-Del: {error.strerror}")
        while True:
            self._serve(None)

    def _console(self) -> None:
        """What is typed from now on must not show: it may be a passphrase typed ahead."""
        try:
            modes = termios.tcgetattr(0)
            modes[3] &= ~(termios.ECHO | termios.ECHONL)
            termios.tcsetattr(0, termios.TCSANOW, modes)
        except (OSError, termios.error):
            return  # no terminal there: nothing echoes either

    # The children

    def _start_udevd(self) -> None:
        if self.ready_socket is None:
            self.ready_socket = socket.socket(
                socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC
            )
            self.ready_socket.bind("\0initpy/udevd-ready")
            self.notify = self.ready_socket.fileno()
        environment = {**ENVIRONMENT, "NOTIFY_SOCKET": "@initpy/udevd-ready"}
        try:
            self.udevd = os.posix_spawn(
                UDEVD,
                [UDEVD],
                environment,
                setsigmask=(),
                setsigdef=(signal.SIGCHLD, signal.SIGINT),
            )
        except OSError as error:
            say(f"cannot start udevd, {UDEVD}: {error.strerror}; no device will be found")

    def _start_engine(self) -> None:
        orders, words = os.pipe2(os.O_CLOEXEC)
        os.set_blocking(orders, False)
        pid = os.fork()
        if pid == 0:
            self._be_engine(words)
        os.close(words)
        self.engine, self.orders, self.unread = pid, orders, b""
        with open(PID_FILE, "w", encoding="ascii") as file:
            file.write(f"{pid}\n")

    def _be_engine(self, words: int) -> None:
        """In the child: never returns."""
        status = 1
        try:
            os.setsid()
            signal.set_wakeup_fd(-1)
            for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGPWR):
                signal.signal(number, signal.SIG_DFL)
            from initpy.runtime import engine

            status = engine.main(words, self.started)
        except BaseException:  # noqa: BLE001 the last owner of an engine's exception shows it
            say("the engine has failed; it is started again. What happened:")
            traceback.print_exc()
        finally:
            os._exit(status)

    def _serve(self, limit: float | None) -> None:
        """Wait for something to happen and deal with it."""
        poll = select.poll()
        for descriptor in (self.wakeup, self.orders, self.notify):
            if descriptor >= 0:
                poll.register(descriptor, select.POLLIN)
        for descriptor, _ in poll.poll(None if limit is None else limit * 1000):
            if descriptor == self.wakeup:
                self._signals(os.read(self.wakeup, 512))
            elif descriptor == self.notify and self.ready_socket is not None:
                if b"READY=1" in self.ready_socket.recv(4096):
                    coldplug()
            elif descriptor == self.orders:
                self._orders()

    def _signals(self, numbers: bytes) -> None:
        if signal.SIGINT in numbers:
            say("Ctrl-Alt-Del: reboot")
            end("reboot")
        self._reap()

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if pid == 0:
                return
            if pid == self.udevd:
                say(f"udevd has ended ({describe_end(status)}); it is started again")
                time.sleep(UDEVD_RESTART)  # a udevd that ends at once must not eat the machine
                self._start_udevd()
            elif pid == self.engine:
                self._engine_ended(status)

    def _engine_ended(self, status: int) -> None:
        self._orders()  # what it said last counts
        os.close(self.orders)
        self.orders = -1
        now = time.monotonic()
        self.deaths = [each for each in self.deaths if now - each < RESTART_PERIOD] + [now]
        say(f"the engine has ended ({describe_end(status)}); it is started again")
        if len(self.deaths) > RESTART_LIMIT:
            say(f"that was the {len(self.deaths)}th time within a minute: this is a bug of initpy.")
            say(f"It is tried again in {SLOW_RESTART:.0f} s; /run/initpy/journal.jsonl tells more.")
            time.sleep(SLOW_RESTART)
        self._start_engine()

    # The engine's words

    def _orders(self) -> None:
        try:
            while chunk := os.read(self.orders, 4096):
                self.unread += chunk
        except BlockingIOError:
            pass
        *lines, self.unread = self.unread.split(b"\n")
        for line in lines:
            words = [os.fsdecode(each) for each in line.split(b"\0")]
            if words[0] == "switch-root":
                self._switch_root(words[1], words[2])
            elif words[0] == "end":
                end(words[1])

    def _switch_root(self, root: str, init: str) -> None:
        """Hand over. When it cannot be done before the point of no return, the boot goes on."""
        self._stop_child(self.engine)
        udevd, self.udevd = self.udevd, 0
        self._stop_child(udevd)
        if self.ready_socket is not None:
            self.ready_socket.close()
            self.ready_socket, self.notify = None, -1
        for name in handover.end_processes(frozenset()):
            say(f"{name} would not end")
        clean_udev_database()
        try:
            handover.switch_root(root)
        except OSError as error:
            say(f"cannot switch to {root}: {error}")
            self._start_udevd()
            self._engine_ended(0)
            return
        for path in (init, *handover.INITS):
            try:
                handover.execute(path, self.arguments)
            except OSError as error:
                say(f"cannot run {path}: {error.strerror}")
        last_resort("no init could be run on the root file system")

    def _stop_child(self, pid: int) -> None:
        if not pid:
            return
        try:
            os.kill(pid, signal.SIGTERM)
        except ProcessLookupError:
            return
        limit = time.monotonic() + handover.KILL_SECONDS
        while time.monotonic() < limit:
            select.select([self.wakeup], [], [], 0.2)
            try:
                os.read(self.wakeup, 512)
            except BlockingIOError:
                pass
            if os.waitpid(pid, os.WNOHANG)[0] == pid:
                return
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def clean_udev_database() -> None:
    """Forget all devices but those marked db_persist, as `udevadm info --cleanup-db` does.

    The real udevd probes the others afresh; the sticky bit is the mark.
    """
    for folder in ("/run/udev/data", "/run/udev/static_node-tags", "/run/udev/watch"):
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for name in names:
            path = f"{folder}/{name}"
            try:
                if not os.lstat(path).st_mode & 0o1000:
                    os.unlink(path)
            except OSError:
                continue  # a folder, or gone


def describe_end(status: int) -> str:
    """A wait status in words."""
    if os.WIFSIGNALED(status):
        return f"killed by signal {os.WTERMSIG(status)}"
    return f"exit status {os.waitstatus_to_exitcode(status)}"


def say(text: str) -> None:
    """One line to the console, whatever state it is in."""
    try:
        os.write(2, f"initpy: {text}\n".encode(errors="replace"))
    except OSError:
        return


def end(how: str) -> None:
    """Reboot, power off or halt at once; file systems were synced or not written at all."""
    commands = {"poweroff": syscalls.RB_POWER_OFF, "halt": syscalls.RB_HALT_SYSTEM}
    os.sync()
    try:
        syscalls.reboot(commands.get(how, syscalls.RB_AUTOBOOT))
    except OSError as error:
        say(f"cannot {how}: {error.strerror}")


def last_resort(reason: str) -> None:
    """PID 1 must not end: say why and keep reaping, so that the screen stays readable."""
    say(f"{reason}. The machine has to be restarted: press Ctrl-Alt-Del.")
    while True:
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            time.sleep(60)


def main() -> None:
    """`/init`."""
    started = time.monotonic()
    try:
        Supervisor(sys.argv[1:], started).run()
    except BaseException:  # noqa: BLE001 PID 1 has no caller to pass this on to
        traceback.print_exc()
        last_resort("initpy has failed; the lines above say where")
