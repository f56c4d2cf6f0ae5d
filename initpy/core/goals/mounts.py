"""Mounting the root file system and what belongs below it (R18)."""

from collections.abc import Iterable, Iterator

from initpy.core.actions import Changes, Mount
from initpy.core.devices.filesystems import drivers_of, is_blank
from initpy.core.devices.graph import LISTED, Device
from initpy.core.devices.marks import BELOW_ROOT, TARGET
from initpy.core.devices.names import DeviceSpec, Naming, listed, with_needs
from initpy.core.events import JobEnded
from initpy.core.explanation import Advice
from initpy.core.goals import gpt_auto
from initpy.core.goals.naming import overlay_missing
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.goal import Goal, first_missing
from initpy.core.jobs.handler import Handler
from initpy.core.jobs.instance import REVIVALS, Instance, JobState, Stimulus
from initpy.core.machine import rules
from initpy.core.machine.rules import begin
from initpy.core.machine.wanted import unwanted
from initpy.core.settings import BreakPoint, ExtraMount
from initpy.core.state.context import Context
from initpy.core.state.goals import HOST, SYSROOT

ROOT_MOUNTS = (Strategy.MOUNT_ROOT, Strategy.MOUNT_DEGRADED, Strategy.MOUNT_EXPORT)
MAKEFS = "x-systemd.makefs"
SHARED_UUID = ("btrfs", "bcachefs", "zfs_member")
STOPPED = "waits for the shell to end that break= has opened"
# Options that name a device which the file system is mounted with: xfs(5), ext4(5).
DEVICE_OPTIONS = ("logdev", "rtdev", "journal_path")


def handlers() -> dict[Strategy, Handler]:
    """The handlers of the mounts."""
    return {
        Strategy.MOUNT_ROOT: Handler(step, _root_ended, left, advice=_advice),
        Strategy.MOUNT_HOST: Handler(step_host, rules.ended, left),
        Strategy.MOUNT_EXTRA: Handler(step_extra, rules.ended, left),
    }


def step(context: Context, instance: Instance) -> None:
    """The device that root= names is there: mount it, unless another one is being mounted."""
    device = context.device(instance)
    if device is None or not may_mount(context, instance):
        return
    wanted, root = context.settings.mount, context.settings.root
    marked = root is not None and root.naming is Naming.GPT_AUTO and gpt_auto.read_only(device)
    options = ("rw" if wanted.writable and not marked else "ro", *wanted.flags)
    if (others := _copies(context, device)) and root is not None:
        names = ", ".join(others)
        context.report(f"{root} names {names}, too: a copied disk? Root is {device.node}")
    begin(context, instance)
    context.current.act(
        Mount(
            instance.key,
            instance.run,
            device.node,
            SYSROOT,
            _types(device, wanted.types),
            options,
            overlay(context),
        )
    )


def _copies(context: Context, device: Device) -> list[str]:
    """Other file systems that have root's name: a disk that was copied, most likely."""
    kind = device.properties.get("ID_FS_TYPE", "")
    seen = (context.devices.get(each) for each in sorted(context.goals.root_matches))
    others = [each for each in seen if each is not None and each.name != device.name]
    # The devices of one btrfs have one UUID.
    same = [each for each in others if each.properties.get("ID_FS_TYPE", "") == kind]
    return [] if kind in SHARED_UUID else [each.node for each in same]


def may_mount(context: Context, instance: Instance) -> bool:
    """False, with the reason, while root is not to be mounted from this device yet."""
    instance.idle = False
    for strategy in ROOT_MOUNTS:
        for other in context.machine.pending(strategy):
            if other is not instance and other.busy:
                instance.reason = f"{other.subject} has the same name and is being mounted"
                return False
    if _blocked(context, instance):
        return False
    if _unchecked(context, instance) or _lacks_device(context, instance):
        return False
    if context.breakpoints.stop(BreakPoint.MOUNT):
        instance.reason = STOPPED
        return False
    return True


def _blocked(context: Context, instance: Instance) -> bool:
    """True while a technology has the mount wait: root's clock counts meanwhile."""
    if why := rules.blocked(context, instance):
        instance.idle, instance.reason = True, why
    return bool(why)


def _lacks_device(context: Context, instance: Instance) -> bool:
    """True while a device is missing that rootflags= names."""
    for flag in context.settings.mount.flags:
        option, _, path = flag.partition("=")
        if option in DEVICE_OPTIONS and path.startswith("/dev/"):
            spec = DeviceSpec(Naming.PATH, path)
            if not any(spec.names(each) and each.ready for each in context.devices):
                instance.idle = True  # root's clock counts: it may never come
                instance.reason = f"waits for {path}, which rootflags={option}= names"
                return True
    return False


