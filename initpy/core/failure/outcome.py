"""The root-wait clock, what holds each deadline, and what happens when root does not come."""

import math

from initpy.core.actions import Clock, EndBoot, LookAgain, OpenShell, Reply, ShowFailure
from initpy.core.events import JobEnded
from initpy.core.goals import mounts as mounting
from initpy.core.machine.context import SYSROOT, State
from initpy.core.machine.definitions import Strategy
from initpy.core.machine.instance import Instance, JobState, Stimulus
from initpy.core.machine.timers import Timer
from initpy.core.settings import Emergency
from initpy.core.storage import assembly as degraded
from initpy.core.unlock.race import WRONG_PASSPHRASE, Source, Unlocker, specification
from initpy.core.waiting.deadline import Deadline
from initpy.core.waiting.holds import END, NOBODY, ROOT_WAIT, first, held, holds

NOTICE_SECONDS = 10.0
MOUNTS = (
    Strategy.CHECK,
    Strategy.MOUNT_ROOT,
    Strategy.MOUNT_PARTIAL,
    Strategy.MOUNT_FURTHER,
)
# At which of these people are told what is waited for: less and less often.
NOTICES, NOTICES_EVERY = (1, 3, 7, 15), 16
# The failure screen is to be read as a whole: so many stacks of devices, then "more".
SCREEN_STACKS = 8
# When people are told how soon the machine restarts, in seconds before.
ROUNDING = 1e-3  # of sums of times
COUNTDOWN = (60, 30, 20, 10, 5, 4, 3, 2, 1)


def start_clock(state: State) -> None:
    """Arm the root-wait clock (R6); a restarted engine starts it anew."""
    if state.settings.root is None:
        fail(state, "the command line names no root device (root=)")
        return
    state.report(f"waiting for root, {state.settings.root}", detail=True)
    state.waiting_since, state.notices = state.now, 0
    if state.settings.root_wait is not None:
        clock = Deadline(ROOT_WAIT, state.settings.root_wait, state.settings.grace)
        state.deadlines[ROOT_WAIT] = clock
    state.timers.start(Timer.NOTICE, "", state.now + NOTICE_SECONDS)


def stop_clock(state: State) -> None:
    """Root is mounted: neither the wait nor the end of the boot is due any more."""
    state.deadlines.pop(ROOT_WAIT, None)
    state.deadlines.pop(END, None)
    state.report(f"root is mounted, from {state.mounted[SYSROOT]}", detail=True)


def restart_clock(state: State) -> None:
    """Root is mounted, and what belongs below it has a little time of its own at least."""
    state.overdue = False
    give_time(state)
    state.report(f"root is mounted, waiting for {mounting.missing(state)}", detail=True)


def give_time(state: State) -> None:
    """Something was started without its missing parts: what it reveals is still to show (R7)."""
    if (clock := state.deadlines.get(ROOT_WAIT)) is not None:
        clock.extend(state.settings.grace, state.now)


def notice(state: State) -> None:
    """From time to time look for what was missed, and tell people that the boot still waits.

    Never into a prompt.
    """
    if state.handed_over or state.complete:
        return
    state.timers.start(Timer.NOTICE, "", state.now + NOTICE_SECONDS)
    state.act(LookAgain())
    if state.failed:
        return
    clock = state.deadlines.get(ROOT_WAIT)
    over = clock is not None and clock.over(state.now)  # the failure screen comes at once
    state.notices += 1
    told = state.notices in NOTICES or state.notices % NOTICES_EVERY == NOTICES[-1]
    if told and state.asking is None and state.settings.root is not None and not over:
        state.report(f"still waiting for {mounting.missing(state)}{_clocks(state)}")


