"""The Boot: one event and the time in, actions out.

Everything that the product promises about order, deadlines and degraded
starts is decided here and in the strategies it calls. It keeps no history
that matters: a new Boot that is told the present devices and mounts goes on
where another one stopped (R5).

    boot = Boot(settings, jobs)
    for action in boot.handle(BootStarted(), now): ...
"""

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from initpy.core.actions import Action, Arm, HandOver
from initpy.core.devices.graph import Device, DeviceGraph
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
    Mounted,
    Progressed,
    RetryAsked,
    ShellEnded,
    TimePassed,
    WaitAsked,
)
from initpy.core.failure import outcome as failing
from initpy.core.goals import handover as leaving
from initpy.core.goals import mounts as mounting
from initpy.core.goals import naming as roles
from initpy.core.machine.context import HOST, SYSROOT, State
from initpy.core.machine.definitions import Index, JobDefinition, Layer, Strategy, index_of
from initpy.core.machine.instance import Instance, JobState, Stimulus, name_of
from initpy.core.machine.rules import (
    crowded,
    ended,
    left_behind,
    run_now,
    settle,
    stop_overdue,
    take_from_queue,
)
from initpy.core.machine.timers import Timer
from initpy.core.people import breakpoints as pausing
from initpy.core.settings import BreakPoint, Settings
from initpy.core.storage import assembly as degraded
from initpy.core.storage import degraded_mount as partial
from initpy.core.tree import Node
from initpy.core.unlock.race import Unlocker, drop_prompt, next_prompt

if TYPE_CHECKING:
    from initpy.core.storage.lvm import Groups

# The strategies of LVM.
GROUPS = (Strategy.GROUP_SCAN, Strategy.GROUP_ACTIVATE, Strategy.GROUP_START)
# A fixed point is reached in a handful of steps per instance; more is a bug of ours.
STEP_LIMIT = 10_000


