"""Which devices are meant: root, what is mounted below it, what holds the changes to root.

Most names are shown by the device itself; for the others see `gpt_auto`. Whatever is meant
carries a mark, which the job files match.
"""

from collections.abc import Iterable

from initpy.core.devices.filesystems import is_blank_plain
from initpy.core.devices.graph import BLOCK, CRYPTO, EXPORT, LISTED, Device, inside_member
from initpy.core.devices.marks import (
    CHECK,
    CRYPT,
    IMAGE,
    LOOK,
    OTHER_CHECK,
    RESUME,
    ROLE,
    TARGET,
)
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.goals import gpt_auto
from initpy.core.jobs.definitions import Strategy
from initpy.core.settings import ImageFile
from initpy.core.state.context import Context
from initpy.core.state.goals import HOST, SYSROOT

# With these, the kernel mounts a file system whose journal is not empty as it is: ext4(5), xfs(5).
UNREPLAYED = frozenset(("noload", "norecovery"))
OPENED = "CRYPT-"  # the beginning of the DM_UUID of what cryptsetup opens


def refresh(context: Context, name: str, before: Device | None = None) -> list[str]:
    """Bring the marks up to date after a change of this device; those whose marks changed."""
    changed, settings = _mark_root(context, name, before), context.settings
    if settings.image is not None and _mark_host(context, settings.image, name):
        changed.append(name)
    if context.goals.resuming:
        # A name by place may mean another device now, of which this event is not.
        changed += [each for each in (name, *changed) if _mark_resume(context, each)]
    if settings.volumes and _mark_volume(context, name):
        changed.append(name)
    if context.goals.extra_mounts and _mark_target(context, name):
        changed.append(name)
    if settings.other_checks and _mark_other_check(context, name):
        changed.append(name)
    return changed


def _mark_other_check(context: Context, name: str) -> bool:
    """Mark what the machine's fstab has checked besides root."""
    device, wanted = context.devices.get(name), context.settings.other_checks
    settings = context.settings
    if device is None or device.is_layer or settings.check is None or settings.refusal:
        return False  # of a boot that does not go on nothing is written to
    target = next((each.target for each in wanted if each.source.names(device)), None)
    if device.properties.get(OTHER_CHECK) == target:
        return False
    context.devices.mark(name, OTHER_CHECK, target)
    return True


def _mark_volume(context: Context, name: str) -> bool:
    """Mark what the user named as encrypted and what shows no header of its own."""
    device = context.devices.get(name)
    volume = context.volume(device) if device is not None else None
    if device is None or volume is None or not volume.unmarked or CRYPT in device.properties:
        return False
    context.devices.mark(name, CRYPT, "named")
    return True


def _mark_resume(context: Context, name: str) -> bool:
    """Mark the device that may have a hibernated system."""
    device, wanted = context.devices.get(name), context.settings.resume
    if device is None or wanted is None or RESUME in device.properties:
        return False
    if wanted.source.relative:  # the root, which has a swap file
        if name not in context.goals.root_matches:
            return False
    elif device.is_layer or is_blank_plain(device) or not wanted.source.names(device):
        return False
    context.devices.mark(name, RESUME, "yes")
    return True


def refresh_all(context: Context) -> list[str]:
    """After a mount: what is to be mounted next may be any device."""
    names = [each.name for each in context.devices]
    return [name for name in names if _mark_target(context, name)]


def rename(context: Context) -> list[str]:
    """Root has another name now; the devices whose marks changed."""
    names = [each.name for each in context.devices]
    return [changed for name in names for changed in _mark_root(context, name, None)]


def refresh_host(context: Context, image: ImageFile) -> list[str]:
    """After the mount of the file system that has the root in a file."""
    names = [each.name for each in context.devices]
    return [name for name in names if _mark_host(context, image, name)]