def _clocks(state: State) -> str:
    """How long root and other things will still be waited for, or what the boot is busy with."""
    clock = state.deadlines.get(ROOT_WAIT)
    said = ""
    if clock is not None:
        holder = next(holds(state, clock), None)
        said = (
            f": {holder.owner} ({holder.reason}){_standstill(state, holder.owner)}"
            if holder
            else f", {clock.left(state.now):.0f} s left"
        )
    for other in state.deadlines.values():
        if other is not clock and not other.held:
            said += f"; {other.name}, {other.left(state.now):.0f} s left"
    return said


def _standstill(state: State, owner: str) -> str:
    """What there is to say of a check that does not get on."""
    instance = state.instances.get(owner)
    if instance is None or instance.definition.strategy is not Strategy.CHECK:
        return ""
    from initpy.core.goals.fsck import standstill

    said = standstill(state, instance)
    return f"; {said}" if said else ""


def check(state: State) -> None:
    """Bring the deadlines up to the present and act on those that are over."""
    if state.handed_over or state.complete:
        return
    over = False
    for deadline in state.deadlines.values():
        deadline.holder = holder = first(state, deadline)
        deadline.update(holder != NOBODY, state.now)
        over = over or (holder == NOBODY and deadline.over(state.now))
    if over:
        _act(state)
    elif state.gave_up:
        _fail_if_mount_failed(state)


def tell_clocks(state: State) -> None:
    """Note in the journal which deadlines have begun, are held by somebody else, or have ended."""
    for name, deadline in state.deadlines.items():
        now = deadline.due(), deadline.holder
        if state.clocks.get(name) != now:
            state.clocks[name] = now
            state.act(Clock(name, deadline.left(state.now), *deadline.holder))
    if len(state.clocks) > len(state.deadlines):
        for name in [each for each in state.clocks if each not in state.deadlines]:
            del state.clocks[name]
            state.act(Clock(name, None))


def _act(state: State) -> None:
    for instance in _delayed(state):
        timer = state.deadlines.get(degraded.deadline_name(instance))
        if timer is not None and timer.over(state.now):
            state.touch(instance)
            # One at a time: what it reveals may be what the others wait for.
            return
    root, end = state.deadlines.get(ROOT_WAIT), state.deadlines.get(END)
    if root is not None and root.over(state.now):
        state.overdue = True
        if not _fire_pending(state, root):
            del state.deadlines[ROOT_WAIT]
            fail(state, _not_come(state))
    else:
        _fail_if_mount_failed(state)
    if end is not None and end.over(state.now):
        del state.deadlines[END]
        state.act(EndBoot(state.ending, state.reboot or "the boot has failed"))


def _delayed(state: State) -> list[Instance]:
    """What is started, or mounted, without its missing parts after a timer of its own."""
    return [each for strategy in degraded.DELAYED for each in state.pending[strategy].values()]


def _not_come(state: State) -> str:
    if SYSROOT not in state.mounted:
        return f"the root device has not turned up: {state.settings.root}"
    return f"the root is mounted, but this has not turned up: {mounting.missing(state)}"


def _fire_pending(state: State, root: Deadline) -> bool:
    """On the root deadline degraded starts come first, and the wait goes on (R7)."""
    delayed = _delayed(state)
    waiting = [
        each
        for each in delayed
        if each.state is JobState.READY and degraded.deadline_name(each) in state.deadlines
    ]
    if not waiting:
        if under_way := any(each.busy for each in delayed):
            root.extend(state.settings.grace, state.now)
        return under_way
    # Those of another host, which have the longest timer, come last (R9).
    waiting.sort(key=lambda each: state.deadlines[degraded.deadline_name(each)].duration)
    root.extend(state.settings.grace, state.now)
    for instance in waiting:
        if not held(state, state.deadlines[degraded.deadline_name(instance)]):
            state.forced.add(instance.key)
            state.touch(instance)
            break
    return True


def _fail_if_mount_failed(state: State) -> None:
    if not state.failed and (broken := _mount_failed(state)):
        fail(state, f"{state.describe(broken)}: {broken.reason}")


