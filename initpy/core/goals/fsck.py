"""Checking a file system before it is mounted (R19): fsck(8) says what the exit statuses mean."""

from collections.abc import Iterator

from initpy.core.actions import Record
from initpy.core.devices.graph import Device
from initpy.core.devices.marks import CHECK
from initpy.core.events import JobEnded, Progressed
from initpy.core.explanation import Advice
from initpy.core.goals.mounts import STOPPED, left
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.handler import Handler
from initpy.core.jobs.instance import REVIVALS, Instance, JobState, Stimulus
from initpy.core.machine.rules import NOT_THERE, complaint, fail, got_on, start
from initpy.core.machine.rules import ended as ended_well
from initpy.core.machine.templates import command as filled
from initpy.core.machine.templates import describe
from initpy.core.settings import BreakPoint
from initpy.core.slots import dataclass, field
from initpy.core.state.context import Context
from initpy.core.state.goals import SYSROOT
from initpy.core.waiting import countdown

# Exit statuses of fsck(8); they may be added up. 8 and more: the check could not be made.
CORRECTED, REBOOT, UNCORRECTED, OPERATIONAL = 1, 2, 4, 8
# Time to read why, and to call it off. Nothing outlives a restart that could tell how often this
# was so: a machine that restarts each time is stopped here, or with fsck.mode=skip.
REBOOT_SECONDS = 10.0
TELL_SECONDS = 5.0  # between two lines on how far it is
# A check has no time limit: how long a file system takes cannot be known. A check of a disk that
# does not answer takes for ever: without progress the user is told what helps.
STANDSTILL_SECONDS = 20.0
# The marks that the units and scripts of a real system look for; /run/initramfs is the folder
# that dracut and initramfs-tools share with it.
FOLDER = "/run/initramfs"
STAMPS = {SYSROOT: "fsck-root", f"{SYSROOT}/usr": "fsck-usr"}


# Of e2fsck's messages (e2fsck/problem.c) those that say that the journal is on another device,
# which has not come: nothing is wrong with the file system.
JOURNAL_ABSENT = ("Can't find external journal", "while checking journal for")


@dataclass(slots=True)
class Checks:
    """How far the checks are, and what the user was told of it."""

    _progress: dict[str, tuple[float, float]] = field(default_factory=dict)  # share, when
    _told: float = 0.0

    def moved(self, key: str) -> float:
        """When the check last got on."""
        return self._progress.get(key, (0.0, 0.0))[1]

    def note(self, key: str, share: float, now: float) -> bool:
        """Take how far a check is; True if it has got on."""
        if self._progress.get(key, (0.0, 0.0))[0] == share:
            return False
        self._progress[key] = share, now
        return True

    def is_time_to_tell(self, since: float, now: float) -> bool:
        """True when the user is to be told again of a check that began at `since`."""
        due = now >= max(self._told, since) + TELL_SECONDS
        if due:
            self._told = now
        return due


def handler() -> Handler:
    """The handler of checks."""
    return Handler(step, ended, left, advice=_advice)


def step(context: Context, instance: Instance) -> None:
    """The device is there: check its file system, unless another one has its turn."""
    device = context.device(instance)
    if device is None:
        return
    place = device.properties.get(CHECK, "")
    if place in context.goals.mounted:
        context.machine.move(instance, Stimulus.NOT_WANTED, f"{place} is mounted already")
    elif (other := _before(context, instance, place)) is not None:
        instance.reason = f"{other} has the same name and goes first"
    elif context.breakpoints.stop(BreakPoint.MOUNT):
        # A user stops there to look at the file system, or to copy it: a check writes to it.
        instance.reason = STOPPED
    else:
        command = filled(context, instance, {"{how}": context.settings.check or ()})
        start(context, instance, command, watched=True)


def _before(context: Context, instance: Instance, place: str) -> str | None:
    """Another device for the same place that is checked or mounted: a copy is not written to."""
    for name in sorted(context.goals.devices_for({place})):
        device = context.devices.get(name)
        if device is None or name == instance.subject or device.properties.get(CHECK) != place:
            continue
        for other in context.machine.on(name):
            checks = other.strategy is Strategy.CHECK
            if checks and (other.busy or (other.succeeded and _to_be_mounted(context, name))):
                return device.node
    return None


def _to_be_mounted(context: Context, name: str) -> bool:
    """True unless its mount was tried in vain."""
    mounts = (Strategy.MOUNT_ROOT, Strategy.MOUNT_EXTRA)
    return any(
        each.strategy in mounts and (each.expected or each.state is JobState.WAITING)
        for each in context.machine.on(name)
    )


