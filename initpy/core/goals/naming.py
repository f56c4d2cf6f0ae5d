"""Which devices are meant: the root, what is mounted below it, what holds the root's changes.

Most names are shown by the device itself. Two are not: `PARTUUID=…/PARTNROFF=n`
and gpt-auto (Discoverable Partitions Specification) name a partition by its
place among others, so that every partition that comes or goes may change what
they mean. Whatever is meant carries a mark, which the job files match.
"""

from initpy.core.devices.graph import Device, inside_member
from initpy.core.machine.context import HOST, SYSROOT, State
from initpy.core.machine.timers import Timer
from initpy.core.settings import DeviceSpec, ImageFile, Naming
from initpy.core.storage import btrfs as groups

ROLE = "INITPY_ROLE"  # root
CRYPT = "INITPY_CRYPT"  # an encrypted volume that only its name tells from random bytes
IMAGE = "INITPY_IMAGE"  # the file with the root on this device's file system, "no": not mounted
CHECK = "INITPY_CHECK"  # where it is to be mounted once its file system is checked
TARGET = "INITPY_MOUNT"  # where below the new root this device is to be mounted

# A device with one of these holds another layer, not a file system to mount.
LAYERS = ("crypto", "raid")
TYPE, DISK, NUMBER = "ID_PART_ENTRY_TYPE", "ID_PART_ENTRY_DISK", "ID_PART_ENTRY_NUMBER"
PARTITION_UUID = "ID_PART_ENTRY_UUID"

# Attributes of a GPT partition in the specification.
NO_AUTO, READ_ONLY = 1 << 63, 1 << 60
# Without the firmware's word on which disk was booted, another disk may show a root partition
# too, and which comes first must not decide: so long one that is alone is not taken.
ALONE_SECONDS = 3.0


def indexed(root: DeviceSpec | None) -> tuple[str, ...]:
    """The properties by which the devices that a name may mean are looked up."""
    return (TYPE, DISK, PARTITION_UUID) if root is not None and root.relative else ()


def refresh(state: State, name: str) -> list[str]:
    """Bring the marks up to date after a change of this device; those whose marks changed."""
    changed = [*_mark_root(state, name), *groups.refresh(state, name)]
    if state.settings.image is not None:
        changed += [name] if _mark_host(state, state.settings.image, name) else []
    if state.settings.volumes and _mark_volume(state, name):
        changed.append(name)
    if state.further:
        changed += [name] if _mark_target(state, name) else []
    return changed


def _mark_volume(state: State, name: str) -> bool:
    """Mark what people named as encrypted and what shows no header of its own."""
    device = state.devices.get(name)
    volume = state.settings.volume(device) if device is not None else None
    if device is None or volume is None or not volume.unmarked or CRYPT in device.properties:
        return False
    state.devices.mark(name, CRYPT, "named")
    return True


def refresh_all(state: State) -> list[str]:
    """After a mount: what is to be mounted next may be any device."""
    names = [each.name for each in state.devices]
    return [name for name in names if _mark_target(state, name)]


def refresh_host(state: State, image: ImageFile) -> list[str]:
    """After the mount of the file system that has the root in a file."""
    names = [each.name for each in state.devices]
    return [name for name in names if _mark_host(state, image, name)]


def read_only(device: Device) -> bool:
    """True when the partition's attributes say so; root= by other means takes no notice of them."""
    return bool(_attributes(device) & READ_ONLY)


def _mark_host(state: State, image: ImageFile, name: str) -> bool:
    """Mark the file system that has the root in a file, with the file once that is to be seen."""
    device = state.devices.get(name)
    if device is None or not image.host.names(device) or _is_layer(device):
        return False
    mark = f"{HOST}{image.path}" if HOST in state.mounted else "no"
    if device.properties.get(IMAGE) == mark:
        return False
    state.devices.mark(name, IMAGE, mark)
    return True


def _mark_root(state: State, name: str) -> list[str]:
    root, device = state.settings.root, state.devices.get(name)
    if root is None:
        return []
    if root.relative:
        state.named = _auto(state) if root.naming is Naming.GPT_AUTO else _offset(state, root)
    else:
        found = (
            device is not None
            and root.names(device)
            and not _is_layer(device)
            # A loop device is there before it has its file.
            and (state.settings.image is None or "ID_FS_TYPE" in device.properties)
            and not inside_member(state.devices, device)
        )
        (state.named.add if found else state.named.discard)(name)
    meant = set(state.named) if _overlay_is_there(state, name) else set()
    changed = sorted(meant ^ state.by_role)
    state.by_role = meant
    for each in changed:
        state.devices.mark(each, ROLE, "root" if each in meant else None)
        if (device := state.devices.get(each)) is not None and _checks_root(state, device):
            state.devices.mark(each, CHECK, SYSROOT if each in meant else None)
    return changed