def _mount_failed(state: State) -> Instance | None:
    places = {SYSROOT, *(SYSROOT + each.target for each in state.further)} - state.mounted.keys()
    for device in sorted(state.devices_for(places)):
        for instance in state.by_subject.get(device, ()):
            given_up = instance.failures >= instance.definition.tries
            mounts = instance.definition.strategy in MOUNTS
            if mounts and instance.state is JobState.FAILED and given_up:
                return instance
    return None


def fail(state: State, reason: str) -> None:
    """Show why, then open the shell or end the boot as people asked; waiting goes on (R23, R24)."""
    state.failed = True
    from initpy.core.failure.advice import advise  # a boot that succeeds needs neither
    from initpy.core.failure.explain import explain

    state.act(ShowFailure(reason, explain(state, SCREEN_STACKS), advise(state)))
    settings = state.settings
    if settings.emergency is not Emergency.WAIT:
        delay = f" in {settings.emergency_delay:.0f} s" if settings.emergency_delay else ""
        state.report(f"{settings.emergency.value}{delay}, unless the root turns up")
        _start_countdown(state, settings.emergency_delay)
    elif settings.shell:
        state.act(OpenShell())
    else:
        state.report("no shell (rd.shell=0); the boot goes on if the root turns up")


def restart(state: State, reason: str, seconds: float) -> None:
    """Restart the machine in a while, for a reason that is no failure; there may be a shell."""
    state.failed, state.reboot = True, reason
    state.report(f"{reason}: reboot in {seconds:.0f} s")
    _start_countdown(state, seconds)
    if state.settings.shell:
        state.act(OpenShell())


def call_off(state: State) -> None:
    """A person wants the boot to go on: it neither has failed nor ends."""
    state.failed, state.overdue, state.reboot = False, False, ""
    state.deadlines.pop(END, None)


def _start_countdown(state: State, seconds: float) -> None:
    end = Deadline(END, seconds, grace=state.settings.grace)
    state.deadlines[END] = end
    end.update(False, state.now)
    _arm_countdown(state, end)


def _arm_countdown(state: State, end: Deadline) -> None:
    left = end.left(state.now)
    following = next((each for each in COUNTDOWN if each < left - ROUNDING), None)
    if following is not None:
        state.timers.start(Timer.COUNTDOWN, "", state.now + left - following)


def count_down(state: State) -> None:
    """Tell people how soon the machine restarts; nothing is told while somebody holds it."""
    end = state.deadlines.get(END)
    if end is None or state.handed_over:
        return
    if end.held:
        state.timers.start(Timer.COUNTDOWN, "", state.now + 1.0)
        return
    state.report(f"{state.ending.value} in {math.ceil(end.left(state.now) - ROUNDING)} s")
    _arm_countdown(state, end)


def reply_to_unlock(state: State, unlocker: Unlocker, instance: Instance, event: JobEnded) -> None:
    """Tell the person who gave a key what came of it."""
    if event.status != 0 and unlocker.of(instance).source is not Source.TYPED:
        return  # a key of the volume was tried first
    request = state.requests.pop(instance.key)
    if event.status == WRONG_PASSPHRASE:
        text = "that does not open it"
    else:
        text = event.error or f"failed with status {event.status}"
    done, name = event.status == 0, specification(state, instance).name
    state.act(Reply(request, done, f"{name}: {'unlocked' if done else text}"))


def try_again(state: State, unlocker: Unlocker, why: str) -> None:
    """Whatever had failed may be tried again, and root is waited for afresh."""
    state.refused = ""
    call_off(state)
    for instance in state.instances.values():
        if instance.state is JobState.FAILED:
            instance.failures = 0
            unlocker.forget(state, instance)
            state.move(instance, Stimulus.RETRY, f"tried again: {why}")
    if not state.complete:
        state.report(f"{why}: waiting again for {mounting.missing(state)}")
        start_clock(state)
