"""Run PID 1 until the handover: a small parent that must not fail. Standard library only.

It triggers devices as soon as udevd listens, reaps orphans, restarts udevd and
the engine when they die, and hands over to the real init on the engine's order.
It decides nothing about the boot. The engine has no state that the world does
not have, so killing it at any instant costs time only.
"""

import gc
import os
import select
import signal
import termios
import time

from initpy.runtime import coldplug, handover, syscalls
from initpy.runtime.children import say, start_engine, start_udevd
from initpy.runtime.power import end
from initpy.runtime.terminals import Modes, restore_modes

PID_FILE = "/run/initpy/engine.pid"
UDEV_QUEUE = "/run/udev/queue"  # exists while udevd has events
# An engine that dies more often within the period meets the same fault each time.
RESTART_LIMIT = 5
RESTART_PERIOD = 60.0
UDEVD_RESTART = 0.5
# The engine says every few seconds that it is alive. A silent engine hangs.
ENGINE_SILENCE = 60.0
ABANDON_AFTER = 5.0  # seconds from SIGKILL until a new engine is started beside the old one
FORK_RETRY = 1.0  # seconds; memory may be free then
LONGEST_RETRY = 30.0  # the interval doubles up to this
# The other devices are triggered when udevd has been idle for a moment, in which the engine may
# find root, but not later than this after the first ones. Before the engine's first word they would
# only keep it from its start.
OTHERS_AFTER = 2.0
OTHERS_WITHOUT_ENGINE = 10.0  # if it says nothing
OTHERS_WHEN_IDLE = 0.3
OTHERS_WHEN_MOUNTING = 5.0  # root has been found: most likely the boot never needs them
SIGNALS = (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGPWR)


class NoInitError(RuntimeError):
    """The root was switched, and no init on it can be run."""