class Boot:
    """The state machine of one boot; pure: no clock, no files, no processes."""

    def __init__(
        self, settings: Settings, jobs: Iterable[JobDefinition], index: Index | None = None
    ) -> None:
        """`index`: of just these jobs, for those who make many boots."""
        self._index = index_of(tuple(jobs)) if index is None else index
        keys = self._index.awaited.union(roles.indexed(settings.root))
        # What happens in which order must not hang on the hashes of this interpreter (R34).
        self._keys = sorted(keys)
        self._state = State(settings, devices=DeviceGraph(keys))
        self._unlocker = Unlocker()
        self._lvm: Groups | None = None
        self._armed: float | None = None
        self._told: dict[str, Device] = {}  # the devices as the events told them
        self._steps: dict[Strategy, Callable[[State, Instance], None]] = {
            Strategy.RUN: run_now,
            Strategy.UNLOCK: self._unlocker.step,
            Strategy.DEGRADED_START: degraded.step,
            Strategy.OFFER_AGAIN: degraded.step_again,
            **dict.fromkeys(GROUPS, self._group_step),
            Strategy.CHECK: self._check_step,
            Strategy.MOUNT_ROOT: mounting.step,
            Strategy.MOUNT_PARTIAL: partial.step,
            Strategy.MOUNT_HOST: mounting.step_host,
            Strategy.MOUNT_FURTHER: mounting.step_further,
        }
        self._ends: dict[Strategy, Callable[[State, Instance, JobEnded], None]] = {
            Strategy.UNLOCK: self._unlocker.ended,
            Strategy.DEGRADED_START: degraded.ended,
            **dict.fromkeys(GROUPS, self._group_ended),
            Strategy.CHECK: self._check_ended,
        }

    @property
    def handed_over(self) -> bool:
        """True once the root was handed over: nothing is started any more."""
        return self._state.handed_over

    def explain(self, now: float) -> Node:
        """The tree of what root needs, with states and reasons, as of `now`."""
        from initpy.core.failure.explain import explain  # most boots never show a tree

        self._state.now = now
        return explain(self._state)

    def handle(self, event: Event, now: float) -> tuple[Action, ...]:
        """Take an event at time `now` (seconds, never going back); return what is to be done."""
        state = self._state
        state.now = max(now, state.now)
        if isinstance(event, DeviceChanged) and self._says_nothing_new(event.device):
            return ()
        self._take(event)
        self._settle()
        failing.tell_clocks(state)
        actions, state.actions = tuple(state.actions), []
        armed = self._next_time()
        if armed != self._armed:
            self._armed = armed
            actions += (Arm(armed),)
        return actions

    def _says_nothing_new(self, device: Device) -> bool:
        """True where the rules have come to rest with just this device, and no time is due.

        Devices are told again and again: whenever a tool has ended that worked on them.
        """
        due = self._armed is not None and self._armed <= self._state.now
        return not due and self._told.get(device.name) == device

    def _group_step(self, state: State, instance: Instance) -> None:
        if self._lvm is None:
            from initpy.core.storage.lvm import Groups  # most machines have no LVM

            self._lvm = Groups()
        self._lvm.step(state, instance)

    def _group_ended(self, state: State, instance: Instance, event: JobEnded) -> None:
        if self._lvm is not None:
            self._lvm.ended(state, instance, event)

    # Not every file system is checked.

    def _check_step(self, state: State, instance: Instance) -> None:
        from initpy.core.goals import fsck as checking

        checking.step(state, instance)

    def _check_ended(self, state: State, instance: Instance, event: JobEnded) -> None:
        from initpy.core.goals import fsck as checking

        checking.ended(state, instance, event)

    # Taking events in

    def _take(self, event: Event) -> None:
        state = self._state
        match event:
            case BootStarted():
                state.began = state.now
                failing.start_clock(state)
                for job in self._index.on_boot:
                    self._instance(job, None)
            case DeviceChanged(device):
                self._device_changed(device)
            case Enumerated(devices):
                names = {each.name for each in devices}
                for name in [each.name for each in state.devices if each.name not in names]:
                    self._device_removed(name)
                for device in devices:
                    self._device_changed(device)
            case DeviceRemoved(name):
                self._device_removed(name)
            case JobEnded():
                self._job_ended(event)
            case Progressed():
                from initpy.core.goals import fsck as checking

                checking.progressed(state, event)
            case Mounted(target, source, further):
                state.mounted[target] = source
                if target == HOST and state.settings.image is not None:
                    self._look_at_all(roles.refresh_host(state, state.settings.image))
                if target == SYSROOT:
                    state.further = mounting.further(state, further)
                state.complete = SYSROOT in state.mounted and not state.unmounted()
                if state.further:
                    # The marks go on to the next places when these are seen to be done.
                    state.touch_all(state.instances.values())
                    self._settle_dirty()
                    self._look_at_all(roles.refresh_all(state))
                if state.complete:
                    failing.stop_clock(state)
                elif target == SYSROOT:
                    failing.restart_clock(state)
                state.touch_all(state.instances.values())
            case Answered(asked):
                self._answered(asked, event)
            case Fetched():
                self._unlocker.fetched(state, event)
            case HandOverRefused(reason):
                state.handed_over = False
                state.refused = reason
                failing.fail(state, reason)
            case ShellEnded():
                if state.paused is None:
                    failing.try_again(state, self._unlocker, "the shell has ended")
                else:
                    pausing.go_on(state)
            case RetryAsked() | WaitAsked() | KeyGiven():
                from initpy.core.people import requests  # only where a person has a shell

                requests.handle(state, self._unlocker, event)
            case TimePassed():
                self._armed = None  # it has gone off, whether it was the one meant or an older one

    def _device_changed(self, device: Device) -> None:
        state = self._state
        self._told[device.name] = device
        before = state.devices.get(device.name)
        state.devices.update(device)
        self._look_at_all(roles.refresh(state, device.name))
        self._look_at_all(degraded.changed(state, device.name))
        self._look_at(device.name, before)
        self._look_at_all(degraded.half_made(state, device.name))
        self._unlocker.device_changed(state, device)

    def _look_at_all(self, names: Iterable[str]) -> None:
        """Devices that are meant for something now, or no longer."""
        for name in names:
            self._look_at(name, self._state.devices.get(name))

    def _look_at(self, name: str, before: Device | None) -> None:
        """Create the instances that match and look at those that this device may concern."""
        state = self._state
        device = state.devices.get(name)
        if device is None:
            return
        properties, index = device.properties, self._index.by_property
        for key in [each for each in properties if each in index]:
            for filed in (properties[key], None):
                for job in index[key].get(filed, ()):
                    if job.match.accepts(properties):
                        self._instance(job, name)
        state.touch_all(state.by_subject.get(name, ()))
        lower = device.slaves | (before.slaves if before else frozenset())
        for each in sorted(lower):
            state.touch_all(state.by_subject.get(each, ()))
        self._wake_awaiting(before)
        self._wake_awaiting(device)

    def _wake_awaiting(self, device: Device | None) -> None:
        if device is None:
            return
        for key in self._keys:
            for name in sorted(self._state.awaiting.get((key, device.properties.get(key, "")), ())):
                self._state.touch(self._state.instances[name])

    def _device_removed(self, name: str) -> None:
        state = self._state
        self._told.pop(name, None)
        before = state.devices.get(name)
        if before is not None and "md/array_state" in before.properties:
            degraded.gone(state, before)
        state.devices.remove(name)
        if self._lvm is not None:
            self._lvm.forget(state, before)
        self._look_at_all(roles.refresh(state, name))
        self._look_at_all(degraded.changed(state, name))
        for instance in state.by_subject.get(name, ()):
            drop_prompt(state, instance, f"{name} is gone")
            degraded.drop_question(state, instance, f"{name} is gone")
            self._unlocker.forget(state, instance)
            degraded.forget(state, instance)
            instance.failures, instance.published, instance.succeeded = 0, False, False
            if instance.state is not JobState.WITHDRAWN:
                state.move(instance, Stimulus.GONE, f"{name} is gone")
        for lower in sorted(before.slaves) if before else ():
            state.touch_all(state.by_subject.get(lower, ()))
        self._unlocker.sources.device_removed(state, name)
        self._wake_awaiting(before)

    def _instance(self, job: JobDefinition, subject: str | None) -> None:
        state = self._state
        if name_of(job, subject) in state.instances:
            return
        instance = Instance(job, subject, since=state.now)
        if subject is not None:  # the caller has compared them
            instance.seen, instance.fits = state.devices.get(subject), True
        state.instances[instance.key] = instance
        if job.reveals:
            state.revealing.append(instance)
        if subject is not None:
            state.by_subject.setdefault(subject, []).append(instance)
        for pair in state.awaited(instance):
            state.awaiting.setdefault(pair, set()).add(instance.key)
        state.touch(instance)

    def _job_ended(self, event: JobEnded) -> None:
        instance = self._state.instances.get(event.job)
        if instance is None or instance.run != event.run:
            return
        if instance.key in self._state.requests:
            failing.reply_to_unlock(self._state, self._unlocker, instance, event)
        if instance.state is not JobState.RUNNING:
            return  # withdrawn or abandoned meanwhile
        self._state.timers.cancel(Timer.KILLED, instance.key)
        strategy = instance.definition.strategy
        self._ends.get(strategy, ended)(self._state, instance, event)
        if strategy is Strategy.DEGRADED_START and instance.subject is not None:
            self._look_at_all(degraded.changed(self._state, instance.subject))
        if instance.definition.layer is Layer.MD and instance.subject is not None:
            self._look_at_all(degraded.half_made(self._state, instance.subject))
            self._state.touch_all(self._state.pending[Strategy.OFFER_AGAIN].values())
            if strategy is Strategy.OFFER_AGAIN:  # where it failed, the array is left as it is
                self._state.touch_all(self._state.by_subject[instance.subject])
        if strategy is Strategy.MOUNT_ROOT:
            # Where it has failed, another device of the same name has its turn.
            for each in (Strategy.CHECK, Strategy.MOUNT_ROOT):
                self._state.touch_all(self._state.pending[each].values())
        if instance.published and instance.subject is not None:
            degraded.published(self._state, instance)
            self._look_at(instance.subject, self._state.devices.get(instance.subject))
            for above in self._state.devices.holders(instance.subject):
                self._state.touch_all(self._state.by_subject.get(above.name, ()))

    def _abandon(self, instance: Instance) -> None:
        """Go on without a command that not even SIGKILL has ended: it holds nothing any more.

        Should it end after all, its instance does not run any more, or has another run.
        """
        if instance.state is JobState.RUNNING:
            self._job_ended(left_behind(instance))

    def _answered(self, job: str, event: Answered) -> None:
        instance = self._state.instances.get(job)
        if instance is None:
            event.secret.wipe()
        elif instance.definition.strategy is Strategy.DEGRADED_START:
            degraded.answered(self._state, instance, event)
        else:
            self._unlocker.answered(self._state, instance, event)

    # Applying the rules to a fixed point

    def _settle(self) -> None:
        state = self._state
        due = state.timers.pop_due(state.now)
        for _ in range(STEP_LIMIT):
            for timer, key in due:
                self._timer(timer, key)
            self._settle_dirty()
            for name in sorted(state.unsettled):
                self._look_at_all(degraded.half_made(state, name))
            if state.queue:
                take_from_queue(state)
            if self._may_start():
                next_prompt(state, self._unlocker)
                degraded.ask(state)
            self._hand_over_when_ready()
            failing.check(state)
            # One that was armed for this very moment would be armed for ever: nobody calls again.
            due = state.timers.pop_due(state.now)
            if not state.dirty and not due:
                return
        raise RuntimeError("the rules do not come to rest: " + ", ".join(state.dirty))

    def _settle_dirty(self) -> None:
        state, dirty, instances = self._state, self._state.dirty, self._state.instances
        for _ in range(STEP_LIMIT * (1 + len(instances))):
            if not dirty:
                return
            key = next(iter(dirty))
            del dirty[key]
            instance = instances[key]
            if settle(state, instance):
                if not instance.pending:
                    self._let_go(instance)
            elif (
                instance.state is JobState.READY
                and self._may_start()
                and not crowded(state, instance)
            ):
                self._steps[instance.definition.strategy](state, instance)

    def _let_go(self, instance: Instance) -> None:
        """What an instance that is not pending any more must not keep."""
        strategy = instance.definition.strategy
        if strategy is Strategy.UNLOCK:
            drop_prompt(self._state, instance, instance.reason)
            if instance.state is not JobState.FAILED:
                self._unlocker.let_go(self._state, instance)
        elif strategy in degraded.DELAYED:
            degraded.drop_question(self._state, instance, instance.reason)
            self._state.deadlines.pop(degraded.deadline_name(instance), None)
            if instance.state is JobState.DONE and instance.run:
                failing.give_time(self._state)
        if self._lvm is not None:
            self._lvm.wake(self._state)

    def _timer(self, timer: Timer, key: str) -> None:
        state = self._state
        if timer is Timer.NOTICE:
            failing.notice(state)
        elif timer is Timer.ALONE:
            state.alone = True
            self._look_at_all(roles.refresh(state, ""))
        elif timer is Timer.COUNTDOWN:
            failing.count_down(state)
        elif key in state.instances:
            if timer is Timer.LIMIT:
                stop_overdue(state, state.instances[key])
            elif timer is Timer.KILLED:
                self._abandon(state.instances[key])
            elif timer in (Timer.ABSENT, Timer.ANSWER):
                self._unlocker.timer(state, timer, state.instances[key])
            state.touch(state.instances[key])

    def _hand_over_when_ready(self) -> None:
        """Hand over once root is mounted, named volumes are open (R1) and no tool is at work."""
        state = self._state
        if not state.complete or state.handed_over or state.refused:
            return
        if leaving.must_wait(state):
            return
        if pausing.paused(state, BreakPoint.HAND_OVER):
            return
        state.handed_over = True
        for key in tuple(state.prompts):
            drop_prompt(state, state.instances[key], "the root file system is mounted")
        for key in tuple(state.questions):
            degraded.drop_question(state, state.instances[key], "the root file system is mounted")
        degraded.record(state)
        self._unlocker.wipe(state)
        state.act(HandOver(SYSROOT, state.settings.init))

    def _may_start(self) -> bool:
        """Once root is mounted, only what named volumes need is still begun."""
        state = self._state
        if state.handed_over:
            return False
        if state.settings.breaks and pausing.paused(state, BreakPoint.START):
            return False
        return not state.complete or leaving.named_pending(state)

    def _next_time(self) -> float | None:
        state = self._state
        if state.handed_over:
            return None
        first = state.timers.next()
        for due, _ in state.clocks.values():
            # One that is over has been looked at: the next event may use it, the time alone cannot
            # (once root is mounted, no array is started for it any more).
            if due is not None and due > state.now and (first is None or due < first):
                first = due
        return first
