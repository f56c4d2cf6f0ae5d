"""The other thin shell: carries out the core's actions in the world and brings it what happens.

What runtime/engine.py does with udev, processes and consoles, in virtual time; it decides nothing.
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

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
    Progressed,
    ShellEnded,
    TimePassed,
)
from initpy.core.network.actions import (
    AcceptRouters,
    Configure,
    JoinLink,
    MakeLink,
    NameHost,
    RemoveLink,
    RenameLink,
    Resolve,
    SendDhcp,
    StopDhcp,
    SwitchLink,
)
from initpy.core.secret import Secret
from initpy.core.state.goals import HOST, RESUME_OVER, SYSROOT
from initpy.simulation.kernel import hibernation, mounts
from initpy.simulation.kernel.process import Answer, Call, Process
from initpy.simulation.machine import traces
from initpy.simulation.machine.cards import cards_of
from initpy.simulation.machine.host import Host
from initpy.simulation.machine.memory import Memory
from initpy.simulation.machine.monitor import Monitor
from initpy.simulation.tools.table import start as start_tool
from initpy.simulation.world.agenda import Entry

if TYPE_CHECKING:
    pass


class Engine:
    """One life of the engine. `number` counts them."""

    def __init__(self, machine: Host, number: int) -> None:
        self.machine = machine
        self.world = machine.world
        self.number = number
        self.frozen = False
        prepared = machine.prepared
        settings = hibernation.located(machine.world, prepared.settings, number)
        index = prepared.index if machine.jobs is prepared.jobs else None
        self.boot = Boot(settings, machine.jobs, index)
        self._quiet = settings.quiet and not settings.debug
        self._debug = settings.debug
        # These, the most frequent, are for the journal alone.
        self._for_journal = (Clock,) if settings.debug else (Moved, Clock)
        self._asking: str | None = None
        self.alarm: Entry | None = None
        self._running: dict[tuple[str, int], Process] = {}
        self._fetching: dict[tuple[str, int], Process] = {}
        self._requests: dict[int, Callable[[bool, str], None]] = {}
        self._waiting: list[Event] = []  # while it is stopped
        self._monitor = Monitor(self.world, machine.udev, self.take)
        self._cards = cards_of(settings, machine, self.take)
        self._memory = Memory(number, machine.secrets)
        self._held_back: list[Action] | None = None  # until the failure screen is there
        self.alive = True

    def begin(self) -> None:
        """Take in what is there."""
        terminals = self.world.terminals
        terminals.answer, terminals.listened = self._typed, self._listen
        self._monitor.listen()
        for problem in self.machine.prepared.problems:
            terminals.say(f"initpy: {problem}")
        for target in sorted(self.world.mounts):
            if target.startswith((HOST, SYSROOT)):
                self._mounted(target)
        self.take(BootStarted(RESUME_OVER in self.world.records))
        present = self._monitor.present()
        if self._cards is not None:
            present = Enumerated((*present.devices, *self._cards.present()))
        self.take(present)

    def take(self, event: Event) -> None:
        """Give the core an event and do what it says."""
        if not self.alive:
            return
        if self.frozen:
            self._waiting.append(event)
            return
        now = self.world.agenda.now
        kept = self._memory.takes(event, now)
        actions = self.boot.handle(event, now)
        decided = self._memory.decided(actions, now)
        lost = self.machine.noted(self, kept, decided)
        if lost:
            return
        for action in actions:
            if type(action) not in self._for_journal:
                self._act(action)
        self.machine.after_event(self)

    def thaw(self) -> None:
        """It is continued: what has happened meanwhile comes now."""
        self.frozen = False
        waiting, self._waiting = self._waiting, []
        for event in waiting:
            self.take(event)

    def die(self) -> None:
        """Killed: its processes but the watched go on, what they answer is lost."""
        self.alive = False
        self._monitor.close()
        if self._cards is not None:
            self._cards.close()
        self.world.agenda.cancel(self.alarm)
        self.world.terminals.hang_up()
        for key, process in tuple(self._running.items()):
            # A mount is in a thread of the engine's; a check gets a signal when it dies.
            if process.watched or key[0] in self.machine.mounting:
                process.kill()

    def _act(self, action: Action) -> None:
        if self._held_back is not None and isinstance(action, AFTER_SCREEN):
            self._held_back.append(action)
            return
        match action:
            case Moved():
                self._say(
                    f"initpy: {action.job}: {action.before} -> {action.after} ({action.reason})"
                )
            case Arm(at):
                self.world.agenda.cancel(self.alarm)
                self.alarm = None
                if at is not None:
                    self.alarm = self.world.agenda.at(at, self.take, TimePassed())
            case Run():
                self._run(action)
            case StartCheck(job, run, words, subject):
                self._run(Run(job, run, words, subject, watched=True))
            case Write(job, run, subject, attributes):
                words = ("write", subject, *(each for pair in attributes for each in pair))
                self._run(Run(job, run, words, subject))
            case Report(text, detail):
                if not (detail and self._quiet):
                    self._say(f"initpy: {text}")
            case Mount():
                self._mount(action)
            case KeepExitrd(layers):
                self.world.exitrd = layers
            case HandOver(root, init):
                self.world.agenda.after(0.0, self._hand_over, root, init)
            case Ask(job, text):
                self._asking = job
                self.world.terminals.ask(text)
                self.world.agenda.after(0.0, self._listen)
            case Withdraw(_, reason):
                self._asking = None
                self.world.terminals.withdraw(reason)
            case GiveWay(job, reason):
                if self._asking == job and self.world.terminals.give_way(reason):
                    self.world.agenda.after(0.0, self._gave_way, job)
            case Stop(job, run):
                process = self._running.get((job, run)) or self._fetching.get((job, run))
                if process is not None:
                    process.stop()
            case LookAgain():
                # Once all that was asked for is done: the runtime spawns a task for it.
                self.world.agenda.after(0.0, self._monitor.look_again)
                if self._cards is not None:
                    self.world.agenda.after(0.0, self._cards.look)
            case Record():
                if complaint := traces.leave(self.world, action):
                    self._say(f"initpy: {complaint}")
            case _:
                self._act_rarely(action)

    def _act_rarely(self, action: Action) -> None:
        match action:
            case ShowFailure():
                from initpy.simulation.machine.failure import SOON, looks_in_vain

                if looks_in_vain(self.world, action.tree):
                    self._held_back = []
                    self.world.agenda.after(SOON, self._show_failure, action)
                else:
                    self._show_failure(action)
            case Resume():
                self.world.agenda.after(hibernation.LOOK_SECONDS, self._resume, action)
            case OpenShell(stop):
                self.machine.open_shell(self, stop)
            case AwaitKey(wanted):
                self.world.agenda.after(0.0, self._await_key, wanted)
            case EndBoot(how, reason):
                self._say(f"initpy: {reason}: {how.value} now")
                self.machine.end(how.value)
            case Fetch():
                from initpy.simulation.machine.fetching import fetch

                key = action.job, action.number
                work = fetch(self.world, action)
                process = Process(self.world, work, lambda answer: self._fetched(key, answer))
                if process.running:
                    self._fetching[key] = process
            case Drop(job, number):
                if (dropped := self._fetching.pop((job, number), None)) is not None:
                    dropped.kill()
            case Reply(request, done, text):
                answer = self._requests.pop(request, None)
                if answer is not None:
                    answer(done, text)
            case (
                SwitchLink() | RenameLink() | MakeLink() | JoinLink() | RemoveLink() | NameHost()
                | AcceptRouters() | SendDhcp() | StopDhcp() | Configure() | Resolve()
            ):  # fmt: skip
                if self._cards is not None:
                    self._cards.act(action)

    def _show_failure(self, action: ShowFailure) -> None:
        from initpy.simulation.machine.failure import screen

        if not self.alive:
            return
        self.machine.shown = True
        self.world.terminals.screens.append(self.world.now)
        self._say_later(screen(self.world, action.reason, action.tree, action.advice))
        held_back, self._held_back = self._held_back or [], None
        for each in held_back:
            self._act(each)

    def _say(self, text: str) -> None:
        self.world.terminals.say(text)

    def _say_later(self, text: Callable[[], str]) -> None:
        self.world.terminals.say(lambda: f"{text()}\n")

    # Processes and mounts

    def _run(self, action: Run) -> None:
        if self._debug:
            self._say(f"initpy: {action.job}: runs {' '.join(action.argv)}")
        secret = bytes(action.secret.reveal()) if action.secret is not None else None
        call = Call(action.argv, secret, action.environment)
        key = action.job, action.run
        machine = self.machine
        process = start_tool(
            self.world,
            machine.udev,
            machine.sabotage,
            action.job,
            call,
            lambda answer: self._ended(key, action.subject, answer),
            (lambda share: self.take(Progressed(*key, share))) if action.watched else None,
        )
        if process.running:
            self._running[key] = process

    def _ended(self, key: tuple[str, int], subject: str | None, answer: Answer) -> None:
        self._running.pop(key, None)
        if not self.alive:
            return
        if subject is not None and self._cards is not None and self._cards.has(subject):
            self._cards.look()
        elif subject is not None:
            for event in self._monitor.look_at(subject):
                self.take(event)
        complaints = answer.complaints.strip()
        complaint = complaints.rpartition("\n")[2]
        self.take(JobEnded(*key, answer.status, answer.output, complaint, complaints))

    def _mount(self, action: Mount) -> None:
        machine = self.machine
        machine.mounting.add(action.job)
        key = action.job, action.run

        def ended(answer: object) -> None:
            self._running.pop(key, None)
            if isinstance(answer, Answer):  # the kernel's modprobe was killed
                status, error = 19, "the kernel has no driver (is its module in the image?)"
            else:
                assert isinstance(answer, tuple)
                status, error = answer
            self.take(JobEnded(*key, status, error=error))
            if action.target in self.world.mounts:
                self._mounted(action.target)

        work = mounts.mount_all(
            self.world, machine.sabotage, action.source, action.target, action.types,
            action.options, action.overlay,
        )  # fmt: skip
        process = Process(self.world, work, ended)
        if process.running:
            self._running[key] = process

    def _resume(self, action: Resume) -> None:
        if not self.alive:
            return
        self.world.location = None
        if hibernation.is_on(self.world, action.number, action.offset):
            self.machine.resume(self)
        else:
            self.take(JobEnded(action.job, action.run, 0))

    def _mounted(self, target: str) -> None:
        event, problems = traces.mounted(self.world, self.machine.prepared.settings, target)
        for problem in problems:
            self._say(f"initpy: {problem}")
        self.take(event)

    # Users

    def _listen(self) -> None:
        if self.alive and not self.frozen:
            self.world.terminals.read()

    def _typed(self, secret: Secret) -> None:
        job, self._asking = self._asking, None
        if job is None:
            secret.wipe()
        else:
            self.take(Answered(job, secret))

    def _await_key(self, wanted: bool) -> None:
        if self.alive and not self.frozen:
            pressed = (lambda: self.take(KeyPressed())) if wanted else None
            self.world.terminals.await_key(pressed)

    def _gave_way(self, job: str) -> None:
        if self._asking == job:
            self._typed(Secret(b""))

    def _fetched(self, key: tuple[str, int], answer: object) -> None:
        self._fetching.pop(key, None)
        if not isinstance(answer, Answer):  # else it was dropped
            from initpy.simulation.machine.fetching import event_of

            self.take(event_of(key, answer))

    def request(self, event: Event, number: int, answer: Callable[[bool, str], None]) -> None:
        """A person asks for something in the shell."""
        self._requests[number] = answer
        self.take(event)

    def shell_ended(self) -> None:
        """The shell is left."""
        self.take(ShellEnded())

    def _hand_over(self, root: str, asked: str | None) -> None:
        if not self.alive:
            return
        for place, why in mounts.root_mounts(self.world, root):
            self._say(f"initpy: {place}: {why}; it is left to the real system")
        init, complaint = mounts.find_init(self.world, root, asked)
        if not init:
            self.take(HandOverRefused(complaint))
            return
        if complaint:
            self._say(f"initpy: {complaint}; {init} is used")
        self.machine.hand_over(self, root, init)
