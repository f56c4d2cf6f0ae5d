"""The rules that every instance follows, whatever its strategy; applied to a fixed point."""

from initpy.core.actions import Run, Stop, Write
from initpy.core.devices.graph import Device
from initpy.core.devices.marks import LOOK
from initpy.core.events import JobEnded
from initpy.core.jobs.definitions import JobDefinition, Strategy
from initpy.core.jobs.hold_table import GRACE_SECONDS
from initpy.core.jobs.instance import (
    AWAITING,
    DONE,
    FAILED,
    READY,
    RUNNING,
    SKIPPED,
    WAITING,
    Instance,
    Stimulus,
)
from initpy.core.jobs.timers import Timer
from initpy.core.machine.templates import command as filled
from initpy.core.machine.templates import describe, filled_pattern, holds_true
from initpy.core.machine.wanted import awaits_job, disk_instead, partition_instead, unwanted
from initpy.core.secret import Secret
from initpy.core.state.context import Context
from initpy.core.state.looks import is_open, is_over

# How long the effect of a command that ended well may take to show: udev runs
# its rules on a loaded machine. Not a delay: nothing waits for it.
EFFECT_SECONDS = 20.0


def matches(instance: Instance, device: Device | None) -> bool:
    """True when the subject, as it is now, still is what the job's `match` asks for."""
    if device is not instance.seen:  # a device that has changed is another value
        instance.seen = device
        found = device is not None and instance.definition.match.accepts(device.properties)
        instance.fits = found and (device is None or may_look(instance.definition, device))
    return instance.fits


def may_look(job: JobDefinition, device: Device) -> bool:
    """True unless the device is only looked into, and the job is not for that."""
    if LOOK not in device.properties or job.once:  # the subject of which is the boot
        return True
    if job.looking is None:
        return False
    return is_over(device) if job.strategy is Strategy.TAKE_DOWN else is_open(device)


# Where a fact that shows by itself makes the job unnecessary, and a subject that no longer
# matches makes it pointless.
IDLE = (WAITING, READY, FAILED, SKIPPED)


def settle(context: Context, instance: Instance) -> bool:
    """Apply the first rule of the present state that applies; False when none does."""
    stands = instance.state
    if stands is RUNNING:  # its end is an event
        return False
    device = context.devices.get(instance.subject)
    if instance.definition.renew and stands in (DONE, FAILED) and renewed(instance, device):
        _renew(context, instance)
        return True
    fact = holds_true(context, instance, device)
    if stands in IDLE:
        if fact:
            context.machine.move(instance, Stimulus.FACT, "already so")
        elif not matches(instance, device):
            context.machine.move(instance, Stimulus.GONE, "no longer applies")
        elif stands is READY:
            if _usable(context, instance, device):
                return False
            context.machine.move(instance, Stimulus.SUBJECT_UNREADY, _unready(device))
        elif stands is WAITING:
            return _wait(context, instance, device)
        elif stands is FAILED:
            return _retry(context, instance)
        else:
            return False
    elif stands is AWAITING:
        if fact:
            context.machine.move(instance, Stimulus.FACT, "its effect is there")
            if instance.definition.renew:  # it may have to run again at once
                context.machine.touch(instance)
        elif not context.machine.timers.armed(Timer.EFFECT, instance.key):
            fail(context, instance, Stimulus.NO_FACT, "ended well but its effect has not shown")
        else:
            return False
    elif fact or not matches(instance, device):  # done or withdrawn, as it should be
        return False
    elif stands is DONE:
        context.machine.move(instance, Stimulus.FACT_GONE, "what it had done is gone")
    else:
        context.machine.move(instance, Stimulus.BACK, "matches again")
    return True


def renewed(instance: Instance, device: Device | None) -> bool:
    """True if what the job has found, or done, is to be found or done anew."""
    if not matches(instance, device):
        return False
    return instance.outdated or instance.found_for != _renewing(instance, device)


def _renewing(instance: Instance, device: Device | None) -> tuple[str | None, ...]:
    known = device.properties if device is not None else {}
    return tuple(known.get(each) for each in instance.definition.renew if each.isupper())


def _renew(context: Context, instance: Instance) -> None:
    instance.succeeded = instance.published = False
    instance.failures = 0
    context.machine.timers.cancel(Timer.RETRY, instance.key)
    if instance.state is DONE:
        context.machine.move(instance, Stimulus.FACT_GONE, "what it found may have changed")
        instance.outdated = True  # until it runs
    else:
        context.machine.move(instance, Stimulus.RETRY, "what it needs may have changed")


def _usable(context: Context, instance: Instance, device: Device | None) -> bool:
    if device is None or not instance.definition.needs_ready:
        return True
    return device.ready and context.devices.grounded(device)


def _unready(device: Device | None) -> str:
    """Return what a subject that is not ready waits for, in words of its kind."""
    assert device is not None  # without one, nothing is awaited (see _usable)
    return device.kind.lacks or f"{device.node} is not ready"


