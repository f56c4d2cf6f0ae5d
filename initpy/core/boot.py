"""The Boot: one event and the time in, actions out.

Everything that the product promises about order, deadlines and degraded starts is decided here
and in the handlers that it calls. It keeps no history that matters: a new Boot that is told the
present devices and mounts goes on where another one stopped (R5).

    boot = Boot(settings, jobs)
    for action in boot.handle(BootStarted(), now): ...

An event is taken in by the owner of what it is about, which touches the instances that it may
concern; then the rules and the handlers are applied until nothing moves any more, and what is
due by time is done.
"""

from collections.abc import Iterable

from initpy.core.actions import Action, Arm
from initpy.core.devices.graph import MAPPING_NAME, DeviceGraph
from initpy.core.events import (
    Answered,
    BootStarted,
    DeviceChanged,
    DeviceRemoved,
    Enumerated,
    Event,
    Fetched,
    HandOverRefused,
    JobEnded,
    KeyGiven,
    KeyPressed,
    Mounted,
    Progressed,
    RetryAsked,
    ShellEnded,
    TimePassed,
    WaitAsked,
)
from initpy.core.explanation import Node
from initpy.core.failure import ending, notice
from initpy.core.goals import gpt_auto, handover, mounts, naming
from initpy.core.jobs.definitions import Index, JobDefinition, index_of
from initpy.core.jobs.goal import all_reached
from initpy.core.jobs.handler import Handlers
from initpy.core.jobs.technology import Technologies
from initpy.core.jobs.timers import Timer
from initpy.core.registry import Registry
from initpy.core.settings import Settings
from initpy.core.state.context import Context
from initpy.core.state.goals import HOST, SYSROOT
from initpy.core.steps import Steps
from initpy.core.subjects import Subjects
from initpy.core.waiting import clock

# A fixed point is reached in a handful of steps per instance; more is a bug of ours.
STEP_LIMIT = 10_000
# A boot that has root so soon checks no other file system.
QUICK_SECONDS = 1.0


