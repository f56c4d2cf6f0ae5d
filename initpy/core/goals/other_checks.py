"""Check file systems that only the real system mounts while root is awaited (R19).

The image of a machine carries what the machine's fstab has checked: it is known before root is
there. Root comes first: a check begins only while nothing is at work for root, and holds no
deadline. What still runs at the handover goes on, if the real init awaits it. Else the handover
waits: another init would check the same file system beside it.
"""

from initpy.core.actions import Record, StartCheck
from initpy.core.devices.graph import Device, inside_member
from initpy.core.devices.marks import OTHER_CHECK
from initpy.core.devices.names import DeviceSpec
from initpy.core.events import JobEnded, Mounted
from initpy.core.goals.fsck import CORRECTED, JOURNAL_ABSENT, REBOOT, UNCORRECTED, found_by
from initpy.core.goals.take_over import DROP_IN, DROP_INS, FOLDER, SCRIPT, SCRIPT_NAME
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.handler import Handler
from initpy.core.jobs.hold_table import HoldKind
from initpy.core.jobs.instance import Instance, JobState, Stimulus
from initpy.core.jobs.timers import Timer
from initpy.core.machine.rules import NOT_THERE, begin, complaint, fail, stop
from initpy.core.machine.rules import ended as ended_well
from initpy.core.machine.templates import command as filled
from initpy.core.machine.templates import describe
from initpy.core.settings import OtherCheck
from initpy.core.slots import dataclass, field
from initpy.core.state.context import Context

# Root's commands follow one another at once: after so many seconds without one, root waits for a
# device or a user.
CALM_SECONDS = 1.0
# What of root is at work: a check of another file system would take its disk and processor.
AT_WORK = (
    HoldKind.WORK, HoldKind.START, HoldKind.RESUME, HoldKind.CHECK, HoldKind.MOUNT,
    HoldKind.EXTRA_MOUNT,
)  # fmt: skip
NOT_CALM = "waits until nothing is at work for root"
# Lines of a checker's output that the real system shows with errors that are left.
LINES = 3


@dataclass(slots=True)
class OtherChecks:
    """What the checks have found, and what the root's own fstab says of them."""

    calm_since: float | None = None  # nothing is at work for root since then
    # instance -> exit status and last lines, of the runs that the real system need not repeat
    results: dict[str, tuple[int, str]] = field(default_factory=dict)
    stopped: set[str] = field(default_factory=set)  # instances whose check is not asked for
    wanted: tuple[OtherCheck, ...] = ()  # by the root's own fstab
    continues: bool = False  # the real init awaits checks that still run
    told: bool = False  # the user was told that the handover waits


def handler() -> Handler:
    """The handler of checks of other file systems."""
    return Handler(_begin, ended, gone=_forget, afresh=_forget, handover=_leave_word)


def _begin(context: Context, instance: Instance) -> None:
    """Check the file system, unless something is in the way."""
    device = context.device(instance)
    if (why := _obstacle(context, instance)) or device is None:
        instance.reason = why
        return
    command = filled(context, instance, {"{how}": context.settings.check or ()})
    begin(context, instance)
    context.goals.check_other()
    context.current.act(
        StartCheck(instance.key, instance.run, command, device.name, name_of(device))
    )
    what = f"{describe(context, instance)}, for {device.properties.get(OTHER_CHECK, '')}"
    context.report(f"{what}, while root is awaited", detail=True)


def name_of(device: Device) -> str:
    """The name of the files that tell the real system of this device's check."""
    return device.node.removeprefix("/dev/").replace("/", "!")


def go_on(context: Context) -> None:
    """Begin the checks that may begin, now that all rules were applied."""
    own, timers = context.technologies.own(OtherChecks), context.machine.timers
    waiting = [each for each in context.machine.pending(Strategy.CHECK_OTHER) if not each.busy]
    if not waiting or not _root_is_calm(context):
        own.calm_since = None
        timers.cancel(Timer.CALM, "")
        return
    if own.calm_since is None:
        own.calm_since = context.now
        timers.start(Timer.CALM, "", context.now + CALM_SECONDS)
    if context.prompts.asking is None and context.now < own.calm_since + CALM_SECONDS:
        return
    for instance in waiting:
        context.handlers.of(instance).ready(context, instance)


def _root_is_calm(context: Context) -> bool:
    """True while root waits for a device or a user, and nothing is at work for it."""
    goals, machine = context.goals, context.machine
    if goals.root_mounted or goals.resuming or not goals.enumerated or machine.queued:
        return False
    if context.breakpoints.open:
        return False
    if any(each.strategy is not Strategy.CHECK_OTHER for each in machine.running()):
        return False
    taking = machine.holding
    return not any(
        not (each.idle or each.stalled)
        for kind in AT_WORK
        if kind in taking
        for each in taking[kind].values()
    )


def _obstacle(context: Context, instance: Instance) -> str:
    """Why the device is not checked here, or not now; "" if it may be."""
    device, devices = context.device(instance), context.devices
    if device is None:
        return "the device is gone"
    if context.goals.root_mounted:
        return "root is mounted: the real system checks it"
    if not _root_is_calm(context):
        return NOT_CALM
    if context.machine.orphaned(instance):
        return "waits for the command of its former life to end"
    if _root_needs(context, device):
        return "root may need this device"
    if any(True for _ in devices.above(device.name)) or inside_member(devices, device):
        return "another layer uses this device"
    target = device.properties.get(OTHER_CHECK, "")
    alike = [each.node for each in devices if each.properties.get(OTHER_CHECK) == target]
    if len(alike) > 1:
        return f"several devices have the name of {target}: {', '.join(sorted(alike))}"
    disks = _disks(context, device.name)
    for other in context.machine.running():
        if other.subject is not None and disks & _disks(context, other.subject):
            return f"{other.subject} is checked first, on the same disk"
    return ""