def _wait(context: Context, instance: Instance, device: Device | None) -> bool:
    if why := unwanted(context, instance):
        context.machine.move(instance, Stimulus.NOT_WANTED, why)
    elif (partition := partition_instead(context, instance)) is not None:
        return _yield(context, instance, partition)
    elif (disk := disk_instead(context, instance)) is not None:
        return _leave_to_array(context, instance, disk)
    elif (due := instance.since + instance.definition.delay) > context.now:
        if not context.machine.timers.armed(Timer.RETRY, instance.key):
            context.machine.timers.start(Timer.RETRY, instance.key, due)
        context.machine.await_ready(
            instance, f"waits {instance.definition.delay:.0f} s before it acts"
        )
        return False
    elif _usable(context, instance, device):
        context.machine.move(instance, Stimulus.SUBJECT_READY, "")
    else:
        context.machine.await_ready(instance, _unready(device))
        return False
    return True


def _yield(context: Context, instance: Instance, partition: str) -> bool:
    """The disk looks like a member, and so does a partition on it, or may yet."""
    if not partition:
        context.machine.await_ready(instance, "waits until its partitions are known")
        return False
    why = f"its partition {partition} is a member too: the disk's own superblock is taken for old"
    context.report(f"{instance.subject} is not added to its array: {why}")
    context.machine.move(instance, Stimulus.NOT_WANTED, why)
    return True


def _leave_to_array(context: Context, instance: Instance, disk: str) -> bool:
    """The partition is on a disk that is a member as a whole, or may be."""
    if not disk:
        context.machine.await_ready(
            instance, "waits until it is known whether its disk is a member"
        )
        return False
    why = f"{disk} is a member of an array as a whole: its partitions are used on the array"
    context.machine.move(instance, Stimulus.NOT_WANTED, why)
    return True


def _retry(context: Context, instance: Instance) -> bool:
    exhausted = instance.failures >= instance.definition.tries
    if exhausted or context.machine.timers.armed(Timer.RETRY, instance.key):
        return False
    context.machine.move(instance, Stimulus.RETRY, "tried again")
    return True


def run_now(context: Context, instance: Instance) -> None:
    """The plain strategy: run as soon as nothing has to end before."""
    if (name := awaits_job(context, instance)) is not None:
        instance.reason = f"waits for {name} to end"
        return
    if why := blocked(context, instance):
        context.machine.await_ready(instance, why)
        return
    start(context, instance)


def blocked(context: Context, instance: Instance) -> str:
    """Why a technology has the instance wait before it runs, "" if none has."""
    for blocks in context.technologies.blocks:
        if why := blocks(context, instance):
            return why
    return ""


def start(
    context: Context,
    instance: Instance,
    command: tuple[str, ...] | None = None,
    secret: Secret | None = None,
    watched: bool = False,
) -> None:
    """Run the instance's command (or `command`, filled in by a strategy)."""
    begin(context, instance)
    if instance.definition.write and instance.subject is not None:
        what = (instance.key, instance.run, instance.subject, instance.definition.write)
        context.current.act(Write(*what))
        return
    if command is None:
        command = filled(context, instance)
    environment, device = instance.definition.environment, context.device(instance)
    # What the core has made from others is nothing that the runtime could look at again.
    ours = device is not None and device.kind.declared
    subject = None if ours else instance.subject
    context.current.act(
        Run(instance.key, instance.run, command, subject, secret, environment, watched)
    )


def begin(context: Context, instance: Instance) -> None:
    """Move to running, with the command's deadline armed."""
    timers, limit = context.machine.timers, instance.definition.timeout
    instance.run += 1
    instance.succeeded = instance.stalled = instance.outdated = False
    instance.unready_until = None
    if instance.definition.takes_down and instance.subject is not None:
        device = context.device(instance)
        below = device.slaves if device is not None else frozenset()
        context.machine.let_go(instance, below | {instance.subject})
    if instance.definition.renew:
        instance.found_for = _renewing(instance, context.device(instance))
    context.machine.move(instance, Stimulus.STARTED, describe(context, instance))
    if limit:
        timers.start(Timer.LIMIT, instance.key, context.now + limit)
    else:
        timers.start(Timer.STALL, instance.key, context.now + STALL_SECONDS)


# A job without a limit holds deadlines as long as it gets on. A disk that does not answer would
# hold them for ever: root's clock goes on then, and the command too.
STALL_SECONDS = 600.0
# A command that is stopped gets SIGTERM and some seconds later SIGKILL. When it has not ended so
# long after, it waits in the kernel, for a disk that does not answer, and may do so for ever.
KILL_SECONDS = 10.0
SIGKILL = 9  # signal(7)
NOT_THERE = 127  # the status of a program that is not there, as a shell says it
# A command whose subject has gone may be half done: mdadm that is killed while it adds a member
# leaves the array half made. It gets so long to find out by itself.
ORPHAN_SECONDS = 15.0