def _checks_root(state: State, device: Device) -> bool:
    """Not what stays as it is: below an overlay, or where the partition is marked read-only."""
    root = state.settings.root
    auto = root is not None and root.naming is Naming.GPT_AUTO
    stays = state.settings.overlay is not None or (auto and read_only(device))
    return state.settings.check is not None and not stays


def _overlay_is_there(state: State, name: str) -> bool:
    """True unless the root's changes are to go to a disk that has not come."""
    overlay, device = state.settings.overlay, state.devices.get(name)
    if overlay is None or overlay.source is None:
        return True
    found = device is not None and device.ready and not _is_layer(device)
    named = found and device is not None and overlay.source.names(device)
    (state.overlay_on.add if named else state.overlay_on.discard)(name)
    return bool(state.overlay_on)


def _is_layer(device: Device) -> bool:
    return device.properties.get("ID_FS_USAGE") in LAYERS


def _offset(state: State, root: DeviceSpec) -> set[str]:
    """The kernel's PARTNROFF: so many partitions after the one of that UUID."""
    found = set()
    for name in state.devices.having(PARTITION_UUID, root.value):
        base = state.devices.get(name)
        if base is None:
            continue
        number = str(_number(base) + root.offset)
        for each in state.devices.having(DISK, base.properties.get(DISK, "")):
            device = state.devices.get(each)
            if device and device.properties.get(NUMBER) == number and not _is_layer(device):
                found.add(each)
    return found


def _auto(state: State) -> set[str]:
    """gpt-auto: the first partition of the root's type on the disk that was booted."""
    disks = candidates(state)
    if len(disks) != 1:
        return set()
    (partition,) = (min(found, key=_number) for found in disks.values())
    if state.settings.boot_partition is None and not state.alone:
        if not state.timers.armed(Timer.ALONE, ""):
            state.timers.start(Timer.ALONE, "", state.now + ALONE_SECONDS)
        return set()
    if partition.properties.get("ID_FS_USAGE") == "crypto":
        above = state.devices.holders(partition.name)
        crypt = [each for each in above if each.properties.get("DM_UUID", "").startswith("CRYPT-")]
        return {each.name for each in crypt if not _is_layer(each)}
    return set() if _is_layer(partition) else {partition.name}


def candidates(state: State) -> dict[str, list[Device]]:
    """The partitions of the root's type, by disk: only the booted one if it is known."""
    root, booted = state.settings.root, state.settings.boot_partition
    found: dict[str, list[Device]] = {}
    if root is None or root.naming is not Naming.GPT_AUTO:
        return found
    for name in sorted(state.devices.having(TYPE, root.value)):
        device = state.devices.get(name)
        if device is not None and not _attributes(device) & NO_AUTO:
            found.setdefault(device.properties.get(DISK, ""), []).append(device)
    if booted is not None:
        on = {
            device.properties.get(DISK, "")
            for name in state.devices.having(PARTITION_UUID, booted)
            if (device := state.devices.get(name)) is not None
        }
        found = {disk: parts for disk, parts in found.items() if disk in on}
    return found


def _number(device: Device) -> int:
    text = device.properties.get(NUMBER, "")
    return int(text) if text.isdecimal() else 0


def _attributes(device: Device) -> int:
    try:
        return int(device.properties.get("ID_PART_ENTRY_FLAGS", "0"), 16)
    except ValueError:
        return 0


def _mark_target(state: State, name: str) -> bool:
    """Mark the device with the first place that is still to be mounted from it."""
    device = state.devices.get(name)
    if device is None:
        for names in state.targets.values():
            names.discard(name)
        return False
    target, checked = None, False
    missing = state.unmounted() if SYSROOT in state.mounted else []
    for each in missing:
        above = any(each.target.startswith(f"{other.target}/") for other in missing)
        if not above and not _is_layer(device) and each.source.names(device):
            target, checked = SYSROOT + each.target, each.checked
            break
    before = device.properties.get(TARGET)
    if before == target:
        return False
    if before is not None:
        state.targets.get(before, set()).discard(name)
    if target is not None:
        state.targets.setdefault(target, set()).add(name)
    state.devices.mark(name, TARGET, target)
    if name not in state.by_role:  # which is mounted, or being so, already
        wanted = checked and state.settings.check is not None
        state.devices.mark(name, CHECK, target if wanted else None)
    return True


def why_not(state: State) -> str | None:
    """Why no device is taken for the root although some are named; None when that is not so."""
    if state.by_role:
        return None
    found = candidates(state)
    if len(found) > 1:
        nodes = ", ".join(each.node for parts in found.values() for each in parts)
        return f"more than one disk has such a partition: {nodes}; say which, root=PARTUUID=…"
    overlay = state.settings.overlay
    if state.named and overlay is not None:
        names = ", ".join(sorted(state.named))
        return f"found on {names}; waits for {overlay.source}, where changes go ({overlay.by})"
    if found and not state.alone and state.settings.boot_partition is None:
        return "one has turned up; waits whether another disk has one, too"
    return None
