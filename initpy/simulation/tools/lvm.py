"""LVM: pvscan(8) and lvchange(8)/vgchange(8) as the job files call them.

`pvscan --cache` notes each physical volume that is shown to it below /run/lvm/pvs_online and says
whether all of its group are noted by now (AUTOACTIVATION in pvscan(8)). lvchange itself looks at
what is there: an incomplete group's volumes are activated as the activation mode allows, by
default "degraded": RAID volumes may lack what they can lose (lvmraid(7)).
"""

import re
from collections.abc import Generator, Sequence

from initpy.simulation.kernel import dm
from initpy.simulation.kernel.process import Answer, Call, Wait, Work
from initpy.simulation.kernel.udev import Udev
from initpy.simulation.tools.lvm_access import System, chosen, ignored, owner, system_of
from initpy.simulation.world.plans import GroupPlan, LogicalPlan, PhysicalPlan, Place
from initpy.simulation.world.redundancy import spare
from initpy.simulation.world.waits import Cookie
from initpy.simulation.world.world import Block, Mapped, World

SCAN_SECONDS, ACTIVATE_SECONDS = 0.4, 0.5
COUNT_SECONDS = 0.05  # from a scan's record until it counts all of them
BY_UUID = "vg_uuid="  # --select, the only word that tells groups of one name apart
PATTERN = re.compile(r'"([ar])\|([^|"]*)\|"')  # of global_filter, lvm.conf(5)
DEVICES_FILE = "/etc/lvm/devices/system.devices"


def lvm(world: World, udev: Udev, call: Call) -> Work:
    """The `lvm` program; `env LVM_SYSTEM_DIR= lvm` leaves its configuration aside."""
    words = call.words
    at = words.index("lvm") if "lvm" in words else 0
    configured = not any(word == "LVM_SYSTEM_DIR=" for word in words[:at])
    command = words[at + 1] if len(words) > at + 1 else ""
    system = system_of(world, words, configured)
    if command == "pvscan":
        return (yield from _pvscan(world, words, configured, system))
    if command == "pvs":
        return (yield from _pvs(world, words))
    if command == "vgimport":
        return (yield from _import(world, words[-1]))
    if command in ("lvchange", "vgchange"):
        if "n" in words and words[-1].startswith(BY_UUID):
            return (yield from _deactivate(world, udev, words[-1].removeprefix(BY_UUID)))
        if "--refresh" in words or "n" in words:
            return (yield from _reload(world, udev, words, system))
        return (yield from _change(world, udev, words, system))
    return None


def _excluded(world: World, configured: bool) -> bool:
    """A devices file lists the only devices that count; see lvmdevices(8)."""
    files = dict(world.scenario.files)
    used = "use_devicesfile = 1" in files.get("/etc/lvm/lvm.conf", "")
    return configured and used and DEVICES_FILE in files


def _is_volume(world: World, block: Block, words: Sequence[str]) -> bool:
    """True for a volume of LVM, on which it looks for no physical volume (scan_lvs in lvm.conf)."""
    if block.mapping is None or block.mapping.logical is None:
        return False
    files = dict(world.scenario.files) if "LVM_SYSTEM_DIR=" not in words else {}
    return "scan_lvs = 1" not in files.get("/etc/lvm/lvm.conf", "")


def _rejected(block: Block, words: Sequence[str]) -> bool:
    """True if the filter of the command rejects the device by one name, and accepts it by none."""
    patterns = [found for word in words for found in PATTERN.findall(word)]
    names = [block.node, *([f"/dev/mapper/{block.mapping.name}"] if block.mapping else [])]
    said = [next((act for act, each in patterns if re.search(each, name)), "") for name in names]
    return "r" in said and "a" not in said


def _pvs(world: World, words: tuple[str, ...]) -> Work:
    yield SCAN_SECONDS
    node = words[-1]
    block = world.at(node)
    physical = block.place.content if block is not None and block.place is not None else None
    if not isinstance(physical, PhysicalPlan):
        return Answer(5, complaints=f"  Failed to find physical volume {node}.")
    if "vg_uuid" in words:
        return Answer(0, f"LVM2_VG_UUID='{physical.group.uuid}'\n")
    return Answer(0, owner(physical.group))


