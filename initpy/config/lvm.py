"""The names of LVM: which group and volume a path means, and what `rd.lvm.*` adds up to."""

import re
from collections.abc import Callable, Sequence

from initpy.config.commandline import Parameter
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.settings import GroupPolicy
from initpy.core.slots import dataclass, field
from initpy.core.storage.lvm.names import NAME, volume_of
from initpy.core.volumes import VolumeSpec


@dataclass(slots=True)
class Names:
    """What the parameters name, one after another."""

    groups: set[str] = field(default_factory=set)
    volumes: set[str] = field(default_factory=set)  # VG/LV
    given: GroupPolicy = field(default_factory=GroupPolicy)  # timer, mode, configuration

    def take_group(self, parameter: Parameter) -> None:
        """`rd.lvm.vg=`"""
        expected = "the name of a volume group"
        group = parameter.text(expected).removeprefix("/dev/")
        if not re.fullmatch(NAME, group):
            raise parameter.error(expected)
        self.groups.add(group)

    def take_volume(self, parameter: Parameter) -> None:
        """`rd.lvm.lv=`"""
        text = parameter.text("VG/LV")
        names = volume_of(text) or () if text.startswith("/") else text.split("/")
        if len(names) != 2 or not all(re.fullmatch(NAME, each) for each in names):
            raise parameter.error("VG/LV")
        self.volumes.add("/".join(names))

    def take_timeout(self, parameter: Parameter) -> None:
        """`rd.lvm.timeout=`"""
        self.given = self.given._replace(timeout=parameter.seconds())

    def take_mode(self, parameter: Parameter) -> None:
        """`rd.lvm.activationmode=`; see --activationmode in lvchange(8)."""
        if parameter.value not in ("complete", "degraded", "partial"):
            self.given = self.given._replace(mode="complete")  # which changes no metadata
            raise parameter.error("complete, degraded or partial")
        self.given = self.given._replace(mode=parameter.value)

    def take_configuration(self, parameter: Parameter) -> None:
        """`rd.lvm.conf=0`: neither lvm.conf nor the devices file."""
        self.given = self.given._replace(configured=parameter.flag())

    def named(self, hinted: frozenset[str]) -> set[str]:
        """The groups besides which none is wanted; none: no parameter says so."""
        strict = {*self.groups, *(_group(each) for each in self.volumes)}
        return {*hinted, *strict} if strict else set()

    def policy(
        self,
        root: DeviceSpec | None,
        mappings: Sequence[VolumeSpec],
        resume: DeviceSpec | None = None,
    ) -> GroupPolicy:
        """Add the groups that paths mean. That of an encrypted volume may look like LVM's.

        Unless root is named by a path, down to its volume, any group may lead to it.
        """
        encrypted = {DeviceSpec(Naming.PATH, f"/dev/mapper/{each.name}"): each for each in mappings}
        while root in encrypted:
            root = encrypted.pop(root).source
        hinted: list[tuple[str, str]] = []
        if root is not None and root.naming is Naming.PATH:
            named = (root, resume, *(each.source for each in mappings))
            paths = [each.value for each in named if each and each.naming is Naming.PATH]
            found = [volume_of(each) for each in paths]
            names = {each.name for each in mappings}
            hinted = [each for each in found if each is not None and "-".join(each) not in names]
        narrowed = {_group(each) for each in self.volumes} - self.groups
        chosen = {*self.volumes, *("/".join(each) for each in hinted)}
        return self.given._replace(
            hinted=frozenset(group for group, _ in hinted),
            volumes=frozenset(each for each in chosen if _group(each) in narrowed),
        )


def _group(volume: str) -> str:
    return volume.partition("/")[0]


PARAMETERS: dict[str, Callable[[Names, Parameter], None]] = {
    "rd.lvm.vg": Names.take_group,
    "rd.lvm.lv": Names.take_volume,
    "rd.lvm.timeout": Names.take_timeout,
    "rd.lvm.activationmode": Names.take_mode,
    "rd.lvm.conf": Names.take_configuration,
}
