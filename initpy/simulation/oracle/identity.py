"""Which item of the scenario a device is, by serial numbers and by what it stands on."""

from dataclasses import dataclass, field

from initpy.scenario.model import CONTAINERS, RAID
from initpy.scenario.servers import unit_serial
from initpy.simulation.oracle.items import Expected
from initpy.simulation.oracle.story import Device, Story

_SERIALS = ("ID_SERIAL_SHORT", "ID_SERIAL", "ID_SCSI_SERIAL")
_LIO = "6001405"  # begins the identifier of a unit of the kernel's iSCSI target


@dataclass(slots=True)
class Identities:
    """Who is who in a story."""

    expected: Expected
    story: Story
    _whose: dict[tuple[str, int], str] = field(default_factory=dict)
    _units: dict[str, str] = field(default_factory=dict)  # disks by numbers that iSCSI targets give

    def item(self, device: Device | None, before: int) -> str:
        """The name of the scenario's item that a device is; empty if the oracle cannot tell."""
        if device is None:
            return ""
        key = device.name, before
        if key not in self._whose:
            self._whose[key] = self._identify(device, before)
        return self._whose[key]

    def _identify(self, device: Device, before: int) -> str:
        known = device.properties
        for login in self.expected.logins:
            # Before the login such a device is no disk.
            if device.name == login.node and known.get("size") != "0":
                return login.disk
        found = (self._disk_of(known.get(key)) for key in _SERIALS)
        named = [each for each in found if each][:1]
        if named and known.get("DEVTYPE") != "partition":
            return named[0]
        if known.get("DEVTYPE") == "partition":
            # It carries its disk's serial number where the disk had shown before.
            wholes = [self.story.state(name, before) for name in device.slaves]
            below = named or [self.item(each, before) for each in wholes]
            return self._partition(known.get("PARTN") or known.get("ID_PART_ENTRY_NUMBER"), below)
        below = [self.item(self.story.latest(name, before), before) for name in device.slaves]
        return self._layer(device, below)

    def _disk_of(self, serial: str | None) -> str:
        """The disk with this serial number: its name, or an iSCSI unit's number; "" for none."""
        if serial is None or serial in self.expected.items:
            return serial or ""
        if not self._units:
            disks = self.expected.scenario.disks
            self._units |= {f"{_LIO}{unit_serial(each.name)}": each.name for each in disks}
        return self._units.get(serial, "")

    def _layer(self, device: Device, below: list[str]) -> str:
        version = device.properties.get("md/metadata_version", "")
        if version.startswith("external:"):
            return self._of_firmware(version, below)
        volume = device.properties.get("DM_NAME", "")
        for name, item in self.expected.items.items():
            layer = item.layer
            if layer is None or item.kind == "part" or name.startswith("fs:"):
                continue
            if item.kind == "lvm":
                if volume == f"{layer.group.replace('-', '--')}-{layer.name.replace('-', '--')}":
                    return name
            elif (
                below
                and set(below) <= set(item.below)
                and (
                    item.kind in RAID
                    if device.name.startswith("md")
                    else item.kind == "bcache"
                    if device.name.startswith("bcache")
                    else "luks" in item.kind
                )
            ):
                return name
        return ""

    def _of_firmware(self, version: str, below: list[str]) -> str:
        """A container, or the volume with that number in it (`external:/md127/1`)."""
        items = self.expected.items
        for box in items.values():
            if box.kind in CONTAINERS and below and {*below} <= {*box.below}:
                if version.removeprefix("external:") in CONTAINERS:
                    return box.name
                volumes = self.expected.volumes(box.name)
                return volumes[int(version.rpartition("/")[2])].name
        return ""

    def _partition(self, number: str | None, below: list[str]) -> str:
        for name, item in self.expected.items.items():
            if item.kind == "part" and item.layer is not None and list(item.below) == below:
                names = [part.name for part in item.layer.parts]
                if number is not None and names.index(name) + 1 == int(number):
                    return name
        return ""
