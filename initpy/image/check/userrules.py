"""Judges the user's own udev rules in an image: they may hide a device that the root needs.

The rules of packages, which job files name, are as their authors tested them. A file of the user
may say anything, and only udevd evaluates all of udev(7). So a line that may be about a device of
the root, and may keep the boot from it, makes the answer unknown.
"""

from collections.abc import Iterable, Iterator
from functools import cached_property, partial

from initpy.config.jobs import JobFile
from initpy.image.check.machine import Machine
from initpy.image.check.proof import Row, Verdict
from initpy.image.check.userland import project_jobs
from initpy.image.formats.archive import Archive
from initpy.image.formats.udevrules import Rule, Token, reached, read
from initpy.image.stack.blocks import KEPT
from initpy.image.stack.layers import Kind, Layer
from initpy.image.tree import File

# Of namesakes udevd reads the first folder's (udev(7)). The others are of packages.
OWN = ("/etc/udev/rules.d", "/run/udev/rules.d", "/usr/local/lib/udev/rules.d")
PACKAGES = ("/usr/lib/udev/rules.d", "/lib/udev/rules.d")
# Properties by which the engine and its job files know devices, and udevd their drivers.
READ = ("ID_FS_", "ID_PART_", "ID_BTRFS_", "DM_", "MD_", "LVM_", "INITPY_", "BCACHE_")
READ_TOO = ("SYSTEMD_READY", "DEVTYPE", "MODALIAS")
READY, FLAG = "SYSTEMD_READY", "DM_UDEV_DISABLE_"
# What a rule finds set only behind these files; a record of udevd does not tell the order.
SET_IN = {
    "DM_": "55-dm.rules", "ID_": "60-persistent-storage.rules", "MD_": "63-md-raid-arrays.rules",
    "LVM_": "69-initpy-lvm.rules",
}  # fmt: skip
# They change from event to event, so that the record of now does not tell.
VARYING = ("SYSTEMD_READY", "DM_UDEV_", "DM_SUSPENDED", "DM_COOKIE", "DM_NOSCAN")
OFF = ("", "0")
# Attributes of sysfs that take a device away, and those that do with such a value.
REMOVING = ("delete", "remove", "unbind")
DISABLING = {"authorized": "0", "state": "offline", "bConfigurationValue": "0"}
IGNORED = "ignore_device"  # old versions of udev know it


class UserRules:
    """The rules files of an image that no package has brought."""

    def __init__(
        self,
        archive: Archive,
        jobs: Iterable[JobFile],
        machine: Machine,
        *,
        ours: bool,
        by_path: bool,
    ) -> None:
        """`ours`: initpy built the image. `by_path`: the boot names devices by links in /dev."""
        self._archive = archive
        self._named = {rule for each in jobs for rule in each.image.rules}
        self._machine = machine
        self._ours = ours
        self._by_path = by_path

    def rows(self, layer: Layer) -> Iterator[Row]:
        """Yield a row for each file with a line that may hide a device of the root."""
        if not layer.identity.startswith(("block:", "bus:")):
            return
        for path, rules in self._files:
            same = {each.words for each in self._of_package(path) or ()}
            for rule in _reached(rules, layer, path.rpartition("/")[2]):
                effect = next((each for each in rule.effects if self._hides(each, layer)), None)
                if effect is not None and rule.words not in same:
                    reason = _reason(path, rule, effect)
                    yield Row(_title(layer), _need(path), Verdict.UNKNOWN, reason)
                    break

    def general(self) -> Iterator[Row]:
        """Yield a row for each file that replaces a package's, and does less than that."""
        for path, rules in self._files:
            theirs = self._of_package(path)
            if theirs is None:
                continue
            lacking = {*_products(theirs)} - {*_products(rules)}
            if rules and lacking:
                reason = (
                    f"cannot know what the boot makes of it: {path} replaces the system's file of "
                    f"its name, and has nothing like {min(lacking)}. Add it, or remove the file "
                    "and build the image again"
                )
                yield Row("the image", _need(path), Verdict.UNKNOWN, reason)

    @cached_property
    def _files(self) -> list[tuple[str, list[Rule]]]:
        """The files to judge with their rules, without the lines that the package's file has."""
        found: dict[str, str] = {}
        folders = (*OWN, *PACKAGES) if self._ours else OWN
        for folder in folders:
            for path in sorted(self._archive.entries):
                name = path.removeprefix(f"{folder}/")
                if name == path or "/" in name or not name.endswith(".rules"):
                    continue
                if folder in OWN or not (name in self._named or name in self._of_project):
                    found.setdefault(name, path)
        files = []
        for _, path in sorted(found.items()):
            entry = self._archive.get(path)
            if isinstance(entry, File):
                files.append((path, list(read(entry.read().decode("utf-8", "replace")))))
        return files

    @cached_property
    def _of_project(self) -> set[str]:
        """The names in initpy's own job files, in place of which the image may have a user's."""
        return {rule for each in project_jobs() for rule in each.image.rules}

    def _of_package(self, path: str) -> list[Rule] | None:
        """Return the rules of the package's file of that name; None if there is none."""
        name = path.rpartition("/")[2]
        if not path.startswith(OWN) or name not in self._named:
            return None
        for folder in PACKAGES:
            entry = self._archive.get(f"{folder}/{name}")
            data = entry.read() if isinstance(entry, File) else self._machine(f"{folder}/{name}")
            if data is not None:
                return list(read(data.decode("utf-8", "replace")))
        return None

    def _hides(self, effect: Token, layer: Layer) -> bool:
        """Return whether an effect may keep the boot from a device."""
        key, name, value = effect.key, effect.attribute, effect.value
        if key == "OPTIONS":
            return IGNORED in value
        if key == "ATTR":
            last = name.rpartition("/")[2]
            return last in REMOVING or DISABLING.get(last) == value
        if layer.kind is Kind.BUS:
            return key == "ENV" and name == "MODALIAS"
        if key == "SYMLINK":
            return self._by_path and effect.operator != "+="
        if key != "ENV" or not (name.startswith(READ) or name in READ_TOO):
            return False
        if effect.is_computed:
            return True
        if name == READY:
            return value == "0"
        if name.startswith(FLAG):
            return value not in OFF
        return value != layer.property(name)


