"""Checks whose volume groups the root stands on, and whether the boot uses them (R9, R36).

LVM compares the group's system ID with that of the system, by the lvm.conf of the image:
lvmsystemid(7), and system_id_from_source() and access_vg_systemid() of LVM's sources.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from initpy.config.hostname import IN_IMAGE, of_file
from initpy.config.settings import read_settings
from initpy.core.layer import Layer as Technology
from initpy.image.check.proof import Row, Verdict
from initpy.image.content.identity import LVM_CONF, MACHINE_ID, lvm_settings
from initpy.image.formats.archive import Archive
from initpy.image.stack.layers import Kind, Layer, Stack
from initpy.image.tree import File

# Device mapper targets that LVM does not activate read-only without a write (docs/owners.md).
NOT_LOOKED_INTO = {"raid": "RAID", "thin": "thin", "cache": "cached", "mirror": "mirrored"}
NOT_ALLOWED = re.compile(r"[^A-Za-z0-9._-]")  # in a system ID; LVM leaves such letters out


@dataclass(frozen=True, slots=True)
class SystemId:
    """The image's system ID; `name` is None if only the boot can tell."""

    name: str | None
    others: tuple[str, ...] = ()  # extra_system_ids


class Groups:
    """The volume groups of a stack, as the image's LVM will see them."""

    def __init__(self, archive: Archive, stack: Stack, cmdline: str) -> None:
        self._archive = archive
        self._stack = stack
        self._settings = read_settings(cmdline)[0]
        self._host = next(
            (word.partition("=")[2] for word in reversed(cmdline.split())
             if word.startswith("systemd.hostname=")), "",
        ) or of_file(self._text(IN_IMAGE))  # fmt: skip

    def rows(self, layer: Layer) -> Iterator[Row]:
        """Yield the row of a logical volume; none for another layer."""
        if layer.kind is Kind.LVM and (group := layer.fact("group")):
            verdict, reason = self._whose(layer, group)
            yield Row(f"{layer.name} ({layer.kind.value})", "whose group", verdict, reason)

    def _whose(self, layer: Layer, group: str) -> tuple[Verdict, str]:
        if (lock := layer.fact("shared")) and lock != "none":
            return Verdict.MISSING, (
                f"{group} is shared (lock type {lock}): initpy leaves it alone, since its locks "
                "need daemons of the real system"
            )
        owner = layer.fact("system_id")
        if not owner:
            return Verdict.OK, f"{group} has no system ID: any system may use it"
        ours = self._system_id()
        if ours.name == owner or owner in ours.others:
            return Verdict.OK, f"{group} is of {owner}, and so is this image (system ID)"
        what = f"{group} is of {owner}, and this image is "
        what += "of a system that only the boot knows" if ours.name is None else (
            f"of {ours.name}" if ours.name else "of no system (no system ID in its lvm.conf)"
        )  # fmt: skip
        if self._is_named(group):
            return Verdict.OK, f"{what}: used all the same, since the command line names it"
        add = f"add rd.lvm.vg={group}"
        if why := self._not_looked_into(layer):
            doubt = Verdict.UNKNOWN if ours.name is None else Verdict.MISSING
            return doubt, f"{what}: not used, since {why} cannot be read without a write: {add}"
        return Verdict.WARNING, (
            f"{what}: looked at last, read-only, and used if what root= names is on it: {add}"
        )

    def _is_named(self, group: str) -> bool:
        """Return whether a parameter or the path of root= names the group (config/lvm.py)."""
        policy = self._settings.lvm
        volumes = {each.partition("/")[0] for each in policy.volumes}
        named = self._settings.layer(Technology.LVM).named
        return group in {*policy.hinted, *named, *volumes}

    def _not_looked_into(self, layer: Layer) -> str:
        """Return why initpy cannot look at the volume read-only; "" if it can."""
        for target in layer.fact("targets").split():
            for prefix, word in NOT_LOOKED_INTO.items():
                if target.startswith(prefix):
                    return f"a {word} volume"
        above = {each.kind for each in self._stack.above(layer)} - {Kind.LUKS, Kind.FILESYSTEM}
        return "what is on the volume" if above & {Kind.MD, Kind.LVM, Kind.CONTAINER} else ""

    def _system_id(self) -> SystemId:
        texts = {path: self._text(path) for path in LVM_CONF}
        settings = lvm_settings(texts) if self._settings.lvm.configured else {}
        others = tuple(re.findall(r'"([^"]*)"', settings.get("extra_system_ids", "")))
        source = settings.get("system_id_source", "none")
        if source == "lvmlocal":
            name: str | None = settings.get("system_id", "")
        elif source in ("uname", "hostname"):
            name = self._host
        elif source == "machineid":
            name = self._text(MACHINE_ID).strip()
        elif source == "file":
            lines = self._text(settings.get("system_id_file", "")).splitlines()
            name = next((each.strip() for each in lines if each.strip()[:1] not in ("", "#")), "")
        elif source == "appmachineid":
            name = None  # a hash of the machine ID
        else:
            name = ""
        name = NOT_ALLOWED.sub("", name) if name is not None else None
        return SystemId("" if name and name.startswith("localhost") else name, others)

    def _text(self, path: str) -> str:
        entry = self._archive.get(path) if path else None
        return entry.read().decode("utf-8", "replace") if isinstance(entry, File) else ""
