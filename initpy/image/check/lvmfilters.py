"""Judges whether the image's LVM may use the disks and volumes of the root: lvm.conf(5).

filter and global_filter accept or reject a device by its names, the devices file lists devices by
identity, volume_list and auto_activation_volume_list restrict what is activated. A host-only image
has them in full, and they may be wrong by now; `rd.lvm.conf=0` passes them over.
"""

import re
from collections.abc import Collection, Iterator

from initpy.image.check import lvmsettings
from initpy.image.check.proof import Row, Verdict
from initpy.image.content import lvmconf
from initpy.image.content.identity import LVM_CONF
from initpy.image.content.lvmconf import FILTERS, Values, closing
from initpy.image.formats.archive import Archive
from initpy.image.stack.layers import Kind, Layer, Stack
from initpy.image.tree import File

AUTOMATIC = "activation/auto_activation_volume_list"
LISTS = ("activation/volume_list", AUTOMATIC)
SCAN, HOST_TAGS = "devices/scan", "tags/hosttags"
DEVICES, DEFAULT_FILE = "/etc/lvm/devices", "system.devices"
# The kernel numbers these, in the order in which they appear.
OF_TAG = re.compile(r"/etc/lvm/lvm_[^/]+\.conf")
NUMBERED = re.compile(r"/dev/(?:sd|vd|hd|nvme|mmcblk|dm-|md\d|block/)")


class Filters:
    """What the image's LVM is told to leave alone.

    `configured`: lvm.conf counts. The boot activates the groups that are `named` by themselves.
    """

    def __init__(
        self, archive: Archive, stack: Stack, *, configured: bool, named: Collection[str] = ()
    ) -> None:
        self._named = named
        self._archive = archive
        self._stack = stack
        self._settings: dict[str, Values] = {}
        self._refused = ""  # why LVM does nothing with its configuration
        self._read(LVM_CONF if configured else ())

    def rows(self, layer: Layer) -> Iterator[Row]:
        """Yield the rows of a logical volume; none where nothing is restricted."""
        if layer.kind is not Kind.LVM:
            return
        title = f"{layer.name} ({layer.kind.value})"
        if self._refused:
            reason = f"{self._refused}: LVM does nothing at all. Correct it, or add rd.lvm.conf=0"
            yield Row(title, "lvm.conf", Verdict.MISSING, reason)
            return
        for device in self._physical(layer):
            for key in FILTERS:
                if key in self._settings:
                    verdict, reason = _filtered(device, self._settings[key])
                    yield Row(title, f"{_name(key)} of lvm.conf", verdict, reason)
            if found := self._listed(device):
                yield Row(title, "devices file", *found)
        group, name = layer.property("DM_VG_NAME"), layer.property("DM_LV_NAME")
        physical, targets = [*self._physical(layer)], self._targets(layer)
        for need, verdict, reason in lvmsettings.rows(
            self._settings, self._archive, layer, physical, targets
        ):
            yield Row(title, f"{need} of lvm.conf", verdict, reason)
        folders = self._settings.get(SCAN, ("/dev",))
        for device in physical:
            if not any(_has(each, device) for each in folders):
                reason = f"LVM looks for disks in {', '.join(folders)} only: remove it"
                yield Row(title, "scan of lvm.conf", Verdict.MISSING, reason)
        if others := self._of_tags():
            reason = (
                f"cannot know whether LVM reads {', '.join(others)} as well, by a tag of the host; "
                "remove it from the image"
            )
            yield Row(title, "tags of lvm.conf", Verdict.UNKNOWN, reason)
        for key in LISTS if group and name else ():
            if key in self._settings and not (key == AUTOMATIC and group in self._named):
                verdict, reason = _allowed(group, name, self._settings[key])
                yield Row(title, f"{_name(key)} of lvm.conf", verdict, reason)

    def _read(self, paths: tuple[str, ...]) -> None:
        for path in paths:
            try:
                self._settings |= lvmconf.read(self._text(path) or "")
            except lvmconf.LvmConfError as error:
                self._refused = f"{path}, {error}"
                return
        if problem := lvmconf.refusal(self._settings):
            self._refused = f"lvm.conf: {problem}"

    def _physical(self, layer: Layer) -> Iterator[Layer]:
        found = (self._stack.layer(each) for each in layer.on)
        return (each for each in found if each.property("ID_FS_TYPE") == "LVM2_member")

    def _targets(self, layer: Layer) -> set[str]:
        """Return the kernel's names of what a volume is made of, with its pool."""
        parts = [self._stack.layer(each) for each in layer.on]
        inner = (each for each in parts if each.kind is Kind.LVM)
        return {*layer.fact("targets").split(), *(x for each in inner for x in self._targets(each))}

    def _of_tags(self) -> list[str]:
        """Return the further configurations of a host with tags: lvm.conf(5), tags."""
        if not any(key.startswith("tags/") for key in self._settings):
            return []
        if self._settings.get(HOST_TAGS) == ("0",):
            return []
        return [each for each in sorted(self._archive.entries) if OF_TAG.fullmatch(each)]

    def _listed(self, device: Layer) -> tuple[Verdict, str] | None:
        """Return whether the devices file lists a device; None if there is no such file."""
        named = self._settings.get("devices/devicesfile", ())
        used = self._settings.get("devices/use_devicesfile", ())
        if (used and used[0] == "0") or not (used or named):
            return None
        path = f"{DEVICES}/{named[0] if named else DEFAULT_FILE}"
        text = self._text(path)
        if text is None:
            if not named or named[0] == DEFAULT_FILE:
                return None  # LVM then uses all devices (lvmdevices(8))
            return Verdict.MISSING, f"{path}, which lvm.conf names, is not in the image"
        uuid = device.property("ID_FS_UUID").replace("-", "")
        ids = {word.partition("=")[2] for word in text.split() if word.startswith("PVID=")}
        if not uuid:
            return Verdict.UNKNOWN, (
                f"cannot know whether {path} lists {device.name}: run `lvmdevices --check`"
            )
        if uuid in ids:
            return Verdict.OK, f"{path} lists {device.name}"
        return Verdict.MISSING, f"{path} does not list {device.name} (PVID={uuid}): lvmdevices(8)"

    def _text(self, path: str) -> str | None:
        entry = self._archive.get(path)
        return entry.read().decode("utf-8", "replace") if isinstance(entry, File) else None