def ended(context: Context, instance: Instance, event: JobEnded) -> None:
    """What the check found; the mount goes on unless errors are left or a restart is due."""
    _judge(context, instance, event)
    context.machine.touch_on(instance.subject)


def found_by(device: Device | None, status: int) -> int:
    """The exit status in the words of fsck(8). With 2, fsck.fat(8) says that it did nothing."""
    if device is not None and status == REBOOT and device.properties.get("ID_FS_TYPE") == "vfat":
        return OPERATIONAL
    return status


def _judge(context: Context, instance: Instance, event: JobEnded) -> None:
    device = context.device(instance)
    status = found_by(device, event.status)
    node = device.node if device is not None else str(instance.subject)
    if any(words in event.output + event.complaints for words in JOURNAL_ABSENT):
        instance.failures = instance.definition.tries - 1  # until a new device turns up
        reason = "the journal of its file system is on another device, which has not come"
        fail(context, instance, Stimulus.ENDED_BADLY, reason)
        return
    if status == NOT_THERE:
        context.report(f"{node} is not checked: {event.error}", detail=True)
    elif status < 0 or (status >= OPERATIONAL and not status & (REBOOT | UNCORRECTED)):
        again = instance.failures + 1 < instance.definition.tries
        if again:
            fail(context, instance, Stimulus.ENDED_BADLY, complaint(event))
            return
        context.report(f"{node} could not be checked, it is mounted as it is: {complaint(event)}")
    elif status & (REBOOT | UNCORRECTED):
        _not_good(context, instance, node, event)
        return
    elif status & CORRECTED:
        context.report(f"{node}: its file system had errors, which are corrected")
    if status in (0, CORRECTED) and device is not None:
        stamp = STAMPS.get(device.properties.get(CHECK, ""))
        if stamp is not None:
            context.current.act(Record(stamp, "", FOLDER))
    ended_well(context, instance, event._replace(status=0))


def _not_good(context: Context, instance: Instance, node: str, event: JobEnded) -> None:
    instance.failures = instance.definition.tries - 1  # a second try would find the same
    if event.status & UNCORRECTED:
        for line in event.output.splitlines()[-3:]:
            context.report(line)
        reason = f"errors are left that are not repaired without a person (status {event.status})"
        fail(context, instance, Stimulus.ENDED_BADLY, reason)
    else:
        reason = f"the check of {node} has repaired it and asks for a restart"
        fail(context, instance, Stimulus.ENDED_BADLY, "asks for a restart")
        instance.revivals = REVIVALS  # nothing new would end otherwise
        countdown.restart(context, f"{reason}; fsck.mode=skip leaves it out", REBOOT_SECONDS)


def standstill(context: Context, instance: Instance) -> str:
    """How long a check has not got on, and how to go on without it; empty while it gets on."""
    if instance.state is not JobState.RUNNING:
        return ""
    moved = context.technologies.own(Checks).moved(instance.key)
    seconds = context.now - max(instance.since, moved)
    if seconds < STANDSTILL_SECONDS:
        return ""
    return (
        f"no progress for {seconds:.0f} s, and no time limit: Ctrl-Alt-Del restarts the machine, "
        "fsck.mode=skip leaves the check out"
    )


def progressed(context: Context, event: Progressed) -> None:
    """Tell how far a check is, now and then; the tree and the notices have it always."""
    instance = context.machine.find(event.job)
    if instance is None or instance.run != event.run or instance.state is not JobState.RUNNING:
        return
    instance.reason = f"{describe(context, instance)}, {event.share:.0%} done"
    context.current.stir()
    checks = context.technologies.own(Checks)
    if checks.note(instance.key, event.share, context.now):
        got_on(context, instance)
    if checks.is_time_to_tell(instance.since, context.now):
        context.report(instance.reason, detail=True)


def _advice(context: Context, instance: Instance) -> Iterator[Advice]:
    """What to do about errors that are left."""
    device = context.device(instance)
    if device is None or instance.state is not JobState.FAILED:
        return
    program = instance.definition.run[0]
    yield Advice(
        f"The file system of {device.node} has errors that may cost files; look first, or have "
        "them repaired:",
        (
            (f"{program} -n {device.node}", "what is wrong"),
            (f"{program} -y {device.node}", "repairs it, then `initpy retry`"),
        ),
    )
