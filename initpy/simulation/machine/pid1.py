"""PID 1 and the machine around the engine: power on, restarts, shell, the end."""

from collections.abc import Callable, Sequence
from typing import Any

from initpy.core.actions import Action
from initpy.core.boot import Boot
from initpy.core.events import Event
from initpy.core.jobs.definitions import JobDefinition
from initpy.scenario.acts import SystemCall
from initpy.simulation.kernel import network
from initpy.simulation.kernel.disks import Slots
from initpy.simulation.kernel.hibernation import hibernate
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.machine.engine import Engine
from initpy.simulation.machine.host import Inmate
from initpy.simulation.machine.prepared import Prepared
from initpy.simulation.machine.record import Held, Simulated, Step
from initpy.simulation.world.random_faults import MOST_DEATHS, Chance
from initpy.simulation.world.sabotage import FailingCalls, Sabotage
from initpy.simulation.world.world import ENGINE_SECONDS, World

RESTART_SECONDS = 0.8
SILENCE_SECONDS = 60.0  # after which PID 1 ends an engine that does not answer
CARD_SECONDS = 1.5  # until network cards have their drivers: what may be disks comes first
REAL_INIT_SECONDS = 0.3
FORK_RETRY, LONGEST_RETRY = 1.0, 30.0  # seconds until there may be memory for a process again
NO_MEMORY = "Cannot allocate memory"
NO_ROOM = "Resource temporarily unavailable"
RESTARTED = "guest-reset"  # QEMU's word


