"""The rules that every instance follows, whatever its strategy; applied to a fixed point."""

from initpy.core.actions import Run, Stop
from initpy.core.devices.graph import Device
from initpy.core.events import JobEnded
from initpy.core.machine.context import State
from initpy.core.machine.definitions import Layer, Strategy
from initpy.core.machine.instance import Instance, JobState, Stimulus
from initpy.core.machine.timers import Timer
from initpy.core.secret import Secret

# How long the effect of a command that ended well may take to show: udev runs
# its rules on a loaded machine. Not a delay: nothing waits for it.
EFFECT_SECONDS = 20.0


def matches(instance: Instance, device: Device | None) -> bool:
    """True when the subject, as it is now, still is what the job's `match` asks for."""
    if instance.subject is None:
        return True
    if device is not instance.seen:  # a device that has changed is another value
        instance.seen = device
        found = device is not None and instance.definition.match.accepts(device.properties)
        instance.fits = found
    return instance.fits


# Where a fact that shows by itself makes the job unnecessary, and a subject that no longer
# matches makes it pointless.
IDLE = (JobState.WAITING, JobState.READY, JobState.FAILED, JobState.SKIPPED)


def settle(state: State, instance: Instance) -> bool:
    """Apply the first rule of the present state that applies; False when none does."""
    stands = instance.state
    if stands is JobState.RUNNING:  # its end is an event
        return False
    fact, device = state.holds_true(instance), state.device(instance)
    if stands in IDLE:
        if fact:
            state.move(instance, Stimulus.FACT, "already so")
        elif not matches(instance, device):
            state.move(instance, Stimulus.GONE, "no longer applies")
        elif stands is JobState.WAITING:
            return _wait(state, instance, device)
        elif stands is JobState.FAILED:
            return _retry(state, instance)
        elif stands is JobState.READY and not _usable(instance, device):
            state.move(instance, Stimulus.SUBJECT_UNREADY, _unready(instance))
        else:
            return False
    elif stands is JobState.AWAITING:
        if fact:
            state.move(instance, Stimulus.FACT, "its effect is there")
        elif not state.timers.armed(Timer.EFFECT, instance.key):
            fail(state, instance, Stimulus.NO_FACT, "ended well but its effect has not shown")
        else:
            return False
    elif fact or not matches(instance, device):  # done or withdrawn, as it should be
        return False
    elif stands is JobState.DONE:
        state.move(instance, Stimulus.FACT_GONE, "what it had done is gone")
    else:
        state.move(instance, Stimulus.BACK, "matches again")
    return True


def _usable(instance: Instance, device: Device | None) -> bool:
    return device is None or device.ready or not instance.definition.needs_ready


def _unready(instance: Instance) -> str:
    return f"{instance.subject} is not ready"


def _wait(state: State, instance: Instance, device: Device | None) -> bool:
    if why := state.unwanted(instance):
        state.move(instance, Stimulus.NOT_WANTED, why)
    elif (partition := _partition_instead(state, instance, device)) is not None:
        return _yield(state, instance, partition)
    elif (due := instance.since + instance.definition.delay) > state.now:
        if not state.timers.armed(Timer.RETRY, instance.key):
            state.timers.start(Timer.RETRY, instance.key, due)
        return False
    elif _usable(instance, device):
        state.move(instance, Stimulus.SUBJECT_READY, "")
    else:
        instance.reason = _unready(instance)
        return False
    return True


def _partition_instead(state: State, instance: Instance, device: Device | None) -> str | None:
    if instance.definition.yields is None or not (device and "partitions" in device.properties):
        return None
    from initpy.core.storage.md import facts as arrays  # seldom needed

    return arrays.partition_instead(state, instance)


def _yield(state: State, instance: Instance, partition: str) -> bool:
    """The disk looks like a member, and so does a partition on it, or may yet."""
    if not partition:
        instance.reason = "waits until its partitions are known"
        return False
    why = f"its partition {partition} is a member too: the disk's own superblock is taken for old"
    state.report(f"{instance.subject} is not added to its array: {why}")
    state.move(instance, Stimulus.NOT_WANTED, why)
    return True


def _retry(state: State, instance: Instance) -> bool:
    exhausted = instance.failures >= instance.definition.tries
    if exhausted or state.timers.armed(Timer.RETRY, instance.key):
        return False
    state.move(instance, Stimulus.RETRY, "tried again")
    return True


# So many commands at a time: a machine may have hundreds of disks, and not the memory for a tool
# on each of them at once.
TOOLS_AT_ONCE = 32
# Those that work for whatever device appears; a person, or root itself, never waits for them.
QUEUED = (Strategy.RUN, Strategy.GROUP_SCAN, Strategy.GROUP_ACTIVATE)


def crowded(state: State, instance: Instance) -> bool:
    """True when the instance has to queue until fewer commands run."""
    if len(state.tools) < TOOLS_AT_ONCE or instance.definition.strategy not in QUEUED:
        return False
    state.queue[instance.key] = None
    instance.reason = f"waits until fewer than {TOOLS_AT_ONCE} commands run"
    return True