def _mark_host(context: Context, image: ImageFile, name: str) -> bool:
    """Mark the file system that has the root in a file, with the file once that is to be seen."""
    device = context.devices.get(name)
    if device is None or device.is_layer or LOOK in device.properties:
        return False
    if not image.host.names(device):
        return False
    mark = f"{HOST}{image.path}" if HOST in context.goals.mounted else "no"
    if device.properties.get(IMAGE) == mark:
        return False
    context.devices.mark(name, IMAGE, mark)
    return True


def _mark_root(context: Context, name: str, before: Device | None) -> list[str]:
    root, goals, device = context.settings.root, context.goals, context.devices.get(name)
    if root is None or context.settings.refusal:
        return []
    if root.relative:
        if name and not (gpt_auto.concerns(device) or gpt_auto.concerns(before)):
            if context.settings.overlay is None:
                return []
        else:
            goals.name_all(gpt_auto.meant(context, root))
    else:
        named = device is not None and _is_named(context, root, device)
        named = named and device is not None and may_be_root(context, device)
        if goals.stand_in is not None and device is not None and named:
            _prefer_root(context, root, device)
        news = goals.name(name, named) or context.looks.on or _is_uncovered(before, device)
        if not news and context.settings.overlay is None:
            return []
    found = _mountable(context, goals.root_candidates)
    matches = found if _overlay_is_there(context, name) else set()
    changed = goals.match(matches)
    for each in changed:
        kind = device.kind if (device := context.devices.get(each)) is not None else BLOCK
        role = "root" if kind in (BLOCK, LISTED) else kind.name
        context.devices.mark(each, ROLE, role if each in matches else None)
        if (marked := context.devices.get(each)) is not None and _checks_root(context, marked):
            context.devices.mark(each, CHECK, SYSROOT if each in matches else None)
    return changed


def _is_uncovered(before: Device | None, now: Device | None) -> bool:
    """True for a device that was taken for one that is only looked into, and is not any more."""
    known = now is not None and LOOK not in now.properties
    return known and before is not None and LOOK in before.properties


def _mountable(context: Context, names: Iterable[str]) -> set[str]:
    """Those that are not just looked into."""
    devices = ((name, context.devices.get(name)) for name in names)
    return {name for name, each in devices if each is None or LOOK not in each.properties}


def _is_named(context: Context, root: DeviceSpec, device: Device) -> bool:
    """True for the device that root= names, and for what an encrypted volume of this name is.

    booster(1) and older mkinitcpio have root= name the volume: it is opened, and that is root.
    """
    stand_in = context.goals.stand_in
    if _has_name(root, stand_in, device):
        return True
    if not device.properties.get("DM_UUID", "").startswith(OPENED):
        return False
    below = (context.devices.get(each) for each in context.devices.under(device.slaves))
    return any(
        each.usage == CRYPTO and _has_name(root, stand_in, each)
        for each in below
        if each is not None
    )


def _has_name(root: DeviceSpec, stand_in: DeviceSpec | None, device: Device) -> bool:
    return root.names(device) or (stand_in is not None and stand_in.names(device))


def _prefer_root(context: Context, root: DeviceSpec, device: Device) -> None:
    """Have nothing stand in for root any more if this is what root= names."""
    goals, stand_in = context.goals, context.goals.stand_in
    if goals.root_mounted or any(
        each.busy for each in context.machine.pending(Strategy.MOUNT_ROOT)
    ):
        return  # it is too late
    goals.stand_in_for_root(None)
    if _is_named(context, root, device):
        for each in [name for name in goals.root_candidates if name != device.name]:
            goals.name(each, False)
    else:
        goals.stand_in_for_root(stand_in)


def may_be_root(context: Context, device: Device) -> bool:
    """True for what can be mounted as root, if it has a file system."""
    return (
        device.kind in (BLOCK, EXPORT, LISTED)
        and not device.is_layer
        and not is_blank_plain(device)
        # A network block device is there before it is connected.
        and device.properties.get("size") != "0"
        # A loop device is there before it has its file.
        and (context.settings.image is None or "ID_FS_TYPE" in device.properties)
        and not inside_member(context.devices, device)
    )


