"""Volumes that no user is asked for, or not yet: root most likely does not need them."""

from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.instance import Instance, JobState
from initpy.core.jobs.timers import Timer
from initpy.core.state.context import Context
from initpy.core.unlock import keyfile
from initpy.core.unlock.volume import own, specification
from initpy.core.volumes import VolumeSpec


def is_for_later(context: Context, spec: VolumeSpec) -> bool:
    """True where the key is not in the image: root, which it is most likely on, needs no such."""
    absent = spec.listed and keyfile.is_absent(context, spec)
    return absent and not own(context).asks_for_all


def is_needless(context: Context, instance: Instance) -> bool:
    """True while a device that root= names is there and about to be mounted.

    Where that fails, or waits for a device that may be in the volume, the user is asked. Volumes
    that the user named for the initramfs are needed in any case; a line of crypttab alone does not
    say that (`VolumeSpec.listed`). The device of resume= may be in any.
    """
    goals, machine = context.goals, context.machine
    if not goals.root_matches or goals.root_mounted or goals.resuming:
        return False
    device = context.device(instance)
    named = context.volume(device) if device is not None else None
    if device is None or (named is not None and not named.listed):
        return False
    # Not where root stands on this volume: it has been opened, and its command is about to end.
    graph = context.devices
    beside = [each for each in goals.root_matches if not graph.stands_on(each, device.name)]
    mounts = (each for name in beside for each in machine.on(name))
    return any(
        each.strategy is Strategy.MOUNT_ROOT and each.expected and not (each.idle or each.stalled)
        for each in mounts
    )


def carries_a_mount(context: Context, instance: Instance) -> bool:
    """True, with the reason, for a volume that root or another mount of ours stands on: it is open.

    News of its mapping may come late, and then tells of a mapping without a table.
    """
    graph = context.devices
    for source in context.goals.mounted.values():
        device = graph.mounted_from(source)
        if device is not None and graph.stands_on(device.name, instance.subject or ""):
            instance.idle, instance.reason = True, f"is open: {source} is mounted"
            return True
    return False


def put_off(context: Context, instance: Instance) -> None:
    """Ask for it only if root cannot be mounted."""
    why = f"root is there, on {', '.join(sorted(context.goals.root_matches))}"
    context.machine.timers.cancel(Timer.ANSWER, instance.key)
    context.prompts.drop(instance.key, why)
    if instance.state is JobState.READY:  # an attempt at work may open it: root's clock is held
        instance.idle = True
        instance.reason = f"is not asked for: {why}"


def ended(context: Context, instance: Instance) -> tuple[str, ...]:
    """Root's mount or check has ended, or is not pending any more: the others may be needed."""
    if instance.strategy in (Strategy.MOUNT_ROOT, Strategy.CHECK):
        pending = context.machine.pending(Strategy.UNLOCK)
        context.machine.touch_all([each for each in pending if each.idle])
    return ()


def ask_for_all(context: Context) -> bool:
    """Root has not come in time: ask for these volumes too."""
    if own(context).asks_for_all:
        return False
    pending = context.machine.pending(Strategy.UNLOCK)
    late = [each for each in pending if is_for_later(context, specification(context, each))]
    own(context).asks_for_all = True
    context.machine.touch_all(late)
    return bool(late)