class Boot:
    """The state machine of one boot; pure: no clock, no files, no processes."""

    def __init__(
        self,
        settings: Settings,
        jobs: Iterable[JobDefinition],
        index: Index | None = None,
        registry: Registry | None = None,
    ) -> None:
        """`index`: of just these jobs, for those who make many boots."""
        self._index = index_of(tuple(jobs)) if index is None else index
        if settings.network is not None and settings.root is None:
            from initpy.core.network import exports  # most roots are on disks

            settings = settings._replace(root=exports.name_of(settings.network))
        parts = registry or Registry()
        keys = {*self._index.awaited, *gpt_auto.indexed(settings.root), MAPPING_NAME}
        self._context = Context(
            settings,
            DeviceGraph(frozenset(keys)),
            Handlers(parts.manners),
            Technologies(parts.technologies),
            parts.goals,
        )
        self._subjects = Subjects(self._context, self._index)
        self._steps = Steps(self._context, self._subjects)
        self._armed: float | None = None

    @property
    def handed_over(self) -> bool:
        """True once the root was handed over: nothing is started any more."""
        return self._context.goals.handed_over

    def explain(self, now: float) -> Node:
        """The tree of what root needs, with states and reasons, as of `now`."""
        from initpy.core.failure.explain import explain  # most boots never show a tree

        self._context.come_to(now)
        return explain(self._context)

    def handle(self, event: Event, now: float) -> tuple[Action, ...]:
        """Take an event at time `now` (seconds, never going back); return what is to be done."""
        if isinstance(event, DeviceChanged) and self._says_nothing_new(event, now):
            return ()
        context = self._context
        context.come_to(now)
        self._take(event)
        self._settle()
        context.deadlines.tell()
        actions = context.current.take_actions()
        armed = None if context.goals.handed_over else context.machine.timers.next()
        if armed != self._armed:
            self._armed = armed
            actions += (Arm(armed),)
        return actions

    def _says_nothing_new(self, event: DeviceChanged, now: float) -> bool:
        """True where the rules have come to rest with just this device, and no time is due.

        Devices are told again and again: whenever a tool has ended that worked on them.
        """
        if not self._subjects.is_known(event.device):
            return False
        if self._context.machine.any_failed_on(event.device.name):
            return False  # it may have been away, and can be read again
        return self._armed is None or self._armed > now

    # Taking events in

    def _take(self, event: Event) -> None:
        context = self._context
        match event:
            case DeviceChanged():  # the most frequent first
                self._subjects.changed(event.device)
            case JobEnded():
                self._steps.ended(event)
            case BootStarted(resume_over):
                self._start(resume_over)
            case Enumerated(devices):
                context.goals.enumerated = True
                self._subjects.enumerated(devices)
            case DeviceRemoved(name):
                device = context.devices.get(name)
                ours = device is not None and device.kind.declared
                if not ours:  # the core's own: udev knows nothing of it
                    self._subjects.removed(name)
            case Progressed():
                from initpy.core.goals import fsck  # not every file system is checked

                fsck.progressed(context, event)
            case Mounted():
                self._mounted(event)
            case Answered(asked):
                self._answered(asked, event)
            case Fetched():
                from initpy.core.unlock import attempts

                attempts.fetched(context, event)
            case HandOverRefused(reason):
                context.goals.refuse(reason)
                ending.fail(context, reason)
            case ShellEnded():
                self._shell_ended()
            case KeyPressed():
                ending.key_pressed(self._context)
            case RetryAsked() | WaitAsked() | KeyGiven():
                from initpy.core.people import requests  # only where a user has a shell

                requests.handle(context, event)
            case TimePassed():
                self._armed = None  # it has gone off, whether it was the one meant or an older one
            case _:
                from initpy.core.network import technology as network  # most roots are on disks

                network.take(context, event)

    def _start(self, resume_over: bool) -> None:
        """The engine runs (again)."""
        if resume_over:
            self._context.goals.rule_out_resume()
        self._context.current.began = self._context.now
        ending.start_clock(self._context)
        if self._context.settings.other_checks:
            timers = self._context.machine.timers
            timers.start(Timer.QUICK, "", self._context.now + QUICK_SECONDS)
        if self._context.settings.network is not None:
            from initpy.core.network import technology as network  # most roots are on disks

            for device in network.begin(self._context, self._index):
                self._subjects.changed(device)
        if self._context.settings.narrowed:
            from initpy.core import below_root  # many command lines name nothing that leads to root

            below_root.widen_by_parameters(self._context)
        for job in self._index.on_boot:
            if self._context.machine.find(job.name) is None:
                self._subjects.add(job, None)

    def _mounted(self, event: Mounted) -> None:
        """Something is mounted: root, what its file is on, or what belongs below it."""
        context, goals = self._context, self._context.goals
        image = context.settings.image
        goals.mount(event.target, event.source)
        if goals.resuming:  # an engine before this one has mounted it: it is too late (R5)
            goals.rule_out_resume()
        if event.target == HOST and image is not None:
            self._subjects.look_at_all(naming.refresh_host(context, image))
        if event.target == SYSROOT:
            goals.want(mounts.extra_mounts(context, event.extra_mounts))
            if event.link_files:
                from initpy.core.network.linkfiles import Found  # a boot without a network has none

                context.technologies.own(Found).files = event.link_files
            if goals.extra_mounts:
                from initpy.core import below_root  # most roots are all there is

                below_root.widen(context, goals.extra_mounts)
            if goals.checked_others:
                from initpy.core.goals import other_checks

                other_checks.root_is_mounted(context, event)
        if goals.extra_mounts:
            # The marks go on to the next places when these are seen to be done.
            context.machine.touch_unsettled()
            self._steps.settle()
            self._subjects.look_at_all(naming.refresh_all(context))
        if event.target == SYSROOT and not self._reached():
            ending.restart_clock(context)
        context.machine.touch_unsettled()

    def _reached(self) -> bool:
        """True once every goal is reached; then neither root's wait nor an end is due any more."""
        context, goals = self._context, self._context.goals
        if goals.root_mounted and not goals.complete and all_reached(context, context.wanted):
            goals.reach(context.now)
            clock.stop(context)
            context.report(f"root is mounted, from {goals.mounted[SYSROOT]}", detail=True)
        return goals.complete

    def _answered(self, job: str, event: Answered) -> None:
        instance = self._context.machine.find(job)
        if instance is None:
            event.secret.wipe()
        else:
            self._context.handlers.of(instance).answered(self._context, instance, event)

    def _shell_ended(self) -> None:
        context = self._context
        if context.breakpoints.open:
            context.breakpoints.go_on()
            context.machine.touch_unsettled()
        else:
            ending.shell_ended(context)

    # Applying the rules to a fixed point

    def _settle(self) -> None:
        context, machine = self._context, self._context.machine
        due = machine.timers.pop_due(context.now)
        for _ in range(STEP_LIMIT):
            for timer, key in due:
                self._timer(timer, key)
            self._steps.settle()
            if context.derived.queued:
                self._take_derived()
            for unsettled in context.technologies.unsettled:
                if names := unsettled(context):
                    self._subjects.look_at_all(names)
            if machine.queued:
                machine.take_from_queue()
            if context.settings.breaks:
                self._steps.may_start()  # a stop is made where nothing is to be done, too
            if (context.prompts.queued or context.assemblies.confirming) and not machine.dirty:
                self._ask()
            if context.goals.resuming:
                from initpy.core.goals import resume  # most boots have nothing to resume

                resume.wait(context)
            if self._reached() and handover.when_ready(context):
                self._hand_over()
            ending.check(context)
            # Handle timers due now: no event will follow for them.
            due = machine.timers.pop_due(context.now)
            if not machine.dirty and not due and not context.derived.queued:
                if context.settings.other_checks and self._awaits_root():
                    from initpy.core.goals import other_checks  # a quick boot checks no others

                    other_checks.go_on(context)  # the last of all: nothing of root's is left to do
                return
        raise RuntimeError("the rules do not come to rest: " + ", ".join(machine.dirty))

    def _take_derived(self) -> None:
        """Subjects have come about, or are gone, that the core makes from others."""
        context, goals = self._context, self._context.goals
        for name, device in context.derived.take():
            if device is None:
                self._subjects.removed(name)
            else:
                self._subjects.changed(device)
        if goals.root_mounted and (news := mounts.listed_below(context)):
            goals.want(mounts.merged(goals.extra_mounts, news))
            self._subjects.look_at_all(naming.refresh_all(context))
            context.machine.touch_unsettled()

    def _awaits_root(self) -> bool:
        """True once root has not come for a while, or while the user is asked."""
        context = self._context
        awaited = context.prompts.asking is not None or not context.machine.timers.armed(
            Timer.QUICK, ""
        )
        return awaited and not context.goals.root_mounted

    def _ask(self) -> None:
        """Put the next prompt or question to the user."""
        context = self._context
        if not self._steps.may_start():
            return
        if context.prompts.queued:
            from initpy.core.unlock import asking

            asking.next_prompt(context)
        if context.assemblies.confirming:
            from initpy.core.people import confirmations

            confirmations.settle(context)

    def _timer(self, timer: Timer, key: str) -> None:
        context = self._context
        match timer:
            case Timer.DEADLINE:
                context.deadlines.expire(key)
            case Timer.NOTICE:
                notice.notice(context)
            case Timer.ALONE:
                context.goals.alone()
                self._subjects.look_at_all(naming.refresh(context, ""))
            case Timer.LINK:
                from initpy.core.network import technology as network

                network.timer(context, key)
            case Timer.COUNTDOWN:
                from initpy.core.waiting import countdown

                countdown.count(context)
            case _:
                if (instance := context.machine.find(key)) is not None:
                    self._steps.timer(timer, instance)

    def _hand_over(self) -> None:
        """Root, all that belongs below it and all named volumes are there: leave word, and go."""
        context = self._context
        for key in context.assemblies.confirming:
            context.prompts.drop(key, "the root file system is mounted")
        for leave_word in context.technologies.handover:
            leave_word(context)
        for handler in context.handlers.every():
            handler.handover(context)
        handover.switch_root(context)
