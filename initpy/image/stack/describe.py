"""Describes the layers below a root, from the mounted file systems down to the buses.

    describe()                      the running system's root, /usr and other mounts of its boot
    describe("UUID=…")              a file system, mounted or not
    describe("/mnt")                a system that is mounted elsewhere

It reads the mount table, sysfs, udev's database, device-mapper tables and LUKS headers. The last
two require root; unreadable facts are listed in `Stack.unknown`.
"""

import contextlib
import re
from collections.abc import Iterable, Iterator
from dataclasses import replace

from initpy.config.crypttab import parse_crypttab
from initpy.config.crypttablines import IN_INITRAMFS, joined
from initpy.config.devicespec import parse_device
from initpy.config.fstab import USR, parse_fstab
from initpy.config.hostname import of_file
from initpy.config.initramfstools import AUTO, NONE
from initpy.config.settings import read_settings
from initpy.core.devices.filesystems import aliases_of
from initpy.core.devices.names import PROPERTY, DeviceSpec, Naming
from initpy.core.settings import ExtraMount
from initpy.image.stack import (
    asked,
    buses,
    circumstances,
    hibernated,
    inits,
    network,
    sharing,
    subvolumes,
)
from initpy.image.stack.blocks import CLASS, Blocks
from initpy.image.stack.bootlines import RUNNING
from initpy.image.stack.commandlines import command_lines
from initpy.image.stack.keyboards import keyboards
from initpy.image.stack.layers import (
    BACKING,
    FLAGS,
    POOLED,
    RESUME,
    SOURCE,
    TYPES,
    Ask,
    Kind,
    Layer,
    Stack,
    StackError,
    combined,
    role,
)
from initpy.image.stack.mounttable import IN_MEMORY, Mount, MountTable
from initpy.image.stack.openers import headers, openers
from initpy.image.stack.system import Running, System, in_use

__all__ = ["Ask", "Kind", "Layer", "Stack", "StackError", "describe"]

NETWORKED = ("nfs", "nfs4")


def describe(root: str = "/", system: System | None = None) -> Stack:
    """Return the stack below `root`: a mount point, UUID=…, LABEL=…, or a device's path.

    Raises StackError if the root cannot be described.
    """
    return _Description(system or Running(), root).stack()