def _has(folder: str, device: Layer) -> bool:
    """Return whether a folder of devices has this one, by one of its names."""
    start = f"{folder.rstrip('/')}/"
    names = (device.name, *device.property("DEVLINKS").split())
    by_link = start.startswith("/dev/disk/")  # the record may lack links
    return by_link or any(each.startswith(start) for each in names)


def _name(key: str) -> str:
    return key.rpartition("/")[2]


def _filtered(device: Layer, patterns: Values) -> tuple[Verdict, str]:
    """Return what a filter does with a device: an accepted name wins over rejected ones."""
    names = [device.name, *device.property("DEVLINKS").split()]
    accepted, rejected = set[str](), dict[str, str]()
    for name in names:
        rule = next((each for each in patterns if _matches(each, name)), "a")
        if rule.startswith("a"):
            accepted.add(name)
        else:
            rejected[name] = rule
    if accepted:
        if rejected and all(NUMBERED.match(each) for each in accepted):
            name = min(accepted)
            reason = f"it accepts {name}, whose number may be another at the next boot"
            return Verdict.WARNING, reason
        return Verdict.OK, f"it accepts {min(accepted)}"
    reason = f"it rejects {device.name} ({rejected[device.name]}), a physical volume of the group"
    return Verdict.MISSING, f"{reason}: correct it, or add rd.lvm.conf=0"


def _matches(rule: str, name: str) -> bool:
    """Return whether a rule of a filter is about a name: `a|PATTERN|`, with any delimiter."""
    if len(rule) < 3:
        return False
    try:
        return re.search(rule[2:].removesuffix(closing(rule[1])), name) is not None
    except re.error:
        return False


def _allowed(group: str, name: str, values: Values) -> tuple[Verdict, str]:
    if group in values or f"{group}/{name}" in values:
        return Verdict.OK, f"it has {group}"
    tags = [each for each in values if each.startswith("@")]
    if tags:
        return Verdict.UNKNOWN, (
            f"cannot know whether {group}/{name} has one of {' '.join(tags)}: add {group} to it"
        )
    return Verdict.MISSING, f"it leaves out {group}/{name}: {', '.join(values) or 'it is empty'}"