class Machine:
    """One machine from power-on to its end."""

    def __init__(
        self,
        world: World,
        prepared: Prepared,
        jobs: Sequence[JobDefinition],
        chance: Chance,
        crash_after: int | None,
        crash_loses: bool,
        watch: Callable[[Step, Boot], None] | None,
        before: Sequence[Step] = (),
    ) -> None:
        """`before`: the steps of the boots before this one."""
        self.world = world
        self.prepared = prepared
        self.jobs = jobs
        self.udev = Udev(world)
        self.udev.start_again = self._start_udevd
        self.sabotage = Sabotage(world.scenario)
        self._calls = FailingCalls(world.scenario)
        self._udevd_wait = FORK_RETRY
        self.slots = Slots(world, self.udev)
        if world.network is not None:
            world.network.plug = self.slots.plug
        self.steps: list[Step] = [*before]
        self.engine: Engine | None = None
        self.lives = before[-1].engine + 1 if before else 0
        self.deaths = 0  # of the engine that no scenario asked for
        self.secrets: list[Held] = []
        self.died: list[float] = []  # when each engine has died
        self.mounting: set[str] = set()  # jobs whose runs are mounts
        self.ended: str | None = None  # how the machine ended: QEMU's words
        self.handed_over = False
        self.shown = False  # a failure screen or a shell
        self._chance = chance
        self._crash_after = crash_after
        self._crash_loses = crash_loses
        self._watch = watch
        self._events = 0

    def power_on(self) -> None:
        """/init runs: udevd is started, the disks are found, the engine begins."""
        world = self.world
        world.terminals.kernel("Run /init as init process\n")
        self.udev.whenever_ready.append(self._after_poll(self._udev_listens))
        self._start_udevd()
        world.agenda.after(self._chance.jitter(ENGINE_SECONDS), self._start_engine)

    def _start_udevd(self) -> None:
        """Start udevd, or try again later: there may be memory for it then."""
        if not (why := self._refused(SystemCall.SPAWN_UDEVD)):
            self._udevd_wait = FORK_RETRY
            self.udev.start()
            return
        self.world.terminals.pid1(f"cannot start udevd: {why}; no device will be found")
        self._try_udevd_again()

    def _refused(self, call: SystemCall) -> str:
        """Why no process can be started now, "" if it can."""
        if self.world.short:
            return NO_ROOM
        return NO_MEMORY if self._calls.fails(call) else ""

    def _try_udevd_again(self) -> None:
        self.world.agenda.after(self._udevd_wait, self._start_udevd)
        self._udevd_wait = min(2 * self._udevd_wait, LONGEST_RETRY)

    def _after_poll(self, call: Callable[[], None]) -> Callable[[], None]:
        """Have PID 1 do it when it has noticed: poll(2) may fail before."""

        def noticed() -> None:
            if self._calls.fails(SystemCall.POLL):
                self.world.terminals.pid1(f"process 1: poll: {NO_MEMORY}; it goes on")
                self.world.agenda.after(FORK_RETRY, noticed)
            else:
                call()

        return noticed

    def _udev_listens(self) -> None:
        """PID 1 has everything announced that may lead to a disk."""
        world = self.world
        if self._calls.fails(SystemCall.INOTIFY):
            world.terminals.pid1(f"cannot watch the queue of udevd: {NO_MEMORY}")
        if self.udev.deaths:
            for block in tuple(world.blocks.values()):
                self.udev.announce(block)
            self.udev.release()
        self.slots.find_disks()
        if world.network is not None:
            seconds = self._chance.jitter(CARD_SECONDS)
            world.agenda.after(seconds, network.found, world, world.network)

    def _start_engine(self) -> None:
        if why := self._refused(SystemCall.FORK_ENGINE):
            what = f"cannot start the engine: {why}; it is tried again"
            self.world.terminals.pid1(what)
            self.world.agenda.after(FORK_RETRY, self._start_engine)
            return
        self.engine = Engine(self, self.lives)
        self.lives += 1
        self.engine.begin()

    # What the engine reports

    def noted(self, engine: Inmate, event: Event, actions: tuple[Action, ...]) -> bool:
        """Write the step down; True when the engine dies before it carries the actions out."""
        step = Step(self.world.agenda.now, event, actions, engine.number)
        self.steps.append(step)
        self._events += 1
        if self._watch is not None:
            self._watch(step, engine.boot)
        if self._events == self._crash_after and self._crash_loses:
            self.deaths += 1
            self.kill_engine()
            return True
        return False

    def after_event(self, engine: Inmate) -> None:
        """The actions are carried out: the engine may die now."""
        if not engine.alive:
            return
        chance, dies = self._chance, self._chance.random_faults.engine_dies
        if self._events == self._crash_after:
            self.deaths += 1
            self.kill_engine()
        elif dies and chance.deaths < MOST_DEATHS and chance.happens(dies):
            chance.deaths += 1
            self.deaths += 1
            self.kill_engine()

    def kill_engine(self, how: str = "killed by signal 9") -> bool:
        """The engine dies and PID 1 starts another; False when there is none to kill."""
        engine = self.engine
        if engine is None or not engine.alive or self.handed_over or self.ended is not None:
            return False
        engine.die()
        self.died.append(self.world.now)
        self.world.terminals.pid1(f"the engine has ended ({how}); it is started again")
        again = self._after_poll(self._start_engine)
        self.world.agenda.after(self._chance.jitter(RESTART_SECONDS), again)
        return True

    def stop_engine(self) -> None:
        """SIGSTOP: it answers no more, and PID 1 waits for a while."""
        engine = self.engine
        if engine is None or not engine.alive:
            return
        engine.frozen = True
        self.world.agenda.after(SILENCE_SECONDS, self._end_silent, engine)

    def _end_silent(self, engine: Engine) -> None:
        if engine.frozen and engine.alive:
            what = f"the engine has not answered for {SILENCE_SECONDS:.0f} s; it is ended"
            self.world.terminals.pid1(what)
            self.kill_engine()

    def open_shell(self, engine: Engine, stop: str) -> None:
        """A shell on the user's console, or the preferred one."""
        from initpy.simulation.machine.shell import Shell

        terminals = self.world.terminals
        if terminals.first.shell is None and terminals.user_at.shell is None:
            Shell(self, engine, stop).open()

    def journal(self) -> list[dict[str, Any]]:
        """The lines of the journal so far."""
        return Simulated(self.world.scenario, self.world.now, self.steps, self.world, False,
                         None).journal()  # fmt: skip

    def end(self, how: str) -> None:
        """The machine restarts or is switched off."""
        self.ended = {"reboot": RESTARTED, "halt": "halted"}.get(how, "guest-shutdown")
        if how == "halt":
            now = self.world.now
            self.world.terminals.kernel(f"[{now:12.6f}] reboot: System halted\n")

    def hand_over(self, engine: Inmate, root: str, init: str) -> None:
        """Everything ends but storage daemons; the real init runs."""
        world = self.world
        now = world.now + self._chance.jitter(REAL_INIT_SECONDS)
        self._leave(engine, f"INITPY-LAB real init started uptime={now:.2f}\n")
        if (swap := world.scenario.hibernates) and hibernate(world, swap):
            self.handed_over, self.ended = False, RESTARTED
            world.terminals.show(world.terminals.first, "INITPY-LAB hibernates\n")

    def resume(self, engine: Inmate) -> None:
        """The hibernated system goes on where it was, if nobody has touched its file systems."""
        self._leave(engine, "INITPY-LAB resumed\n")
        self.world.resumed = True
        if self.world.disturbed:
            self.handed_over, self.ended = False, f"destroyed: {', '.join(self.world.disturbed)}"

    def _leave(self, engine: Inmate, text: str) -> None:
        self.handed_over = True
        engine.alive = False
        terminals = self.world.terminals
        terminals.first.shell = None
        self.world.agenda.cancel(engine.alarm)
        self.udev.listener = None
        terminals.show(terminals.first, text)