class _Description:
    """Builds the stack of one system."""

    def __init__(self, system: System, root: str) -> None:
        self._system = system
        self._root = root
        self._mounts = MountTable(system.text("/proc/self/mountinfo") or "")
        folder = root if self._is_folder() else ""
        self._mounted_at = folder
        self._base = folder.rstrip("/")
        crypttab = self._crypttab()
        # This command line applies only to the running system's root.
        self._booted = self._base == "" and self._is_folder()
        self._cmdline = (system.text(RUNNING) or "").strip() if self._booted else ""
        self._lines = command_lines(system, self._base) if self._is_folder() else ()
        texts = dict.fromkeys((self._cmdline, *(each.text for each in self._lines)))
        self._wishes = tuple(read_settings(each)[0] for each in texts)
        named, _ = parse_crypttab("/etc/crypttab", crypttab)
        self._hostname = of_file(system.text(f"{self._base}/etc/hostname") or "")
        self._volumes = (*named, *read_settings(self._cmdline)[0].volumes)
        self._attached = tuple(each.name for each in named if not each.listed)
        self._blocks = Blocks(system, {})
        found = dict(headers(self._volumes, self._device))  # _device() needs a Blocks itself
        self._blocks = Blocks(system, found)

    def _crypttab(self) -> str:
        paths = (f"{self._base}/etc/crypttab", f"{self._base}/etc/{IN_INITRAMFS}")
        return joined(*(self._system.text(each) or "" for each in paths))

    def stack(self) -> Stack:
        tops: list[Layer] = []
        layers: list[Layer] = []
        for found in self._tops():
            tops.append(found[0])
            layers.extend(found)
        for file in self._blocks.files:  # grows if a file is on another loop device
            layers.extend(self._file(file))
        resume, swap = self._hibernated({layer.identity for layer in layers})
        layers.extend(swap)
        layers.extend(keyboards(self._system))
        layers.extend(self._openers({layer.property("DM_NAME") for layer in layers}))
        known = {layer.identity for layer in layers}
        pruned = (replace(each, on=tuple(x for x in each.on if x in known)) for each in layers)
        names = {top.identity for top in tops}
        marked = (*circumstances.with_twins(self._system, combined(pruned), names),)
        return Stack(
            root=self._root,
            kernel=self._system.release(),
            machine=self._system.machine(),
            tops=tuple(dict.fromkeys(top.identity for top in tops)),
            layers=marked,
            in_use=in_use(self._system.text("/proc/modules") or ""),
            unknown=tuple(dict.fromkeys(self._blocks.unknown)),
            cmdline=self._cmdline,
            hostname=self._hostname,
            command_lines=self._lines,
            resume=resume,
            locked_down=self._booted and circumstances.locked_down(self._system, self._cmdline),
            versions=tuple(circumstances.versions(self._system, marked)),
            unmounted=self._unmounted(),
        )

    def _unmounted(self) -> tuple[str, ...]:
        if not self._mounted_at:
            return ()
        return circumstances.unmounted(self._system, self._base, self._mounts)

    def _hibernated(self, roots: set[str]) -> tuple[str, list[Layer]]:
        """Return the device of a hibernated system (by Debian's configuration), and its layers.

        The layers are also those of the device that `resume=` of the running system names.
        """
        if not self._mounted_at:
            return "", []
        known = len(self._blocks.unknown)
        try:
            return self._choose_hibernated(roots)
        finally:
            del self._blocks.unknown[known:]  # the root does not depend on it

    def _choose_hibernated(self, roots: set[str]) -> tuple[str, list[Layer]]:
        layers: list[Layer] = []
        named = read_settings(self._cmdline)[0].resume
        if named is not None and (name := self._device(named.source)):
            layers.extend(self._resumed_from(name, str(named.source)))
        told = hibernated.told(self._system, self._base)
        if told == NONE:
            return "", layers
        if told != AUTO and (name := hibernated.device_of(told, self._device)):
            return told, [*layers, *self._resumed_from(name, told)]
        swaps = hibernated.swaps(self._system, self._base, self._blocks, self._device)
        for name, spec in swaps:
            found = [*self._resumed_from(name, spec)]
            own = [each for each in found if each.identity not in roots]
            if hibernated.opens(own, found, self._volumes):
                return spec, [*layers, *found]
        return "" if told == AUTO else told, layers

    def _resumed_from(self, name: str, spec: str) -> Iterator[Layer]:
        top, *rest = self._blocks.down(name)
        marked = (*top.properties, ("INITPY_RESUME", "yes"))
        yield replace(top, facts=(*top.facts, (RESUME, spec)), properties=marked)
        yield from rest

    def _openers(self, names: set[str]) -> Iterator[Layer]:
        """Yield the layers below the keys and headers of these volumes, if they are present."""
        for each in openers(self._volumes, names):
            if (name := self._device(each.device)) is None:
                continue
            on_device = self._on_device(name, "", "") if each.in_file else self._blocks.down(name)
            try:
                top, *rest = on_device
            except StackError:
                continue
            identity = f"{each.fact}:{each.volume}" if each.in_file else top.identity
            yield replace(top, identity=identity, facts=(*top.facts, (each.fact, each.volume)))
            yield from rest

    def _is_folder(self) -> bool:
        return self._root.startswith("/") and not self._root.startswith("/dev/")

    def _tops(self) -> Iterator[list[Layer]]:
        """Yield the file systems, each as a list that begins with it and has its layers."""
        if not self._mounted_at:
            spec = parse_device(self._root)
            name = self._device(spec) if spec else None
            if name is None:
                raise StackError(f"{self._root}: no device of that name is there")
            yield [*self._on_device(name, "/", "")]
            return
        mount = self._mounts.at(self._base or "/")
        if mount is None:
            raise StackError(
                f"{self._root}: no file system is mounted there as far as this process sees (a "
                "chroot?); name the root file system: --root UUID=…"
            )
        top, *rest = self._mounted(mount, "/")
        facts = top.facts
        if mount.kind == "btrfs":
            names = subvolumes.named(self._wishes)
            facts += tuple(subvolumes.facts(self._system, mount.point, names))
        fstab = self._system.text(f"{self._base}/etc/fstab") or ""
        asks = (*asked.by_fstab(self._system, fstab),
                *asked.by_command_lines(self._system, self._wishes))  # fmt: skip
        yield [replace(top, asks=(*top.asks, *asks), facts=facts), *rest]
        yield from self._extra_mounts()
        yield from self._backings()

    def _backings(self) -> Iterator[list[Layer]]:
        """Yield the file systems for the changes of an overlay, as far as they are there now."""
        found = {each.overlay.source for each in self._wishes if each.overlay is not None}
        for source in found - {None}:
            if source is not None and (name := self._device(source)):
                with contextlib.suppress(StackError):
                    yield _named(self._on_device(name, BACKING, ""), ExtraMount(BACKING, source))

    def _extra_mounts(self) -> Iterator[list[Layer]]:
        """Yield the mounts and volumes that fstab and crypttab assign to the initramfs."""
        wanted, _ = parse_fstab(self._system.text(f"{self._base}/etc/fstab") or "")
        for each in wanted:
            if found := self._mounts.at(self._base + each.target):
                yield _named(self._mounted(found, each.target), each)
            elif name := self._device(each.source):
                yield _named(self._on_device(name, each.target, ""), each)
            else:
                text = f"the device of {each.target}, which /etc/fstab assigns to the initramfs"
                self._blocks.unknown.append(text)

        if USR not in {each.target for each in wanted} and (usr := self._own_usr()):
            yield [*self._mounted(usr, USR)]

        for name in self._attached:
            if device := self._blocks.named(f"/dev/mapper/{name}"):
                yield [*self._blocks.down(device)]

    def _own_usr(self) -> Mount | None:
        """Return the mount of /usr; no overlay, which the real system puts there (sysext)."""
        found = self._mounts.at(f"{self._base}{USR}")
        return found if found and found.kind not in ("overlay", *IN_MEMORY) else None

    def _mounted(self, mount: Mount, point: str) -> Iterator[Layer]:
        if mount.kind in NETWORKED:
            yield from self._from_server(mount, point)
            return
        if mount.kind == "overlay":
            yield from self._overlay(mount, point)
            return
        names = [self._blocks.named(path) for path in mount.source.split(":") if path[:1] == "/"]
        if not mount.numbers.startswith("0:"):
            names.insert(0, self._blocks.numbered(mount.numbers))
        name = next((each for each in names if each), None)
        if name is not None:
            named = tuple(dict.fromkeys(filter(None, names)))
            yield from self._on_device(name, point, mount.options, mount.kind, named)
            return
        if members := sharing.pool(self._system, self._blocks, mount):
            top = self._filesystem(mount.kind, point, mount.options, members, mount.source)
            yield replace(top, facts=(*top.facts, (POOLED, mount.source)))
            for member in members:
                yield from self._blocks.down(member)
            return
        if node := sharing.of_host(self._system, mount):
            on, layers = buses.climb(self._system, node)
            top = self._filesystem(mount.kind, point, mount.options, (), mount.source)
            yield replace(top, on=on)
            yield from layers
            return
        raise StackError(self._nothing(mount))

    def _nothing(self, mount: Mount) -> str:
        where = f"{mount.point} is {mount.kind} ({mount.source})"
        if mount.kind in IN_MEMORY:
            where += ", which is in memory"
        return (
            f"{where}: no device below it is visible from here, so its boot cannot be "
            "proved; name the root file system: --root UUID=… or --root /dev/…"
        )

    def _on_device(
        self, name: str, point: str, options: str, kind: str = "", named: tuple[str, ...] = ()
    ) -> Iterator[Layer]:
        """Yield the file system on a device and its other devices, and the layers below.

        `named` are the devices in the mount's source: bcachefs lists all of them there.
        """
        kind = kind or self._blocks.properties(name).get("ID_FS_TYPE", "")
        if not kind:
            raise StackError(f"/dev/{name}: udev and blkid find no file system on it")
        members = tuple(
            dict.fromkeys((name, *named, *sharing.siblings(self._system, self._blocks, name)))
        )
        yield self._filesystem(kind, point, options, members, f"/dev/{name}")
        for member in members:
            yield from self._blocks.down(member)

    def _filesystem(
        self, kind: str, point: str, options: str, members: tuple[str, ...], source: str
    ) -> Layer:
        properties = self._blocks.properties(members[0]) if members else {}
        uuid = properties.get("ID_FS_UUID", "")
        ask = buses.module_ask(self._system, aliases_of(kind), f"file system {kind}")
        known = (self._system.text("/proc/filesystems") or "").split()
        asks = [replace(ask, works=kind in known)]
        # btrfs shows its checksum and the driver, such as `crc32c (crc32c-intel)`.
        checksum = (self._system.text(f"/sys/fs/{kind}/{uuid}/checksum") or "").split()
        if checksum:
            asks.append(Ask((f"crypto-{checksum[0]}",), f"checksum {checksum[0]}"))
        facts = [("type", kind), ("mounted", point), ("uuid", uuid), ("options", options)]
        subvolume = re.search(r"(?:^|,)subvol=([^,]+)", options)
        if subvolume and subvolume[1] != "/":
            facts.append(("subvolume", subvolume[1]))
        if point == "/":
            facts += inits.facts(self._system, self._base, (each.init for each in self._wishes))
        return Layer(
            identity=f"fs:{point}",
            kind=Kind.FILESYSTEM,
            name=f"{kind} on {source}",
            on=tuple(f"block:{member}" for member in members),
            asks=tuple(asks),
            facts=tuple((name, value) for name, value in facts if value),
            properties=role(point),
        )

    def _from_server(self, mount: Mount, point: str) -> Iterator[Layer]:
        asks, address = network.nfs(self._system, mount.kind, mount.options, mount.source)
        layers = [*network.server(self._system, address, mount.kind)]
        top = self._filesystem(mount.kind, point, "", (), mount.source)
        yield replace(top, asks=asks, on=(layers[0].identity,))
        yield from layers

    def _overlay(self, mount: Mount, point: str) -> Iterator[Layer]:
        """Yield an overlay and the file systems that hold its layers, as in a live system."""
        words = dict(word.partition("=")[::2] for word in mount.options.split(","))
        folders = [*words.get("lowerdir", "").split(":"), words.get("upperdir", "")]
        holding = {
            each.point: each for each in map(self._mounts.holding, filter(None, folders)) if each
        }
        solid = [each for each in holding.values() if each.kind not in IN_MEMORY]
        if not solid or any(each.kind == "overlay" for each in solid):
            raise StackError(self._nothing(mount))
        below = [[*self._mounted(each, each.point)] for each in solid]
        top = self._filesystem("overlay", point, "", (), "overlay")
        yield replace(top, on=tuple(each[0].identity for each in below))
        for each in below:
            yield from each

    def _file(self, path: str) -> Iterator[Layer]:
        mount = self._mounts.holding(path)
        if mount is None or mount.kind in IN_MEMORY:
            self._blocks.unknown.append(f"the file system of {path}, a loop device's backing file")
            return
        host, *rest = self._mounted(mount, mount.point)
        found = [replace(host, properties=(("INITPY_IMAGE", path),)), *rest]
        yield Layer(f"file:{path}", Kind.LOOP, f"file {path}", on=(found[0].identity,))
        yield from found

    def _device(self, spec: DeviceSpec) -> str | None:
        if spec.relative:
            return None  # it means the root, if anything
        if spec.naming is Naming.PATH:
            return self._blocks.named(spec.value)
        key = PROPERTY.get(spec.naming, "")
        names = self._system.names(CLASS)
        known = ((name, self._blocks.properties(name).get(key, "")) for name in names)
        found = [name for name, value in known if value.lower() == spec.value.lower()]
        # A RAID1 member with its superblock at the end shows the array's content too. Prefer the
        # device without holders: the array.
        unheld = [each for each in found if not self._system.names(f"{CLASS}/{each}/holders")]
        return next(iter(unheld or found), None)


def _named(layers: Iterable[Layer], mount: ExtraMount) -> list[Layer]:
    """Return the layers of a mount, the first with what fstab says of it."""
    top, *rest = layers
    said = (
        (SOURCE, str(mount.source)),
        (TYPES, ",".join(mount.types)),
        (FLAGS, ",".join(mount.flags)),
    )
    return [replace(top, facts=(*top.facts, *(each for each in said if each[1]))), *rest]