def _import(world: World, name: str) -> Work:
    yield ACTIVATE_SECONDS
    for group in world.disks.groups.values():
        if group.name == name and group.left == "exported" and name not in world.imported:
            world.imported.add(name)
            return Answer(0, f'  Volume group "{name}" successfully imported\n')
    return Answer(5, complaints=f'  Volume group "{name}" is not exported')


def _reload(world: World, udev: Udev, words: tuple[str, ...], system: System) -> Work:
    """lvchange --refresh, which makes a volume writable, and --activate n."""
    yield ACTIVATE_SECONDS
    name, _, volume = words[-1].partition("/")
    groups = [each for each in world.disks.groups.values() if each.name == name]
    group, why = chosen(groups, system) if groups else (None, "")
    block = dm.named(world, f"{_doubled(name)}-{_doubled(volume)}")
    if group is None or block is None or block.mapping is None:
        return Answer(5, complaints=why or f"  Failed to find logical volume {words[-1]}")
    if "--refresh" in words:
        cookie = Cookie()
        block.mapping.read_only = False
        dm.reload(udev, block, cookie)
        yield cookie
    elif world.used(block):
        return Answer(5, complaints=f"  Logical volume {words[-1]} in use.")
    else:
        dm.remove(world, udev, block)
    return Answer(0)


def _deactivate(world: World, udev: Udev, uuid: str) -> Work:
    """lvchange --activate n --select vg_uuid=UUID: all volumes of that group."""
    yield ACTIVATE_SECONDS
    complaints = []
    for group in (each for each in world.disks.groups.values() if each.uuid == uuid):
        for volume in group.volumes:
            block = dm.named(world, f"{_doubled(group.name)}-{_doubled(volume.name)}")
            if block is None or block.place is not volume.inside:
                continue
            if world.used(block):
                complaints.append(f"  Logical volume {group.name}/{volume.name} in use.")
            else:
                dm.remove(world, udev, block)
    return Answer(5 if complaints else 0, "", "\n".join(complaints).strip())


def _pvscan(world: World, words: tuple[str, ...], configured: bool, system: System) -> Work:
    yield SCAN_SECONDS
    node = words[-1]
    block = world.at(node)
    facts_only = "--udevoutput" in words
    if block is None or block.place is None:
        return Answer(5, complaints=f"  Failed to find physical volume {node}.")

    def silent(why: str, status: int = 0) -> Answer:
        return Answer(status, "", "" if facts_only and not status else why)

    if _excluded(world, configured):
        return silent(
            f"  pvscan[1] No autoactivation for {node}: not found in system.devices.\n"
            f"  pvscan[1] {node} excluded: device is not in devices file."
        )
    if _is_volume(world, block, words):
        return silent(f"  pvscan[1] {node} excluded: device is an LV.")
    physical = block.place.content
    if not isinstance(physical, PhysicalPlan) or "label" in block.place.damages:
        return silent(f"  pvscan[1] {node} not an LVM device.")
    if "metadata" in block.place.damages:
        bare = physical.uuid.replace("-", "")
        return silent(
            f"  WARNING: wrong checksum 6a81e25e in mda header on {node} at 4096\n"
            f"  WARNING: bad metadata header on {node} at 4096.\n"
            f"  WARNING: scan failed to get metadata summary from {node} PVID {bare}\n"
            f"  pvscan[1] PV {node} has no VG metadata."
        )
    if why := ignored(physical.group, system):
        return silent(f"  pvscan[1] PV {node} ignore {why} VG.")
    noted = world.online.get(physical.uuid)
    if noted is not None and noted[0] != block.number:
        bare = physical.uuid.replace("-", "")
        why = (
            f"  pvscan[1] PV {node} {block.number} is duplicate for PVID {bare} on {noted[0]} "
            f"{noted[1]}.\n  pvscan[1] PV {node} failed to create online file."
        )
        return Answer(5, "", "" if facts_only else why)
    world.online[physical.uuid] = block.number, node
    # Of scans at one time each may find all the records (pvscan(8), AUTOACTIVATION: each volume is
    # recorded, then those of its group are counted).
    yield COUNT_SECONDS
    group = physical.group
    whole = all(each.uuid in world.online for each in group.physical)
    key = "LVM_VG_NAME_COMPLETE" if whole else "LVM_VG_NAME_INCOMPLETE"
    return Answer(0, f"{key}='{group.name}'\n")


