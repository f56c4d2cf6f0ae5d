"""The engine: carries out the core's actions and brings it the world's events. It never decides."""

import asyncio
import errno
import gc
import os
import signal
import time
from collections.abc import Callable, Mapping

from initpy.config.errors import InputError
from initpy.config.settings import read_settings
from initpy.core.actions import (
    Action,
    Arm,
    Ask,
    Drop,
    EndBoot,
    Fetch,
    GiveWay,
    HandOver,
    LookAgain,
    Mount,
    Moved,
    OpenShell,
    Record,
    Reply,
    Report,
    Run,
    ShowFailure,
    Stop,
    Withdraw,
)
from initpy.core.boot import Boot
from initpy.core.devices.names import Naming
from initpy.core.events import (
    Answered,
    BootStarted,
    Event,
    HandOverRefused,
    JobEnded,
    Mounted,
    ShellEnded,
    TimePassed,
)
from initpy.core.goals.goals import HOST, SYSROOT
from initpy.core.machine.definitions import JobDefinition
from initpy.core.secret import Secret
from initpy.core.settings import Settings
from initpy.core.tree import Node
from initpy.runtime import control
from initpy.runtime.console import Consoles
from initpy.runtime.fetching import Fetcher
from initpy.runtime.handover import NoInitError, find_init
from initpy.runtime.jobfiles import load_jobs
from initpy.runtime.journal import Journal, basis
from initpy.runtime.mounts import further, mount_first, mount_root, mounted_at, mounted_below
from initpy.runtime.processes import Processes, end_kernel_helpers
from initpy.runtime.shell import Shell, kill_left_over
from initpy.runtime.udev import Udev

ALIVE_SECONDS = 5.0
PATIENCE_WITH_UDEV = 120.0
CRYPTTAB = "/etc/crypttab"
KEY_FOLDERS = ("/run/cryptsetup-keys.d", "/etc/cryptsetup-keys.d")  # the last one wins