def stop(context: Context, instance: Instance) -> None:
    """End the instance's command; its end is reported as usual, or it is left behind."""
    context.current.act(Stop(instance.key, instance.run))
    context.machine.timers.start(Timer.KILLED, instance.key, context.now + KILL_SECONDS)


def stop_overdue(context: Context, instance: Instance) -> None:
    """End a command that takes longer than its job allows."""
    if instance.state is RUNNING:
        context.report(f"{describe(context, instance)}: took too long, stopped")
        stop(context, instance)


def stall(context: Context, instance: Instance) -> None:
    """Hold nothing any more for what does not get on: a command, or a read of its device."""
    if instance.state in (RUNNING, READY):
        instance.stalled = True
        context.current.stir()


def got_on(context: Context, instance: Instance) -> None:
    """Note progress of a command without a limit."""
    instance.stalled = False
    context.machine.timers.start(Timer.STALL, instance.key, context.now + STALL_SECONDS)


def left_behind(instance: Instance) -> JobEnded:
    """How a command counts that is abandoned because not even SIGKILL has ended it."""
    why = "does not end although it was killed, and is left behind"
    return JobEnded(instance.key, instance.run, -SIGKILL, error=why)


def withdraw(context: Context, instance: Instance, reason: str) -> None:
    """The subject is gone; a command that still works on it has a little time, then is stopped."""
    running = instance.state is RUNNING
    context.machine.move(instance, Stimulus.GONE, reason)
    if running:
        context.machine.orphan(instance)
        timers = context.machine.timers
        timers.cancel_all((Timer.LIMIT, Timer.STALL), instance.key)
        timers.start(Timer.ORPHAN, instance.key, context.now + ORPHAN_SECONDS)


def ended(context: Context, instance: Instance, event: JobEnded) -> None:
    """Take note of how a command ended: if that is well, its effect is awaited."""
    timers, status = context.machine.timers, event.status
    instance.status = status
    instance.complaints = event.complaints or event.error
    # A signal's number is negative.
    if status == 0 or (status > 0 and instance.definition.success.ended):
        instance.succeeded = True
        if instance.definition.publishes:
            publish(context, instance, event.output)
        if instance.definition.reads:
            read(context, instance, event.output)
        if instance.definition.lists is not None and (device := context.device(instance)):
            context.derived.list_on(device, instance.definition.lists, event.output)
        timers.start(Timer.EFFECT, instance.key, context.now + EFFECT_SECONDS)
        context.machine.move(instance, Stimulus.ENDED_WELL, "waits for its effect to show")
    else:
        for judge in context.technologies.judge:
            event = judge(context, instance, event)
        fail(context, instance, Stimulus.ENDED_BADLY, complaint(event))


def fail(context: Context, instance: Instance, stimulus: Stimulus, reason: str) -> None:
    """Fail, and arm the next try while there is one."""
    instance.failures += 1
    again = instance.failures < instance.definition.tries
    if not (again and instance.definition.probes):
        context.report(f"{describe(context, instance)}: {reason}", detail=again)
    context.machine.move(instance, stimulus, reason)
    if again:
        due = context.now + instance.definition.retry_after
        context.machine.timers.start(Timer.RETRY, instance.key, due)
        if instance.definition.retry_after > GRACE_SECONDS:  # which assemblies wait anyway
            context.machine.await_ready(instance, reason)


def give_up(context: Context, instance: Instance, reason: str) -> None:
    """Fail for good: no further try would end differently."""
    instance.failures = instance.definition.tries
    context.machine.move(instance, Stimulus.GIVEN_UP, reason)


def read(context: Context, instance: Instance, output: str) -> None:
    """Have the subject show what the job's patterns find in the output, and nothing older."""
    device, facts = context.device(instance), dict[str, str]()
    if device is None:
        return
    for template in instance.definition.reads:
        pattern = filled_pattern(template, device)
        facts |= dict.fromkeys(set(pattern.groupindex) - facts.keys(), "")
        if (found := pattern.search(output)) is not None:
            facts |= {key: text for key, text in found.groupdict().items() if text}
    for key, text in facts.items():
        context.devices.mark(device.name, key, text or None)
    instance.published = any(facts.values())


def complaint(event: JobEnded) -> str:
    """What the command had to say of its failure, and its status."""
    how = f"killed by signal {-event.status}" if event.status < 0 else f"status {event.status}"
    if event.error:
        return f"{event.error} ({how})"
    return how if event.status < 0 else f"failed with {how}"


def publish(context: Context, instance: Instance, output: str) -> None:
    """Turn the KEY=VALUE lines that the job publishes into properties of its subject."""
    facts = {}
    for line in output.splitlines():
        key, separator, value = line.partition("=")
        if separator and key in instance.definition.publishes:
            facts[key] = value.strip("'\"")
    if facts and instance.subject is not None:
        instance.published = True
        context.devices.publish(instance.subject, facts)