def _present(world: World, group: GroupPlan, words: Sequence[str]) -> dict[str, list[Block]]:
    """The devices on which each physical volume of the group is to be seen.

    `words`: the command; the filter in its --config may reject devices.
    """
    found: dict[str, list[Block]] = {}
    for block in world.blocks.values():
        physical = block.place.content if block.place is not None else None
        if not isinstance(physical, PhysicalPlan) or physical.group is not group:
            continue
        place = block.place
        if place is None or {*place.damages} & {"label", "metadata"}:
            continue
        if block.known is not None and block.known.get("DM_MULTIPATH_DEVICE_PATH") == "1":
            continue  # a component, multipath_component_detection in lvm.conf(5)
        if block.array is not None and block.array.state == "inactive":
            continue
        if _rejected(block, words) or _is_volume(world, block, words):
            continue
        found.setdefault(physical.uuid, []).append(block)
    return found


def _change(world: World, udev: Udev, words: tuple[str, ...], system: System) -> Work:
    yield ACTIVATE_SECONDS
    partial = "partial" in words
    complaints: list[str] = [*system.complaints]
    status, active = 0, 0
    first = words.index("--sysinit") + 1 if "--sysinit" in words else len(words) - 1
    given = words[first:]
    for before, word in zip(("", *given), given, strict=False):
        if (
            before == "--config"
            or word.startswith("--")
            or word in ("partial", "complete", "degraded")
        ):
            continue
        name, _, wanted = word.partition("/")
        found = [
            each
            for each in world.disks.groups.values()
            if each.name == name or word == f"{BY_UUID}{each.uuid}"
        ]
        name = found[0].name if found else name
        groups = [each for each in found if _present(world, each, words)]
        group, why = chosen(groups, system) if groups else (None, "")
        if groups and group is None:
            complaints.append(why)
            status = 5
            continue
        present = _present(world, group, words) if group is not None else {}
        if group is None:
            complaints.append(f'  Volume group "{name}" not found')
            status = 5
            continue
        if any(len(each) > 1 for each in present.values()):
            what = f"  Cannot activate LVs in VG {name} while PVs appear on duplicate devices."
            complaints.append(what)
            status = 5
            continue
        missing = [each for each in group.physical if each.uuid not in present]
        for each in missing:
            complaints.append(f"  WARNING: Couldn't find device with uuid {each.uuid}.")
        for each in missing:
            complaints.append(
                f"  WARNING: VG {name} is missing PV {each.uuid} (last written to {each.device})."
            )
        if wanted and all(each.name != wanted for each in group.volumes):
            complaints.append(f'  Failed to find logical volume "{name}/{wanted}"')
            status = 5
        for volume in group.volumes:
            if wanted and volume.name != wanted:
                continue
            if group.left == "skipped" and "--ignoreactivationskip" not in words:
                continue  # without a word
            if system.plain and volume.type not in ("linear", "striped"):
                continue
            lacks = [each for each in volume.needs if each in missing]
            if lacks and not partial and not spare(volume, len(lacks)):
                complaints.append(
                    f"  Refusing activation of partial LV {name}/{volume.name}.  "
                    "Use '--activationmode partial' to override."
                )
                status = 5
                continue
            holes = bool(lacks) and not spare(volume, len(lacks))
            block = dm.named(world, f"{_doubled(name)}-{_doubled(volume.name)}")
            if block is not None and block.place is not volume.inside:
                complaints.append(
                    f"  device-mapper: create ioctl on {name}-{volume.name} failed: "
                    "Device or resource busy"
                )
                status = 5
                continue
            read_only = system.read_only == name
            whole = not wanted
            yield from _activate(world, udev, group, volume, present, holes, whole, read_only)
            active += 1
    return Answer(status, "", "\n".join(complaints).strip())