def take_from_queue(state: State) -> None:
    """Have those looked at for which there is room now, in the order they came."""
    for _ in range(min(len(state.queue), TOOLS_AT_ONCE - len(state.tools))):
        key = next(iter(state.queue))
        del state.queue[key]
        state.touch(state.instances[key])


def run_now(state: State, instance: Instance) -> None:
    """The plain strategy: run as soon as nothing has to end before."""
    if (name := state.awaits_job(instance)) is not None:
        instance.reason = f"waits for {name} to end"
    elif (name := _stuck_array(state, instance)) is not None:
        instance.reason = f"waits until {name}, which could not start without it, is stopped"
    elif _being_started(state, instance):
        instance.reason = "waits for the start of the array to end"
    else:
        start(state, instance)


def _stuck_array(state: State, instance: Instance) -> str | None:
    if not state.stuck:
        return None
    from initpy.core.storage.md import facts as arrays

    return arrays.stuck_array(state, instance)


def _being_started(state: State, instance: Instance) -> bool:
    """True for what would stop an array that is being started at this moment."""
    if instance.subject not in state.stuck:
        return False
    from initpy.core.storage.md import facts as arrays

    return arrays.being_started(state, instance)


def start(
    state: State,
    instance: Instance,
    command: tuple[str, ...] | None = None,
    secret: Secret | None = None,
    watched: bool = False,
) -> None:
    """Run the instance's command (or `command`, filled in by a strategy)."""
    begin(state, instance)
    if command is None:
        command = state.command(instance)
    environment = instance.definition.environment
    state.act(
        Run(instance.key, instance.run, command, instance.subject, secret, environment, watched)
    )


def begin(state: State, instance: Instance) -> None:
    """Move to running, with the command's deadline armed."""
    instance.run += 1
    instance.succeeded = False
    state.timers.cancel(Timer.KILLED, instance.key)
    state.move(instance, Stimulus.STARTED, state.describe(instance))
    if instance.definition.timeout:
        due = state.now + instance.definition.timeout
        state.timers.start(Timer.LIMIT, instance.key, due)


# A command that is stopped gets SIGTERM and some seconds later SIGKILL. When it has not ended so
# long after, it waits in the kernel, for a disk that does not answer, and may do so for ever.
KILL_SECONDS = 10.0
SIGKILL = 9  # signal(7)


def stop_overdue(state: State, instance: Instance) -> None:
    """End a command that takes longer than its job allows; its end is reported as usual."""
    if instance.state is JobState.RUNNING:
        state.report(f"{state.describe(instance)}: took too long, stopped")
        state.act(Stop(instance.key, instance.run))
        state.timers.start(Timer.KILLED, instance.key, state.now + KILL_SECONDS)


def left_behind(instance: Instance) -> JobEnded:
    """How a command counts that is abandoned because not even SIGKILL has ended it."""
    why = "does not end although it was killed, and is left behind"
    return JobEnded(instance.key, instance.run, -SIGKILL, error=why)


def ended(state: State, instance: Instance, event: JobEnded) -> None:
    """Take note of how a command ended: with status 0 its effect is awaited."""
    state.timers.cancel(Timer.LIMIT, instance.key)
    if event.status == 0:
        instance.succeeded = True
        _publish(state, instance, event.output)
        state.timers.start(Timer.EFFECT, instance.key, state.now + EFFECT_SECONDS)
        state.move(instance, Stimulus.ENDED_WELL, "waits for its effect to show")
    else:
        if event.status > 0 and instance.definition.layer is Layer.MD:
            from initpy.core.storage.md import facts as arrays

            # mdadm has said of which array a member is; the start that came then has failed.
            _publish(state, instance, event.output)
            event = arrays.too_late(state, instance, event)
        fail(state, instance, Stimulus.ENDED_BADLY, complaint(event))


def fail(state: State, instance: Instance, stimulus: Stimulus, reason: str) -> None:
    """Fail, and arm the next try while there is one."""
    instance.failures += 1
    again = instance.failures < instance.definition.tries
    state.report(f"{state.describe(instance)}: {reason}", detail=again)
    state.move(instance, stimulus, reason)
    if again:
        due = state.now + instance.definition.retry_after
        state.timers.start(Timer.RETRY, instance.key, due)


def complaint(event: JobEnded) -> str:
    """What the command had to say of its failure, and its status."""
    how = f"killed by signal {-event.status}" if event.status < 0 else f"status {event.status}"
    if event.error:
        return f"{event.error} ({how})"
    return how if event.status < 0 else f"failed with {how}"


def _publish(state: State, instance: Instance, output: str) -> None:
    """Turn the KEY=VALUE lines that the job publishes into properties of its subject."""
    facts = {}
    for line in output.splitlines():
        key, separator, value = line.partition("=")
        if separator and key in instance.definition.publishes:
            facts[key] = value.strip("'\"")
    if facts and instance.subject is not None:
        instance.published = True
        state.devices.publish(instance.subject, facts)