def _checks_root(context: Context, device: Device) -> bool:
    """Not what stays as it is: below an overlay, or where the partition is marked read-only."""
    root = context.settings.root
    auto = root is not None and root.naming is Naming.GPT_AUTO
    stays = context.settings.overlay is not None or (auto and gpt_auto.read_only(device))
    stays = stays or device.kind is not BLOCK or _is_as_left(context.settings.mount.flags)
    return context.settings.check is not None and not stays


def _is_as_left(flags: Iterable[str]) -> bool:
    """True where the journal is not to be replayed (ext4(5), xfs(5)): a check would do so."""
    return not UNREPLAYED.isdisjoint(flags)


def _overlay_is_there(context: Context, name: str) -> bool:
    """True unless the changes to root are to go to a disk that has not come."""
    overlay, device = context.settings.overlay, context.devices.get(name)
    if overlay is None or overlay.source is None or context.goals.in_memory:
        return True
    found = device is not None and device.ready and not device.is_layer
    named = found and device is not None and overlay.source.names(device)
    return context.goals.overlay_on(name, named)


def _mark_target(context: Context, name: str) -> bool:
    """Mark the device with the first place that is still to be mounted from it."""
    device, goals = context.devices.get(name), context.goals
    if device is None:
        goals.forget(name)
        return False
    target, checked = None, False
    usable = goals.root_mounted and LOOK not in device.properties
    missing = goals.unmounted() if usable else []
    for each in missing:
        above = any(each.target.startswith(f"{other.target}/") for other in missing)
        fits = not device.is_layer and not is_blank_plain(device)
        if not above and fits and each.source.names(device):
            target, checked = SYSROOT + each.target, each.checked
            break
    before = device.properties.get(TARGET)
    if before == target:
        return False
    goals.aim(name, before, target)
    context.devices.mark(name, TARGET, target)
    if name not in goals.root_matches:  # which is mounted, or being so, already
        wanted = checked and context.settings.check is not None
        context.devices.mark(name, CHECK, target if wanted else None)
    return True


def asked_for(context: Context, device: Device) -> str:
    """What of that which is still to be mounted this device is, in words; "" if it is nothing."""
    settings, goals = context.settings, context.goals
    if not goals.root_mounted:
        if device.name in goals.root_candidates:
            return f"root, {settings.root},"
        if settings.image is not None and settings.image.host.names(device) and not device.is_layer:
            return f"the file system with root in a file, {settings.image.host},"
    below = goals.unmounted() if goals.root_mounted else filter(None, (settings.usr,))
    for each in below:
        if each.source.names(device) and not device.is_layer:
            return f"{each.target}, {each.source},"
    return ""


def overlay_missing(context: Context) -> str:
    """What has not turned up although root has: the device for its changes; "" if it is there."""
    goals, overlay = context.goals, context.settings.overlay
    if overlay is None or overlay.source is None or not goals.root_candidates:
        return ""
    if goals.overlay_devices() or goals.root_mounted or goals.in_memory:
        return ""
    return f"{overlay.encrypted or overlay.source}, where changes to root go ({overlay.by}=)"


def why_not(context: Context) -> str | None:
    """Why no device is taken for root although some are named; None when that is not so."""
    goals = context.goals
    if goals.root_matches:
        return None
    found = gpt_auto.candidates(context)
    if len(found) > 1:
        nodes = ", ".join(each.node for parts in found.values() for each in parts)
        return f"more than one disk has such a partition: {nodes}; say which, root=PARTUUID=…"
    if missing := overlay_missing(context):
        return f"found on {', '.join(sorted(goals.root_candidates))}; waits for {missing}"
    if found and not goals.sole_candidate and context.settings.boot_partition is None:
        return "one has turned up; waits whether another disk has one, too"
    return None
