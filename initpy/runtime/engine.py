"""Carry out the core's actions and bring it the events of the world. The engine decides nothing."""

import asyncio
import errno
import os
import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from initpy.config.errors import InputError
from initpy.config.redaction import argv
from initpy.core.actions import (
    AFTER_SCREEN,
    Action,
    Arm,
    Ask,
    AwaitKey,
    Clock,
    Drop,
    EndBoot,
    Fetch,
    GiveWay,
    HandOver,
    KeepExitrd,
    LookAgain,
    Mount,
    Moved,
    OpenShell,
    Record,
    Reply,
    Report,
    Resume,
    Run,
    ShowFailure,
    StartCheck,
    Stop,
    Withdraw,
    Write,
)
from initpy.core.boot import Boot
from initpy.core.events import (
    Answered,
    BootStarted,
    Enumerated,
    Event,
    HandOverRefused,
    JobEnded,
    KeyPressed,
    Mounted,
    ShellEnded,
    TimePassed,
)
from initpy.core.jobs.definitions import JobDefinition
from initpy.core.secret import Secret
from initpy.core.settings import Settings
from initpy.core.state.goals import HOST, RESUME_OVER, SYSROOT
from initpy.runtime import control
from initpy.runtime.aside import Aside
from initpy.runtime.console import Consoles
from initpy.runtime.diagnosis import Diagnosis
from initpy.runtime.fetching import Fetcher
from initpy.runtime.handover import NoInitError
from initpy.runtime.journal import Journal
from initpy.runtime.life import Life
from initpy.runtime.mounting import NONE, Mounter, Root, wanted_below
from initpy.runtime.mounts import has_root_mounts, mounted_at, mounted_below
from initpy.runtime.processes import Processes
from initpy.runtime.recording import record
from initpy.runtime.shell import Shell, kill_left_over
from initpy.runtime.udev import Udev
from initpy.runtime.writing import Writer

if TYPE_CHECKING:  # most roots are on disks
    from initpy.runtime.net.network import Network

PATIENCE_WITH_UDEV = 120.0