class Supervisor:
    """The state of PID 1: its two children, and the orders of the engine."""

    def __init__(
        self,
        arguments: list[str],
        started: float,
        ready: int,
        udevd: int,
        engine: int,
        orders: int,
        modes: dict[str, Modes] | None = None,
        network: bool = False,
    ) -> None:
        self._arguments = arguments  # of /init: the kernel passes the arguments for the real init
        self._started = started
        self._ready = ready  # udevd sends READY=1 here
        self._udevd = udevd  # 0: the start failed and is tried again
        self._udevd_due = None if udevd else time.monotonic()
        self._udevd_wait = FORK_RETRY
        self._engine = engine
        self._orders = orders  # the engine's orders, lines of NUL-separated words; -1: no engine
        self._shell = 0  # the shell of the last resort
        self._unread = b""
        self._heard = time.monotonic()  # the last order of the engine
        self._killed = False  # the engine got SIGKILL from here
        self._deaths: list[float] = []
        self._late: list[str] = []  # carriers of disks still to be triggered, before the others
        self._others_due: float | None = None
        self._others_limit = 0.0
        self._mounting = False
        self._engine_works = False  # it has said something
        self._listening = False  # udevd is ready
        self._network = network  # links are wanted, too: by the engine, or a guess before it
        self._guessed = network
        self._udevd_died = False
        self._watch = -1  # readable when udevd has emptied its queue
        self._modes = modes or {}  # of the consoles before initpy changed them
        self._wakeup, self._wakeup_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)

    def run(self) -> None:
        """Serve until the real init replaces this program."""
        gc.freeze()
        gc.enable()
        signal.set_wakeup_fd(self._wakeup_end, warn_on_full_buffer=False)
        for number in SIGNALS:
            signal.signal(number, lambda *_: None)
        _silence_console()
        self._note_engine()
        try:
            syscalls.reboot(syscalls.RB_DISABLE_CAD)  # Ctrl-Alt-Del becomes SIGINT
        except OSError as error:
            say(f"cannot take over Ctrl-Alt-Del: {error.strerror}")
        self._reap()  # children that ended before the signals were set up
        while True:
            try:
                self._serve()
            except NoInitError:
                raise  # the initramfs is deleted: this cannot go on
            except Exception as error:  # noqa: BLE001 what fails now may not fail again
                self._go_on_after(error)

    def _go_on_after(self, error: Exception) -> None:
        """Show the error and wait a moment: memory, for instance, may be free then."""
        say(f"process 1: {error!r}; it goes on")
        frames = error.__traceback__
        while frames is not None:
            code = frames.tb_frame.f_code
            say(f"  {code.co_filename}:{frames.tb_lineno} {code.co_name}")
            frames = frames.tb_next
        time.sleep(FORK_RETRY)

    def _serve(self) -> None:
        """Wait for an event and handle it."""
        poll = select.poll()
        for descriptor in (self._wakeup, self._orders, self._ready, self._watch):
            if descriptor >= 0:
                poll.register(descriptor, select.POLLIN)
        dues = [] if self._others_due is None else [self._others_due]
        dues += [] if self._udevd_due is None else [self._udevd_due]
        dues += [self._heard + ENGINE_SILENCE] if self._orders >= 0 else []
        limit = max(0.0, min(dues) - time.monotonic()) * 1000 if dues else None
        ready = [descriptor for descriptor, _ in poll.poll(limit)]
        if self._wakeup in ready:
            self._signals(os.read(self._wakeup, 512))
        if self._orders in ready:
            self._obey()
        if self._ready in ready and b"READY=1" in os.read(self._ready, 4096):
            self._announce_storage()
        if self._watch in ready:
            os.read(self._watch, 4096)
            if not os.path.exists(UDEV_QUEUE):
                self._udevd_is_idle()
        if self._others_due is not None and time.monotonic() >= self._others_due:
            self._others_are_due()
        if self._udevd_due is not None and time.monotonic() >= self._udevd_due:
            self._start_udevd()
        if self._orders >= 0 and time.monotonic() >= self._heard + ENGINE_SILENCE:
            self._end_silent_engine()

    def _announce_storage(self) -> None:
        """Trigger all devices that may lead to a disk: udevd listens (again)."""
        if self._watch < 0:
            try:
                self._watch = syscalls.watch_deletions(os.path.dirname(UDEV_QUEUE))
            except OSError as error:  # then OTHERS_AFTER decides
                say(f"cannot watch the queue of udevd: {error.strerror}")
        self._listening = True
        # A lease takes its time, and most disks are of no use to a root on the network.
        cards = coldplug.network() if self._network else []
        first, self._late = cards + coldplug.storage(beside=cards), coldplug.late(beside=cards)
        now = time.monotonic()
        limit = OTHERS_AFTER if self._engine_works else OTHERS_WITHOUT_ENGINE
        self._others_due, self._others_limit = now + min(OTHERS_AFTER, limit), now + limit
        coldplug.announce([*first, *coldplug.screens()])
        if self._udevd_died:
            self._udevd_died = False
            coldplug.release_waiters()

    def _note_word(self) -> None:
        """The engine works: it finds root among the first devices soon, or needs the others."""
        self._engine_works = True
        if self._others_due is not None:
            self._others_due = self._others_limit = time.monotonic() + OTHERS_AFTER
            if not os.path.exists(UDEV_QUEUE):
                self._udevd_is_idle()

    def _udevd_is_idle(self) -> None:
        # One of the others may be a keyboard: a storm of events must not delay it for ever.
        if self._others_due is not None and self._engine_works and not self._mounting:
            self._others_due = min(time.monotonic() + OTHERS_WHEN_IDLE, self._others_limit)

    def _root_is_found(self) -> None:
        self._mounting = True
        if self._others_due is not None:
            self._others_due = time.monotonic() + OTHERS_WHEN_MOUNTING

    def _others_are_due(self) -> None:
        if self._engine_works or time.monotonic() >= self._others_limit:
            self._announce_others()
            return
        # So many disks, perhaps, that udevd keeps the engine from its start.
        self._others_due = self._others_limit
        if self._udevd:
            usual_priority(self._udevd)

    def _announce_others(self) -> None:
        coldplug.announce(self._late + coldplug.others())
        self._late, self._others_due = [], None
        if self._udevd:
            usual_priority(self._udevd)
        if self._watch >= 0:
            os.close(self._watch)
        self._watch = -1

    # The children

    def _note_engine(self) -> None:
        try:
            with open(PID_FILE, "w", encoding="ascii") as file:
                file.write(f"{self._engine}\n")
        except OSError as error:
            say(f"cannot write {PID_FILE}: {error.strerror}")

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
            if pid == self._udevd:
                say(f"udevd has ended ({describe_end(status)}); it is started again")
                time.sleep(
                    UDEVD_RESTART
                )  # a udevd that dies at once must not take all processor time
                self._udevd_died = True
                self._start_udevd()
            elif pid == self._engine:
                self._engine_ended(status)
            elif pid == self._shell:
                self._shell = 0
                say("the shell has ended: the engine is started again")
                self._restart_engine()

    def _start_udevd(self) -> None:
        """Start udevd, or try again later: memory may be free then."""
        self._udevd = start_udevd()
        if self._udevd:
            self._udevd_due, self._udevd_wait = None, FORK_RETRY
            return
        self._udevd_due = time.monotonic() + self._udevd_wait
        self._udevd_wait = min(2 * self._udevd_wait, LONGEST_RETRY)

    def _end_silent_engine(self) -> None:
        """Kill a hung engine: it will not recover.

        An engine that waits in the kernel for a device does not end: start another one beside it.
        """
        if self._killed:
            say("the engine does not end although it was killed; another one is started")
            self._restart_engine()
            return
        say(f"the engine has not answered for {ENGINE_SILENCE:.0f} s; it is killed")
        self._killed = True
        self._heard = time.monotonic() - ENGINE_SILENCE + ABANDON_AFTER
        try:
            os.kill(self._engine, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def _engine_ended(self, status: int) -> None:
        dead = self._engine
        self._obey()  # its last order counts
        if self._engine != dead:
            return  # its order was a handover, which failed and started a new engine
        self._close_orders()
        now = time.monotonic()
        self._deaths = [each for each in self._deaths if now - each < RESTART_PERIOD] + [now]
        say(f"the engine has ended ({describe_end(status)}); it is started again")
        if len(self._deaths) <= RESTART_LIMIT:
            self._restart_engine()
            return
        self._deaths.clear()
        from initpy.runtime import lastresort  # hardly ever needed

        self._shell = lastresort.give_up()
        if not self._shell:
            time.sleep(lastresort.SLOW_RESTART)
            self._restart_engine()

    def _restart_engine(self) -> None:
        self._close_orders()
        # Between fork and its own set-up the child must not write to our wakeup pipe.
        signal.set_wakeup_fd(-1)
        while self._orders < 0:
            try:
                self._engine, self._orders = start_engine(self._started)
            except OSError as error:
                say(f"cannot start the engine: {error.strerror}; it is tried again")
                time.sleep(FORK_RETRY)
        self._heard, self._killed = time.monotonic(), False
        signal.set_wakeup_fd(self._wakeup_end, warn_on_full_buffer=False)
        os.write(self._wakeup_end, b"\0")  # reap what has ended meanwhile
        self._note_engine()

    def _close_orders(self) -> None:
        """Close the pipe: without a writer it is always ready, and poll would never wait."""
        if self._orders >= 0:
            os.close(self._orders)
        self._orders, self._unread = -1, b""

    # The engine's orders

    def _obey(self) -> None:
        if self._orders < 0:
            return
        try:
            while chunk := os.read(self._orders, 4096):
                self._unread += chunk
                self._heard = time.monotonic()
        except BlockingIOError:
            pass
        *lines, self._unread = self._unread.split(b"\n")
        if lines and not self._engine_works:
            self._note_word()
        for line in lines:
            words = [os.fsdecode(each) for each in line.split(b"\0")]
            if words[0] == "mounting":
                self._root_is_found()
            elif words[0] == "network":
                self._wake_network()
            elif words[0] == "keep-exitrd":
                from initpy.runtime.exitrd import declared, keep  # only for a root on layers

                keep.keep(declared.decoded(words[1]))
                self._heard = time.monotonic()  # nobody has listened meanwhile
            elif words[0] == "switch-root":
                self._switch_root(words[1], words[2])
            elif words[0] == "end":
                end(words[1])

    def _wake_network(self) -> None:
        """The engine wants links: have udev load their drivers, unless it does already."""
        self._network, guessed, self._guessed = True, self._guessed, False
        if coldplug.wake_network() and self._udevd:
            os.kill(self._udevd, signal.SIGHUP)  # its workers know the old configuration
        if self._listening and not guessed:
            coldplug.announce(coldplug.network())

    def _switch_root(self, root: str, init: str) -> None:
        """Hand over; if that fails before the point of no return, go on with the boot."""
        for name in handover.end_processes(self._engine, self._udevd):
            say(f"{name} would not end")
        handover.clean_udev_database()
        try:
            handover.switch_root(root)
        except OSError as error:
            say(f"cannot switch to {root}: {error}")
            self._start_udevd()
            self._restart_engine()
            return
        restore_modes(self._modes)
        for path in (init, *handover.INITS):
            try:
                words = handover.words_for(path, self._started)
                handover.execute(path, [*words, *self._arguments])
            except OSError as error:
                say(f"cannot run {path}: {error.strerror}")
        raise NoInitError("no init could be run on the root file system")


def _silence_console() -> None:
    """Switch echo off: keys typed ahead may be a passphrase."""
    try:
        modes = termios.tcgetattr(0)
        modes[3] &= ~(termios.ECHO | termios.ECHONL)
        termios.tcsetattr(0, termios.TCSANOW, modes)
    except (OSError, termios.error):
        return  # no terminal, no echo


def usual_priority(udevd: int) -> None:
    """Give udevd the usual priority, once it has handled the first devices.

    With hundreds of disks its workers would leave the engine a fortieth of the time.
    """
    try:
        with open(f"/proc/{udevd}/task/{udevd}/children", encoding="ascii") as file:
            workers = [int(each) for each in file.read().split()]
    except OSError:
        workers = []
    for pid in (udevd, *workers):
        try:
            os.setpriority(os.PRIO_PROCESS, pid, 0)
        except OSError:
            continue  # gone


def describe_end(status: int) -> str:
    """Return a wait status in words."""
    if os.WIFSIGNALED(status):
        return f"killed by signal {os.WTERMSIG(status)}"
    return f"exit status {os.waitstatus_to_exitcode(status)}"
