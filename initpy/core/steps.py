"""Moves instances on: applies the rules until nothing changes, takes ends of commands, timers.

A command that ends (`JobEnded`) goes to the handler of its strategy (registry.py), as a rule to
`machine/rules.py`; a technology may judge a failure first (`Technology.judge`).
"""

from initpy.core.events import JobEnded
from initpy.core.goals import handover
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.instance import READY, RUNNING, Instance
from initpy.core.jobs.timers import Timer
from initpy.core.machine import rules
from initpy.core.settings import BreakPoint
from initpy.core.state.context import Context
from initpy.core.subjects import Subjects

STEP_LIMIT = 10_000  # rounds until the rules come to rest; more is a bug of ours
# These may wait for any command to end.
AFTER_ORPHANS = (
    Strategy.RUN, Strategy.TAKE_DOWN, Strategy.REASSEMBLE, Strategy.DEGRADED_START,
)  # fmt: skip
OF_RUNS = (Timer.KILLED, Timer.LIMIT, Timer.STALL)


class Steps:
    """Moves instances on."""

    def __init__(self, context: Context, subjects: Subjects) -> None:
        self.context = context
        self.subjects = subjects

    def settle(self) -> None:
        """Look at the instances that were touched, until none is left."""
        context, machine = self.context, self.context.machine
        for _ in range(STEP_LIMIT):
            if not machine.dirty:
                return
            for instance in machine.take_dirty():
                if not rules.settle(context, instance) and instance.state is READY:
                    self._go_on(instance)
                if machine.left:
                    self.release()

    def _go_on(self, instance: Instance) -> None:
        """Have its handler take an instance further that is ready."""
        context = self.context
        manner = context.handlers.manner(instance)
        if not self.may_start(manner.late) or context.machine.must_wait(instance):
            return
        if manner.beside:
            instance.reason = "waits until nothing is at work for root"
            return
        if context.goals.resuming and manner.writes:
            instance.reason = "waits until it is known whether a hibernated system is resumed"
            return
        reason, idle = instance.reason, instance.idle
        context.handlers.of(instance).ready(context, instance)
        if instance.state is READY and (instance.reason != reason or instance.idle is not idle):
            context.current.stir(instance.hold)

    def release(self) -> None:
        """Have instances let go of everything that are not pending any more."""
        context = self.context
        while context.machine.left:
            instance = context.machine.left.pop(0)
            if (handler := context.handlers.used(instance)) is not None:
                handler.left(context, instance)
            for hook in context.technologies.left:
                if names := hook(context, instance):
                    self.subjects.look_at_all(names)

    def may_start(self, late: bool = False) -> bool:
        """True unless root is left alone, or all is mounted.

        Then only named volumes go on, and what is `late`, while the handover waits for it.
        """
        context = self.context
        if context.goals.handed_over or context.settings.refusal:
            return False
        if context.breakpoints.wanted and context.breakpoints.stop(BreakPoint.START):
            return False
        if not context.goals.complete or handover.named_pending(context):
            return True
        return late and handover.is_kept(context)

    def ended(self, event: JobEnded) -> None:
        """A command or mount has ended, or is given up."""
        context, machine = self.context, self.context.machine
        key, run = event.job, event.run
        instance = machine.find(key)
        if instance is None:
            return
        if machine.bury(key, run):
            self._buried(instance, event)
            return
        if instance.run != run or instance.state is not RUNNING:
            return  # withdrawn or abandoned meanwhile
        machine.timers.cancel_all(OF_RUNS, key)
        context.handlers.of(instance).ended(context, instance, event)
        if machine.left:
            self.release()
        for hook in context.technologies.ended:
            if names := hook(context, instance):
                self.subjects.look_at_all(names)
        if instance.definition.name in self.subjects.index.renewing:
            self._renew(instance)
        if instance.definition.reads and instance.subject is not None:
            # A start may wait until it is known what is missing.
            context.machine.touch_on(instance.subject)
        if instance.published and instance.subject is not None:
            self.subjects.look_at(instance.subject, context.devices.get(instance.subject))
            self.subjects.look_above(instance.subject)

    def _renew(self, ended: Instance) -> None:
        """Have jobs run again that a job file has renewed after this one."""
        context, subject = self.context, ended.subject
        if subject is None:
            return
        name = ended.definition.name
        device = context.devices.get(subject)
        for each in (subject, *(sorted(device.slaves) if device is not None else ())):
            for other in context.machine.on(each):
                if other is not ended and name in other.definition.renew:
                    other.outdated = True
                    context.machine.touch(other)

    def _buried(self, instance: Instance, event: JobEnded) -> None:
        """The command of a former life has ended: what waited for that may run."""
        self.context.machine.timers.cancel_all((Timer.ORPHAN, Timer.KILLED), instance.key)
        if (handler := self.context.handlers.used(instance)) is not None:
            handler.landed(self.context, instance, event)
        machine = self.context.machine
        machine.touch(instance)
        for strategy in AFTER_ORPHANS:
            machine.touch_all(machine.pending(strategy))

    def timer(self, timer: Timer, instance: Instance) -> None:
        """A timer of an instance is due."""
        context, machine = self.context, self.context.machine
        match timer:
            case Timer.LIMIT:
                rules.stop_overdue(context, instance)
            case Timer.STALL:
                rules.stall(context, instance)
                machine.touch_all(machine.on(instance.subject))
            case Timer.UNREADY:
                machine.forget_unready(instance)
            case Timer.ORPHAN:
                if machine.orphaned(instance):
                    rules.stop(context, instance)
            case Timer.KILLED:
                # Go on without a command that not even SIGKILL has ended: it holds nothing any
                # more. Should it end after all, its instance has another run.
                self.ended(rules.left_behind(instance))
            case Timer.ABSENT | Timer.ANSWER | Timer.ATTEMPT:
                context.handlers.of(instance).timer(context, instance, timer)
            case _:
                pass
        machine.touch(instance)