def _root_ended(context: Context, instance: Instance, event: JobEnded) -> None:
    """Where the mount has failed, another device of the same name has its turn."""
    rules.ended(context, instance, event)
    for each in (Strategy.CHECK, Strategy.MOUNT_ROOT):
        context.machine.touch_all(context.machine.pending(each))


def _unchecked(context: Context, instance: Instance) -> bool:
    """True while the file system is still to be checked, or has errors that are left."""
    for each in context.machine.on(instance.subject):
        if (
            each.strategy is Strategy.CHECK
            and not each.succeeded
            and each.state not in (JobState.SKIPPED, JobState.WITHDRAWN)
            and unwanted(context, each) is None
        ):
            failed = each.state is JobState.FAILED
            instance.reason = f"not mounted: {each.reason}" if failed else "waits for its check"
            instance.idle = each.stalled or (failed and not each.expected)
            return True
    return False


def _types(device: Device, asked: tuple[str, ...]) -> tuple[str, ...]:
    found = device.properties.get("ID_FS_TYPE", "")
    return drivers_of(found) if found in asked or not asked else asked


def overlay(context: Context) -> Changes | None:
    """Where the changes to root go; None: to root."""
    wanted = context.settings.overlay
    if wanted is None:
        return None
    for name in context.goals.overlay_devices():
        if (device := context.devices.get(name)) is not None:
            kind = device.properties.get("ID_FS_TYPE", "")
            return Changes(device.node, kind, (), wanted.readonly, wanted.reset)
    # Also where root's time is over and the device for the changes has not come.
    return Changes("", "tmpfs", wanted.options, usr_only=wanted.usr_only)


def step_host(context: Context, instance: Instance) -> None:
    """The file system is there that has the root in a file."""
    device, image = context.device(instance), context.settings.image
    if device is None or image is None:
        return
    options = ("rw" if image.mount.writable else "ro", *image.mount.flags)
    types = _types(device, image.mount.types)
    begin(context, instance)
    context.current.act(Mount(instance.key, instance.run, device.node, HOST, types, options))


def extra_mounts(context: Context, table: tuple[ExtraMount, ...]) -> tuple[ExtraMount, ...]:
    """What is wanted below root: the command line goes before root's own fstab."""
    wanted = {each.target: each for each in listed_below(context)}
    table = tuple(_needing(context, each) for each in table)
    wanted |= {each.target: each for each in table if context.settings.fstab}
    if (usr := context.settings.usr) is not None:
        wanted[usr.target] = usr
    return tuple(wanted[target] for target in sorted(wanted))


def _needing(context: Context, mount: ExtraMount) -> ExtraMount:
    """The mount with the sets that lead to its source, as the job file that lists it says."""
    known = context.settings.listed_types
    if mount.source.naming is Naming.PATH and known:
        forms = (form for each in known.values() for form in each)
        return mount._replace(source=with_needs(mount.source, forms))
    for kind in mount.types if mount.source.naming is Naming.LISTED else ():
        for form in known.get(kind, ()):
            if form.shows and any("*" in each for each in form.forms):
                name = mount.source.value
                return mount._replace(source=listed(name, name, form.shows, form.needs))
    return mount


def listed_below(context: Context) -> tuple[ExtraMount, ...]:
    """What was listed that belongs below the mounted root, and that nothing mentions yet."""
    source = context.goals.mounted.get(SYSROOT, "")
    known = {each.target for each in context.goals.extra_mounts}
    found = []
    for device in context.devices:
        place = device.properties.get(BELOW_ROOT)
        if place and place not in known and device.node.startswith(f"{source}/"):
            spec = DeviceSpec(Naming.LISTED, device.node, shows=((("DEVNAME", device.node),),))
            found.append(ExtraMount(place, spec))
    return tuple(found)


def merged(before: tuple[ExtraMount, ...], more: tuple[ExtraMount, ...]) -> tuple[ExtraMount, ...]:
    """Both, in the order of their places; the earlier go first."""
    wanted = {each.target: each for each in (*more, *before)}
    return tuple(wanted[target] for target in sorted(wanted))