def _disks(context: Context, name: str) -> set[str]:
    """The devices at the bottom of a stack."""
    found, pending, seen = set[str](), [name], set[str]()
    while pending:
        each = pending.pop()
        if each in seen:
            continue
        seen.add(each)
        below = [lower.name for lower in context.devices.slaves(each)]
        pending.extend(below)
        if not below:
            found.add(each)
    return found


def _root_needs(context: Context, device: Device) -> bool:
    """True for a device that root, what belongs to it, or a key may be read from."""
    goals, settings = context.goals, context.settings
    mounted = {device.node, *device.links}.intersection(goals.mounted.values())
    if device.name in goals.root_candidates or mounted:
        return True
    named: list[DeviceSpec | None] = []
    for part in (settings.image and settings.image.host, settings.usr and settings.usr.source):
        named.append(part)
    named.append(settings.overlay.source if settings.overlay is not None else None)
    named.append(settings.resume.source if settings.resume is not None else None)
    for volume in settings.volumes:
        named.append(volume.source)
        named.append(volume.key.device if volume.key is not None else None)
        named.append(volume.header.device if volume.header is not None else None)
    return any(each is not None and each.names(device) for each in named)


def ended(context: Context, instance: Instance, event: JobEnded) -> None:
    """Keep what the check has found for the real system; it decides what becomes of errors."""
    own, device = context.technologies.own(OtherChecks), context.device(instance)
    node = device.node if device is not None else str(instance.subject)
    status = found_by(device, event.status)
    instance.failures = instance.definition.tries - 1  # the real system tries again
    if instance.key in own.stopped:
        _give_up(context, instance, "stopped: the fstab of root does not ask for it")
        return
    lines = f"{event.output}\n{event.complaints}".splitlines()
    absent = any(words in line for words in JOURNAL_ABSENT for line in lines)
    left = 0 < status != NOT_THERE and status & (REBOOT | UNCORRECTED)
    if absent or (not left and status not in (0, CORRECTED)):
        reason = "the journal of its file system is absent" if absent else complaint(event)
        context.report(f"{node} is left to the real system's check: {reason}", detail=True)
        _give_up(context, instance, reason)
        return
    own.results[instance.key] = status, "\n".join([each for each in lines if each][-LINES:])
    if left:
        fail(
            context,
            instance,
            Stimulus.ENDED_BADLY,
            f"errors are left (status {status}), which the real system reports",
        )
        return
    if status & CORRECTED:
        context.report(f"{node}: its file system had errors, which are corrected")
    else:
        context.report(f"{node}: its file system was checked", detail=True)
    ended_well(context, instance, event._replace(status=0))


def _give_up(context: Context, instance: Instance, reason: str) -> None:
    instance.failures = instance.definition.tries
    context.machine.move(instance, Stimulus.ENDED_BADLY, reason)


def _forget(context: Context, instance: Instance) -> None:
    """The device is gone or is checked again: what was found counts no more."""
    own = context.technologies.own(OtherChecks)
    own.results.pop(instance.key, None)
    own.stopped.discard(instance.key)


def root_is_mounted(context: Context, event: Mounted) -> None:
    """The root's own fstab decides: end the checks that it does not ask for (any more)."""
    own = context.technologies.own(OtherChecks)
    own.wanted, own.continues = event.other_checks, event.continues
    for instance in _running(context):
        device = context.device(instance)
        if device is None or not any(each.source.names(device) for each in own.wanted):
            own.stopped.add(instance.key)
            stop(context, instance)


def _running(context: Context) -> list[Instance]:
    return [each for each in context.machine.running() if each.strategy is Strategy.CHECK_OTHER]


def must_await(context: Context) -> bool:
    """True while a check runs that must end before the handover.

    One that was stopped ends soon. One without progress holds nothing (`Instance.stalled`).
    """
    own, running = context.technologies.own(OtherChecks), _running(context)
    stopped = any(each.key in own.stopped for each in running)
    if stopped or (not own.continues and any(not each.stalled for each in running)):
        if not stopped and not own.told:
            own.told = True
            what = ", ".join(describe(context, each) for each in running)
            context.report(f"the real system starts after this, since its init would not: {what}")
        return True
    return False


def _leave_word(context: Context) -> None:
    """Tell the real system what was checked, and what still is."""
    own, told = context.technologies.own(OtherChecks), False
    for instance in context.machine.every():
        device = context.device(instance)
        if instance.strategy is not Strategy.CHECK_OTHER or device is None:
            continue
        name, running = name_of(device), instance.state is JobState.RUNNING
        if running and not own.continues:
            stop(context, instance)
        elif running:
            context.report(f"goes on beside the real system: {instance.reason}", detail=True)
            context.current.act(Record(name, "", f"{FOLDER}/expected"))
            told = True
        elif (result := own.results.get(instance.key)) is not None:
            status, lines = result
            context.current.act(Record(name, f"{lines}\n", f"{FOLDER}/output"))
            context.current.act(Record(name, f"{status}\n", f"{FOLDER}/status"))
            context.current.act(Record(name, "", f"{FOLDER}/expected"))
            told = True
    if told and own.continues:
        context.current.act(Record(SCRIPT_NAME, SCRIPT, FOLDER))
        context.current.act(Record(DROP_IN[0], DROP_IN[1], DROP_INS))
