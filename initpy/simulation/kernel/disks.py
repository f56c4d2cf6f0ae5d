"""Disks in their slots: found at power-on, plugged in, pulled out; the kernel's names for them."""

from initpy.simulation.kernel.udev import LOOK_SECONDS, Udev
from initpy.simulation.world.plans import Content, DiskPlan, Member, Place, Table
from initpy.simulation.world.world import Block, World

# How long after udevd is ready the driver has found the disk.
FOUND_SECONDS = {"virtio": 0.5, "nvme": 0.3, "scsi": 0.7, "ahci": 1.0, "usb": 2.0, "megasas": 0.8,
                 "cdrom": 1.0}  # fmt: skip
BETWEEN_SECONDS = {"scsi": 0.005}  # otherwise a little more
USUALLY_BETWEEN = 0.06
DRIVERS = {"virtio": "virtio_blk", "nvme": "nvme", "scsi": "virtio_scsi", "ahci": "ahci",
           "usb": "usb-storage", "megasas": "megaraid_sas", "iscsi": "iscsi_tcp",
           "cdrom": "sr_mod",
           "nvme-tcp": "nvme_tcp"}  # fmt: skip
PREFIXES = {"virtio": "vd", "nvme": "nvme", "nvme-tcp": "nvme", "cdrom": "sr"}  # others: sd
MAJORS = {"vd": 254, "sd": 8, "nvme": 259, "sr": 11}


def letters(number: int) -> str:
    """a, b, … z, aa, ab, … as disks are named (sd_format_disk_name)."""
    name = ""
    number += 1
    while number:
        number, rest = divmod(number - 1, 26)
        name = chr(ord("a") + rest) + name
    return name


def visible(place: Place) -> Content | None:
    """What the beginning of a disk shows: with the superblock at its end, what is in the mirror."""
    content = place.content
    if not isinstance(content, Member) or content.array.level != "raid1":
        return content
    at_its_end = content.array.metadata in ("0.90", "1.0")
    return visible(content.array.inside) if at_its_end else content


class Slots:
    """Where disks are plugged in."""

    def __init__(self, world: World, udev: Udev) -> None:
        self._world = world
        self._udev = udev
        self._numbers: dict[str, set[int]] = {prefix: set() for prefix in MAJORS}
        self._taken: dict[str, tuple[str, int]] = {}  # device -> prefix and number
        self._virtio = 0
        self._found = False

    def find_disks(self) -> None:
        """The drivers are loaded and find what is there; once."""
        if self._found:
            return
        self._found = True
        world, chance = self._world, self._world.chance
        plans = [each for each in world.disks.disks.values() if each.present]
        usual: dict[str, float] = {}  # on each bus, when the next is found: names go by slots
        for number, plan in enumerate(plans):
            if plan.bus not in usual:
                usual[plan.bus] = world.now + chance.jitter(FOUND_SECONDS[plan.bus])
            at = usual[plan.bus]
            if plan.name in world.shown:
                behind = (each.name for each in plans[number:] if each.bus == plan.bus)
                at = min(world.shown[each] for each in behind if each in world.shown) - LOOK_SECONDS
            between = BETWEEN_SECONDS.get(plan.bus, USUALLY_BETWEEN)
            usual[plan.bus] = at + chance.jitter(between)
            world.agenda.at(at, self.plug, plan)

    def plug(self, plan: DiskPlan) -> None:
        """The disk is there, with its partitions."""
        world = self._world
        if DRIVERS[plan.bus] in world.without or plan.name in world.plugged:
            return
        prefix = PREFIXES.get(plan.bus, "sd")
        numbers = self._numbers[prefix]
        number = next(each for each in range(len(numbers) + 1) if each not in numbers)
        numbers.add(number)
        names = {"nvme": f"nvme{number}n1", "sr": f"sr{number}"}
        name = names.get(prefix, prefix + letters(number))
        self._taken[name] = prefix, number
        world.plugged[plan.name] = name
        block = Block(name, plan.place, MAJORS[prefix], number * 16, disk=plan)
        world.add(block)
        sectors = plan.place.size // 512
        if prefix == "vd":
            self._virtio += 1
            world.kernel(
                f"virtio_blk virtio{self._virtio}: [{name}] {sectors} 512-byte logical blocks"
            )
        else:
            world.kernel(f"{prefix} [{name}] {sectors} 512-byte logical blocks")
        self._udev.uevent("add", block)
        for part in self._partitions(block, plan):
            world.add(part)
            self._udev.uevent("add", part)

    def _partitions(self, block: Block, plan: DiskPlan) -> list[Block]:
        table = visible(plan.place)
        damages = plan.place.damages
        if not isinstance(table, Table) or ("table" in damages and not self._backup_used(damages)):
            return []
        joint = "p" if block.name[-1].isdigit() else ""
        return [
            Block(
                f"{block.name}{joint}{number}",
                part.inside,
                block.major,
                block.minor + number,
                disk=plan,
                part=(block.name, number, part),
                slaves=[block.name],
            )
            for number, part in enumerate(table.parts, 1)
        ]

    def _backup_used(self, damages: list[str]) -> bool:
        """The kernel takes the second copy only when it is told to: `gpt`."""
        return "backup-table" not in damages and "gpt" in self._world.scenario.cmdline.split()

    def reread(self, name: str) -> None:
        """Somebody has written to the disk and closed it: udevd has its partitions read anew.

        synthesize_change() in systemd's udevd.c; the kernel refuses while the disk or a partition
        is in use (disk_scan_partitions in block/genhd.c), and udevd announces all that there is.
        """
        world = self._world
        block = world.blocks.get(world.plugged.get(name, ""))
        if block is None or block.disk is None:
            return
        parts = [each for each in world.above(block) if each.part is not None]
        if world.used(block) or any(map(world.used, parts)):
            for each in (block, *parts):
                self._udev.uevent("change", each, None, True)
            return
        for part in parts:
            world.drop(part)
            self._udev.uevent("remove", part)
        self._udev.uevent("change", block)
        for part in self._partitions(block, block.disk):
            world.add(part)
            self._udev.uevent("add", part)

    def unplug(self, name: str) -> bool:
        """Pulled out: the device and its partitions are gone; what stands on them is not."""
        world = self._world
        found = world.plugged.pop(name, None)
        block = world.blocks.get(found) if found is not None else None
        if block is None or found is None:
            return False
        for above in tuple(world.holders.get(found, ())):
            part = world.blocks.get(above)
            if part is not None and part.part is not None and part.mapping is None:
                world.drop(part)
                self._udev.uevent("remove", part)
        held = bool(world.holders.get(found))
        world.drop(block)
        world.thaw(name)
        self._udev.uevent("remove", block)
        if not held:  # the kernel gives a name to another disk only when nothing has it open
            prefix, number = self._taken.pop(found)
            self._numbers[prefix].discard(number)
        return True