def step_extra(context: Context, instance: Instance) -> None:
    """A device that holds a part of root's tree is there."""
    device = context.device(instance)
    instance.idle = False
    if device is None or _blocked(context, instance) or _unchecked(context, instance):
        return
    target = device.properties.get(TARGET, "")
    for each in context.goals.unmounted():
        if SYSROOT + each.target == target:
            if MAKEFS in each.flags and is_blank(device):
                _leave(context, instance, device, each)
                return
            # A file system that asks for neither is mounted as root is, so that one which is
            # to be checked is not written to before that (R19).
            given = {"ro", "rw"} & set(each.flags)
            as_root = () if given else ("rw" if context.settings.mount.writable else "ro",)
            options = (*as_root, *each.flags)
            types = _types(device, each.types)
            begin(context, instance)
            context.current.act(
                Mount(instance.key, instance.run, device.node, target, types, options)
            )
            return


def _leave(context: Context, instance: Instance, device: Device, mount: ExtraMount) -> None:
    """Leave a mount to the real system, which makes its file system first (systemd.mount(5))."""
    goals = context.goals
    goals.want(tuple(each for each in goals.extra_mounts if each is not mount))
    instance.idle, instance.reason = True, f"{mount.target} is left to the real system"
    what = f"{device.node} is empty, and no file system is made here ({MAKEFS})"
    context.report(f"{mount.target}: {what}; it is left to the real system")
    context.current.stir()


def left(context: Context, instance: Instance) -> None:
    """A check or mount is not pending any more; note when the first was given up."""
    if instance.state is JobState.FAILED and not instance.expected:
        context.outcome.gave_up()


def missing(context: Context) -> str:
    """What has not turned up or could not be mounted yet, for the user."""
    return first_missing(context, context.wanted)


def _root_missing(context: Context) -> str:
    if missing := overlay_missing(context):
        return missing
    return f"root, {context.settings.root}"


def _extra_reached(context: Context) -> bool:
    return not context.goals.unmounted() and not _unlisted(context)


def _unlisted(context: Context) -> bool:
    """True while a new engine has not listed again what it finds mounted as root (R5)."""
    root, source = context.settings.root, context.goals.mounted.get(SYSROOT)
    if root is None or root.naming is not Naming.LISTED or source is None:
        return False
    return not any(each.kind is LISTED and each.node == source for each in context.devices)


def _extra_missing(context: Context) -> str:
    if _unlisted(context):
        return "a look at what belongs below root"
    return ", ".join(f"{each.target}, {each.source}" for each in context.goals.unmounted())


ROOT: Goal = Goal("root", lambda context: context.goals.root_mounted, _root_missing)
EXTRA: Goal = Goal("extra mounts", _extra_reached, _extra_missing)


def failed(context: Context) -> Iterable[Instance]:
    """The checks and mounts that were given up, of devices for places that are still wanted."""
    goals = context.goals
    wanted = {SYSROOT, *(SYSROOT + each.target for each in goals.extra_mounts)}
    for device in sorted(goals.devices_for(wanted - goals.mounted.keys())):
        for instance in context.machine.on(device):
            # What a server refuses is asked for again and again, and told all the same.
            strategy = instance.strategy
            given_up = strategy is Strategy.MOUNT_EXPORT or (
                instance.failures >= instance.definition.tries
            )
            if (
                context.handlers.manner(instance).mounts
                and instance.state is JobState.FAILED
                and given_up
            ):
                yield instance


def look(context: Context) -> None:
    """A device has changed: it may be the one that an idle mount waits for."""
    for instance in context.machine.pending(Strategy.MOUNT_ROOT):
        if instance.idle:
            context.machine.touch(instance)


def revive(context: Context, name: str) -> None:
    """A new device has turned up: what has failed for want of one is tried again, a few times."""
    for instance in tuple(failed(context)):
        if instance.subject != name and instance.revivals < REVIVALS:
            instance.revivals += 1
            instance.failures = 0
            context.machine.move(instance, Stimulus.RETRY, f"{name} has turned up")


def _advice(context: Context, instance: Instance) -> Iterator[Advice]:
    """What to do about a root that could not be mounted."""
    device = context.device(instance)
    if device is None or instance.state is not JobState.FAILED:
        return
    ext = device.properties.get("ID_FS_TYPE", "").startswith("ext")
    check = (f"e2fsck -f {device.node}", "check it, then `initpy retry`")
    yield Advice(
        f"{device.node} could not be mounted: is rootfstype= or rootflags= wrong, or is it "
        "damaged?",
        (
            ("dmesg | tail -n 40", "why, in the kernel's words"),
            *((check,) if ext else ()),
        ),
    )