class Engine:
    """Connects the Boot with udev, processes, consoles, mounts and PID 1."""

    def __init__(
        self, settings: Settings, jobs: tuple[JobDefinition, ...], orders: int, aside: Aside
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._boot = Boot(settings, jobs)
        self._quiet = settings.quiet and not settings.debug
        self._debug = settings.debug
        self._listed_types = settings.listed_types
        self._root_mounts = False  # the root's fstab wants mounts without a device
        self._request = 0
        self._requests: dict[int, asyncio.Future[tuple[bool, str]]] = {}
        self._life = Life(orders)
        self._journal = Journal()
        self._aside = aside
        self._udev = Udev(aside, self.take)
        kill_left_over()  # before the consoles are opened: its end hangs them up
        self._consoles = Consoles(self._typed)
        self._processes = Processes(self._job_ended, self.take)
        self._fetcher = Fetcher(aside, self.take)
        self._mounter = Mounter(aside, settings)
        self._writer = Writer(aside)
        self._network = _network(settings, aside, self.take, self._say)
        if self._network is not None:
            self._life.tell("network")
        self._diagnosis = Diagnosis(self._boot, self._udev, aside, self._journal, self._say)
        self._shell = Shell(self._consoles, lambda: self.take(ShellEnded()))
        self._asking: str | None = None
        self._looking, self._looked = False, self._loop.time()
        self._held_back: list[Action] | None = None  # until the failure screen is shown
        self._alarm: asyncio.TimerHandle | None = None

    async def run(
        self, started: float, problems: tuple[InputError, ...], basis: Mapping[str, object]
    ) -> None:
        """Take in the present state, then events, until PID 1 has its last order.

        `basis` goes to the journal: it decides the boot together with the events.
        """
        now = time.monotonic()
        self._journal.note(now, "EngineStarted", init_started=started, **basis)
        self._loop.add_reader(self._udev.fileno(), self._udev_readable)
        for problem in problems:
            self._say(f"initpy: {problem}")
        self._life.say_alive()
        for target, source in (*mounted_below(HOST), *mounted_below(SYSROOT)):
            found, complaint = await self._mounter.look() if target == SYSROOT else (NONE, "")
            if complaint:
                self._say(f"initpy: {complaint}")
            self._mounted(target, source, found)
        self.take(BootStarted(_resume_over()))
        self.take(self._present())
        server = None
        try:
            server = await control.serve(self.status, self.request)
        except OSError as error:
            self._say(f"initpy: no control socket, `initpy status` cannot work: {error.strerror}")
        await self._life.over
        if server is not None:
            server.close()

    async def status(self, as_json: bool = False) -> str:
        """Return the present tree, with findings that take no longer than a moment."""
        return await self._diagnosis.status(as_json)

    async def request(self, make: Callable[[int], Event]) -> tuple[bool, str]:
        """Give the core a user's request; return its answer, which may take a while."""
        self._request += 1
        number = self._request
        answer: asyncio.Future[tuple[bool, str]] = self._loop.create_future()
        self._requests[number] = answer
        try:
            self.take(make(number))
            return await answer
        finally:
            self._requests.pop(number, None)

    def take(self, event: Event) -> None:
        """Give the core an event and carry out its actions."""
        # The journal's microseconds, rounded up: a replay finds the same alarms due (R34).
        now = -(-time.monotonic_ns() // 1000) / 1e6
        self._journal.record(now, event)
        actions = self._boot.handle(event, now)
        self._journal.decided(now, actions)
        for action in actions:
            self._act(action)

    def _act(self, action: Action) -> None:
        if self._held_back is not None and isinstance(action, AFTER_SCREEN):
            self._held_back.append(action)
            return
        match action:
            case Run():
                if self._debug:
                    self._say(f"initpy: {action.job}: runs {' '.join(argv(action.argv))}")
                self._processes.start(action)
            case StartCheck():
                if self._debug:
                    self._say(f"initpy: {action.job}: runs {' '.join(argv(action.argv))}")
                self._processes.start_check(action)
            case Stop():
                self._processes.stop(action)
                self._mounter.stop(action)
                self._writer.stop(action)
            case Write():
                self._life.spawn(self._write(action))
            case Mount():
                self._life.tell("mounting")
                self._life.spawn(self._mount(action))
            case Resume():
                self._life.spawn(self._resume(action))
            case Fetch():
                self._fetcher.start(action)
            case Drop():
                self._fetcher.drop(action)
            case Ask(job, text):
                self._asking = job
                self._consoles.ask(text)
            case Withdraw(_, reason):
                self._asking = None
                self._consoles.withdraw(reason)
            case GiveWay(job, reason):
                if self._asking == job and self._consoles.give_way(reason):
                    self._loop.call_soon(self._gave_way, job)
            case Report(text, detail):
                if not (detail and self._quiet):
                    self._say(f"initpy: {text}")
            case Arm(at):
                self._arm(at)
            case ShowFailure():
                self._held_back = []
                self._life.spawn(self._diagnosis.show(action, self._shown))
            case LookAgain():
                self._life.spawn(self._look_again())
            case OpenShell(stop):
                self._shell.open(stop)
            case AwaitKey(wanted):
                self._consoles.await_key((lambda: self.take(KeyPressed())) if wanted else None)
            case EndBoot(how, reason):
                self._say(f"initpy: {reason}: {how.value} now")
                self._life.order("end", how.value)
            case KeepExitrd(layers):
                from initpy.runtime.exitrd import declared  # only for a root on layers

                self._life.tell("keep-exitrd", declared.coded(layers))
            case HandOver(root, init):
                # After the other actions of this event, lines on the console included.
                self._life.spawn(self._hand_over(root, init))
            case Record():
                if complaint := record(action):
                    self._say(f"initpy: {complaint}")
            case Reply(request, done, text):
                answer = self._requests.get(request)
                if answer is not None and not answer.done():
                    answer.set_result((done, text))
            case Moved(job, before, after, reason):
                if self._debug:
                    self._say(f"initpy: {job}: {before} -> {after} ({reason})")
            case Clock():
                pass  # for the journal alone
            case _:
                if self._network is not None:
                    self._network.act(action)

    def _shown(self) -> None:
        """Carry out what was held back until the failure screen is shown."""
        held_back, self._held_back = self._held_back or [], None
        for each in held_back:
            self._act(each)

    # Udev

    def _udev_readable(self) -> None:
        try:
            self._udev.pending()
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            self.take(self._present())  # events were lost: enumerate (R2)

    def _present(self) -> Enumerated:
        """Return all subjects as they are now."""
        found = self._udev.present()
        if self._network is None:
            return found
        return Enumerated((*found.devices, *self._network.present()))

    async def _look_again(self) -> None:
        """Look for missed changes, one device at a time: a typed key must not wait.

        While udev is at work it would tell them itself, so skip a turn; but udev may hang.
        """
        self._consoles.look_again()
        now = self._loop.time()
        if self._looking or (self._udev.busy() and now < self._looked + PATIENCE_WITH_UDEV):
            return
        self._looking, self._looked = True, now
        for event in self._udev.missed():
            if event is not None:
                self.take(event)
            await asyncio.sleep(0)
        if self._network is not None:
            self._network.look()
        self._looking = False

    # Processes and mounts

    def _job_ended(self, ended: JobEnded, subject: str | None) -> None:
        if self._network is not None and self._network.has(subject):
            self._network.look()
        elif subject is not None:
            for event in self._udev.look_again(subject):
                self.take(event)
        self.take(ended)

    async def _write(self, action: Write) -> None:
        status, error = await self._writer.write(action)
        ended = JobEnded(action.job, action.run, status, error=error)
        self._job_ended(ended, action.subject)

    async def _mount(self, action: Mount) -> None:
        mounted = await self._mounter.mount(action)
        self.take(JobEnded(action.job, action.run, mounted.status, error=mounted.error))
        if (source := mounted_at(mounted.place or action.target)) is not None:
            self._mounted(action.target, source, mounted.root)

    async def _resume(self, action: Resume) -> None:
        from initpy.runtime.resume import attempt  # most boots have nothing to resume

        status, error = await attempt(self._aside, action)
        self.take(JobEnded(action.job, action.run, status, error=error))

    def _mounted(self, target: str, source: str, root: Root) -> None:
        """Tell the core of a mount, and what the root's fstab wants."""
        self._root_mounts = self._root_mounts or has_root_mounts(root.fstab or "")
        below, checks = wanted_below(root, self._complain, self._listed_types)
        continues = bool(root.continues)
        self.take(Mounted(target, source, below, checks, continues, root.link_files))

    def _complain(self, problem: InputError) -> None:
        self._say(f"initpy: {problem}")

    # The user

    def _typed(self, secret: Secret) -> None:
        job, self._asking = self._asking, None
        if job is None:
            secret.wipe()
        else:
            self.take(Answered(job, secret))

    def _gave_way(self, job: str) -> None:
        if self._asking == job:
            self._typed(Secret(b""))

    def _say(self, text: str) -> None:
        self._consoles.say(text)

    # Time and the end

    def _arm(self, at: float | None) -> None:
        if self._alarm is not None:
            self._alarm.cancel()
            self._alarm = None
        if at is not None:
            # The loop's clock is the monotonic clock that the events carry.
            self._alarm = self._loop.call_at(at, self.take, TimePassed())

    async def _hand_over(self, root: str, asked: str | None) -> None:
        for place, why in await self._mounter.root_mounts(root) if self._root_mounts else ():
            self._say(f"initpy: {place}: {why}; it is left to the real system")
        try:
            init, complaint = await self._mounter.find_init(
                root, asked, lambda text: self._say(f"initpy: {text}")
            )
        except NoInitError as error:
            self.take(HandOverRefused(str(error)))
            return
        if complaint:
            self._say(f"initpy: {complaint}; {init} is used")
        if self._network is not None:
            await self._network.settled()
        self._processes.go_on()
        if os.path.isdir("/.extra"):
            from initpy.runtime import extra  # few boot loaders make that

            for line in extra.pass_on():
                self._say(f"initpy: {line}")
        self._shell.close()
        self._consoles.close()
        self._journal.note(time.monotonic(), "HandedOver", root=root, init=init)
        self._life.order("switch-root", root, init)


def _resume_over() -> bool:
    """True if an engine before this one has settled that nothing is resumed."""
    return os.path.exists(f"/run/initpy/{RESUME_OVER}")


def _network(
    settings: Settings, aside: Aside, take: Callable[[Event], None], say: Callable[[str], None]
) -> "Network | None":
    """Return the network of a boot that asks for one."""
    wanted = settings.network
    if wanted is None or not wanted.is_wanted:
        return None
    try:
        from initpy.runtime.net.network import Network
    except ImportError as error:
        say(f"initpy: no network: the image lacks {error.name}")
        return None
    return Network(aside, take, say)