def _reached(rules: list[Rule], layer: Layer, file: str) -> Iterator[Rule]:
    """Yield the rules that an event of the device in a boot may get to."""
    for action in ("add", "change"):
        yield from reached(rules, partial(_value, layer, file, action))


def _value(layer: Layer, file: str, action: str, key: str) -> str | None:
    """Return what a device has for a key whenever an event of it comes; None if nothing tells."""
    if key == "ACTION":
        return action
    if layer.kind is Kind.BUS:
        subsystem, _, name = layer.name.partition(" ")
        return {"SUBSYSTEM": subsystem, "KERNEL": name}.get(key)
    kernel = layer.property("KERNEL") or layer.identity.partition(":")[2]
    name = key.removeprefix("ENV{").removesuffix("}")
    if key in ("KERNEL", "SUBSYSTEM"):
        return kernel if key == "KERNEL" else "block"
    if key == "ENV{DEVTYPE}":
        mapped = bool(layer.property("DM_UUID"))
        return "partition" if layer.kind is Kind.PARTITION and not mapped else "disk"
    late = next((each for start, each in SET_IN.items() if name.startswith(start)), "")
    if name == key or not KEPT.fullmatch(name) or name.startswith(VARYING) or file <= late:
        return None
    recorded = any(each.startswith(tuple(SET_IN)) for each, _ in layer.properties)
    return layer.property(name) if recorded else None


def _products(rules: Iterable[Rule]) -> Iterator[str]:
    """Yield what rules find out of devices that the boot goes by."""
    for rule in rules:
        for each in rule.effects:
            if each.key == "IMPORT" and each.attribute in ("builtin", "program"):
                yield f"IMPORT of {each.value.split()[0] if each.value.split() else each.value}"
            elif each.key == "ENV" and each.attribute.startswith(READ):
                yield f"ENV{{{each.attribute}}}"


def _title(layer: Layer) -> str:
    return f"{layer.name} ({layer.kind.value})"


def _need(path: str) -> str:
    return f"udev rules {path.rpartition('/')[2]}"


def _reason(path: str, rule: Rule, effect: Token) -> str:
    return (
        f"cannot know whether the boot sees it: line {rule.line} of {path} says {effect}, and may "
        "be about this device. Have its conditions leave the device out, such as by "
        'ENV{ID_SERIAL}!="…", or remove the line; then build the image again'
    )