class Engine:
    """Joins the Boot with udev, processes, consoles, mounts and PID 1."""

    def __init__(self, settings: Settings, jobs: tuple[JobDefinition, ...], orders: int) -> None:
        self._loop = asyncio.get_running_loop()
        self._boot = Boot(settings, jobs)
        self._quiet = settings.quiet and not settings.debug
        self._debug = settings.debug
        self._request = 0
        self._requests: dict[int, asyncio.Future[tuple[bool, str]]] = {}
        self._orders = orders
        self._journal = Journal()
        self._udev = Udev()
        kill_left_over()  # before the consoles are opened: it would hang them up
        self._consoles = Consoles(self._typed)
        self._processes = Processes(self._job_ended, self.take)
        self._fetcher = Fetcher(self.take)
        self._shell = Shell(self._consoles, lambda: self.take(ShellEnded()))
        self._asking: str | None = None
        self._looking, self._looked = False, self._loop.time()
        self._mounting: set[tuple[str, int]] = set()
        self._alarm: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._over = self._loop.create_future()

    async def run(
        self, started: float, problems: tuple[InputError, ...], basis: Mapping[str, object]
    ) -> None:
        """Take in what is there, then what happens, until PID 1 was told to hand over.

        `basis`: what decides the boot besides the events, for the journal.
        """
        now = time.monotonic()
        self._journal.note(now, "EngineStarted", init_started=started, **basis)
        self._loop.add_reader(self._udev.fileno(), self._udev_readable)
        for problem in problems:
            self._say(f"initpy: {problem}")
        for target, source in (*mounted_below(HOST), *mounted_below(SYSROOT)):
            self._mounted(target, source)
        self.take(BootStarted())
        self.take(self._udev.present())
        self._loop.call_later(ALIVE_SECONDS, self._say_alive)
        server = None
        try:
            server = await control.serve(self.status, self.request)
        except OSError as error:
            self._say(f"initpy: no control socket, `initpy status` cannot work: {error.strerror}")
        await self._over
        if server is not None:
            server.close()

    def status(self, as_json: bool = False) -> str:
        """The tree as it is now."""
        # Costly, and most boots never show a tree.
        from initpy.core.failure.driverless import with_unclaimed
        from initpy.report.tree import render, render_json
        from initpy.runtime.driverless import look

        now = time.monotonic()
        tree = with_unclaimed(_with_remnants(self._boot.explain(now)), look())
        return (render_json if as_json else render)(tree, now)

    async def request(self, make: Callable[[int], Event]) -> tuple[bool, str]:
        """Give the core what a person asks for; its answer, which may take a while."""
        self._request += 1
        number = self._request
        answer: asyncio.Future[tuple[bool, str]] = self._loop.create_future()
        self._requests[number] = answer
        self.take(make(number))
        return await answer

    def _show_failure(self, action: ShowFailure) -> None:
        from initpy.core.failure.driverless import advice_for, with_unclaimed
        from initpy.report.tree import failure_screen
        from initpy.runtime.driverless import look

        now = time.monotonic()
        found = look()
        tree, advice = (
            with_unclaimed(_with_remnants(action.tree), found),
            (*advice_for(found), *action.advice),
        )
        self._journal.note(now, "Unclaimed", devices=[each._asdict() for each in found])
        self._say(failure_screen(action.reason, tree, now, advice))

    def take(self, event: Event) -> None:
        """Give the core an event and do what it says."""
        # The journal's microseconds, rounded up: a replay finds every alarm due that was (R34).
        now = -(-time.monotonic_ns() // 1000) / 1e6
        self._journal.record(now, event)
        actions = self._boot.handle(event, now)
        self._journal.decided(now, actions)
        for action in actions:
            self._act(action)

    def _act(self, action: Action) -> None:
        match action:
            case Run():
                if self._debug:
                    self._say(f"initpy: {action.job}: runs {' '.join(action.argv)}")
                self._processes.start(action)
            case Stop(job, run):
                self._processes.stop(action)
                if (job, run) in self._mounting:  # nothing else can be done about a mount(2)
                    end_kernel_helpers()
            case Mount():
                self._tell("mounting")
                self._spawn(self._mount(action))
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
                self._show_failure(action)
            case LookAgain():
                self._spawn(self._look_again())
            case OpenShell(stop):
                self._shell.open(stop)
            case EndBoot(how, reason):
                self._say(f"initpy: {reason}: {how.value} now")
                self._order("end", how.value)
            case HandOver(root, init):
                # The actions of this event come first, and so do the lines on the console.
                self._loop.call_soon(self._hand_over, root, init)
            case Record(name, text, folder):
                self._record(name, text, folder)
            case Reply(request, done, text):
                answer = self._requests.pop(request, None)
                if answer is not None and not answer.done():
                    answer.set_result((done, text))
            case Moved(job, before, after, reason):
                if self._debug:
                    self._say(f"initpy: {job}: {before} -> {after} ({reason})")

    def _record(self, name: str, text: str, folder: str) -> None:
        try:
            os.makedirs(folder, exist_ok=True)
            with open(f"{folder}/{name}.new", "w", encoding="utf-8") as file:
                file.write(text)
            os.rename(f"{folder}/{name}.new", f"{folder}/{name}")
        except OSError as error:
            self._say(f"initpy: cannot write {folder}/{name}: {error.strerror}")

    # Udev

    def _udev_readable(self) -> None:
        try:
            self._udev.pending(self.take)
        except OSError as error:
            if error.errno != errno.ENOBUFS:
                raise
            self.take(self._udev.present())  # events were lost: what is there now counts (R2)

    async def _look_again(self) -> None:
        """One device after the other, so that people do not have to wait.

        Not while udev is at work, which would be done twice; but it may hang, so not for ever.
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
        self._looking = False

    # Processes and mounts

    def _job_ended(self, ended: JobEnded, subject: str | None) -> None:
        for event in self._udev.look_again(subject) if subject is not None else ():
            self.take(event)
        self.take(ended)

    async def _mount(self, action: Mount) -> None:
        # mount(2) replays journals and loads modules: it must not stop the prompt.
        key = action.job, action.run
        self._mounting.add(key)
        what = (action.source, action.target, action.types, action.options)
        if action.overlay is None:
            status, error = await asyncio.to_thread(mount_first, *what)
        else:
            status, error = await asyncio.to_thread(mount_root, *what, action.overlay)
        self._mounting.discard(key)
        self.take(JobEnded(*key, status, error=error))
        if (source := mounted_at(action.target)) is not None:
            self._mounted(action.target, source)

    def _mounted(self, target: str, source: str) -> None:
        """The root itself says what else is to be mounted."""
        wanted = further(SYSROOT, self._complain) if target == SYSROOT else ()
        self.take(Mounted(target, source, wanted))

    def _complain(self, problem: InputError) -> None:
        self._say(f"initpy: {problem}")

    # People

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

    def _hand_over(self, root: str, asked: str | None) -> None:
        try:
            init, complaint = find_init(root, asked)
        except NoInitError as error:
            self.take(HandOverRefused(str(error)))
            return
        if complaint:
            self._say(f"initpy: {complaint}; {init} is used")
        self._shell.close()
        self._consoles.close()
        self._journal.note(time.monotonic(), "HandedOver", root=root, init=init)
        self._order("switch-root", root, init)

    def _say_alive(self) -> None:
        """PID 1 ends an engine that is silent for long."""
        if not self._over.done():
            self._tell("alive")
            self._loop.call_later(ALIVE_SECONDS, self._say_alive)

    def _tell(self, *words: str) -> None:
        os.write(self._orders, os.fsencode("\0".join(words) + "\n"))

    def _order(self, *words: str) -> None:
        """Tell PID 1; the engine's work is done."""
        self._tell(*words)
        if not self._over.done():
            self._over.set_result(None)

    def _spawn(self, work: "asyncio._CoroutineLike[None]") -> None:
        task = self._loop.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: "asyncio.Task[None]") -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self._over.done():
            self._over.set_exception(error)  # a bug: the supervisor starts us again