def _activate(
    world: World,
    udev: Udev,
    group: GroupPlan,
    volume: LogicalPlan,
    present: dict[str, list[Block]],
    partial: bool,
    whole: bool,
    read_only: bool,
) -> Generator[Wait, None, None]:
    """Its mappings, the inner ones first; what is there already is left as it is.

    `whole`: the group is activated, a pool with a mapping of its own included.
    """
    name = f"{_doubled(group.name)}-{_doubled(volume.name)}"
    if dm.named(world, name) is not None:
        return
    below = [present[each.uuid][0].name for each in volume.needs if each.uuid in present]
    bare = group.uuid.replace("-", "") + volume.uuid.replace("-", "")
    prefix = _doubled(group.name)

    def inner(part: str, layer: str, on: list[str], kind: str = "") -> str:
        whole = f"{prefix}-{part}" + (f"-{layer}" if layer else "")
        found = dm.named(world, whole)
        if found is not None:
            return found.name
        uuid = f"LVM-{bare[:32]}{part:0<32}"[:68] + (f"-{kind or layer}" if kind or layer else "")
        mapping = Mapped(whole, uuid, hidden=True, logical=(group.name, part, layer))
        return dm.create(world, udev, mapping, None, on, cookie).name

    if volume.type not in ("", "linear", "striped"):  # superblocks of dm-raid, metadata of dm-thin
        for name_below in below:
            if not _read_only(world, world.blocks[name_below]):
                world.write(world.blocks[name_below], f"activation of {group.name}/{volume.name}")
    cookie = Cookie()
    own = _doubled(volume.name)
    slaves = below
    match volume.type:
        case "raid1" | "raid5":
            slaves = []
            for number, physical in enumerate(volume.needs):
                if physical.uuid in present:
                    on = [present[physical.uuid][0].name]
                    slaves.append(inner(f"{own}_rmeta_{number}", "", on))
                    slaves.append(inner(f"{own}_rimage_{number}", "", on))
        case "mirror":
            slaves = [inner(f"{own}_mimage_{number}", "", [on]) for number, on in enumerate(below)]
        case "thin":
            data = [inner(f"pool_{each}", "", below) for each in ("tmeta", "tdata")]
            slaves = [inner("pool", "tpool", data)]
            if whole:
                inner("pool", "", slaves, "pool")
        case "cachevol":
            fast = inner("fast_cvol", "", below[-1:], "cvol")
            slaves = [inner("fast_cvol", each, [fast]) for each in ("cdata", "cmeta")]
            slaves.append(inner(f"{own}_corig", "", below[:1], "real"))
        case "cachepool":
            slaves = [inner(f"fast_cpool_{each}", "", below[-1:]) for each in ("cdata", "cmeta")]
            slaves.append(inner(f"{own}_corig", "", below[:1], "real"))
    if slaves is not below:
        yield cookie
        cookie = Cookie()
    mapping = Mapped(name, f"LVM-{bare}", logical=(group.name, volume.name, ""), partial=partial)
    mapping.read_only = read_only
    place: Place = volume.inside
    if dm.named(world, name) is not None:
        return  # another lvm was quicker; the real ones wait for the lock of the group
    dm.create(world, udev, mapping, place, list(slaves), cookie)
    yield cookie


def _read_only(world: World, block: Block) -> bool:
    """Whether the device, or what it stands on, refuses writes."""
    below = (world.blocks.get(each) for each in block.slaves)
    return world.read_only(block) or any(
        each is not None and _read_only(world, each) for each in below
    )


def _doubled(name: str) -> str:
    """Hyphens within a name are doubled in the mapping's (lvm(8), under VALID NAMES)."""
    return name.replace("-", "--")