def key_files() -> dict[str, str]:
    """Key files in the image for volumes that no key is named for (systemd's crypttab(5))."""
    found = {}
    for folder in KEY_FOLDERS:
        try:
            names = os.listdir(folder)
        except OSError:
            continue
        for each in names:
            name, ending, rest = each.rpartition(".key")
            if ending and not rest:
                found[name] = f"{folder}/{each}"
    return found


def _with_remnants(tree: Node) -> Node:
    from initpy.core.failure.damaged_metadata import doubtful, with_remnants
    from initpy.runtime.damaged_metadata import look

    return with_remnants(tree, look(doubtful(tree)))


def read(path: str) -> str | None:
    """The text of a file, None when there is none."""
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as file:
            return file.read()
    except FileNotFoundError:
        return None


def main(orders: int, started: float) -> int:
    """The engine process. `orders` is the pipe to PID 1, `started` when /init began."""
    with open("/proc/self/comm", "w", encoding="ascii") as comm:
        comm.write("initpy-engine")
    for number in (signal.SIGCHLD, signal.SIGINT, signal.SIGTERM, signal.SIGPWR):
        signal.signal(number, signal.SIG_DFL)  # those of PID 1, when we are started again
    command_line, table = read("/proc/cmdline") or "", read(CRYPTTAB)
    settings, wrong = read_settings(command_line, table, CRYPTTAB)
    if settings.root is not None and settings.root.naming is Naming.GPT_AUTO:
        from initpy.runtime import discoverable  # seldom needed

        settings = discoverable.complete(settings)
    settings = settings._replace(key_files=key_files())
    problems = list(wrong)
    texts: dict[str, str] = {}
    jobs = load_jobs(problems.append, texts=texts)
    facts = basis(settings, command_line, table, texts, problems)
    gc.freeze()
    gc.enable()

    async def engine() -> None:
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_escalate(loop))
        await Engine(settings, jobs, orders).run(started, tuple(problems), facts)

    asyncio.run(engine())
    return 0


def _escalate(
    loop: asyncio.AbstractEventLoop,
) -> Callable[[asyncio.AbstractEventLoop, dict[str, object]], None]:
    """An exception in a callback ends the engine: restarting is what heals it."""

    def handler(_: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
        error = context.get("exception")
        if isinstance(error, BaseException):
            import traceback

            traceback.print_exception(error)
        os.write(2, f"initpy: the engine has failed: {context.get('message')}\n".encode())
        os._exit(70)  # EX_SOFTWARE of sysexits.h

    return handler
