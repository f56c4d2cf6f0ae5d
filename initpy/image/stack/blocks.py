"""Describes the layers from a block device down to the disks and their buses, from sysfs."""

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace

from initpy.image.stack import buses, mapper, zvols
from initpy.image.stack.layers import Ask, Kind, Layer
from initpy.image.stack.network import fabrics, towards
from initpy.image.stack.system import System

CLASS = "/sys/class/block"

# The udev properties that job files match; a description needs no others.
KEPT = re.compile(
    r"(ID_FS_|ID_PART_|ID_BTRFS_|DM_|MD_|LVM_|BCACHE_|SYSTEMD_READY$|ID_VENDOR(_ENC)?$"
    r"|ID_MODEL(_ENC)?$).*"
)


class Blocks:
    """Describes devices and the layers below, each once; `unknown` lists what is not readable."""

    def __init__(self, system: System, headers: Mapping[str, str]) -> None:
        """Take the paths of detached LUKS headers, by the name of the mapping."""
        self._system = system
        self._headers = headers
        self._found: dict[str, tuple[Layer, ...]] = {}
        self.files: list[str] = []  # backing files of loop devices
        self.unknown: list[str] = []

    def named(self, path: str) -> str | None:
        """Return the kernel's name of the block device at a path; None if there is none."""
        real = self._system.real(path)
        name = real.rpartition("/")[2] if real else ""
        if name and self._system.real(f"{CLASS}/{name}"):
            return name
        return self._mapping(name) if real and real.startswith("/dev/mapper/") else None

    def _mapping(self, name: str) -> str | None:
        """Return the kernel's name of a mapping; without udev its node is no link to that."""
        for each in self._system.names(CLASS):
            found = self._system.text(f"{CLASS}/{each}/dm/name") or ""
            if found.strip() == name:
                return each
        return None

    def numbered(self, numbers: str) -> str | None:
        """Return the kernel's name of the device with these numbers, such as `8:1`."""
        real = self._system.real(f"/sys/dev/block/{numbers}")
        return real.rpartition("/")[2] if real else None

    def properties(self, name: str) -> dict[str, str]:
        """Return the relevant udev properties; run blkid(8) if udev recorded no content."""
        numbers = (self._system.text(f"{CLASS}/{name}/dev") or "").strip()
        record = self._system.text(f"/run/udev/data/b{numbers}") or ""
        lines = [line[2:] for line in record.splitlines() if line.startswith("E:")]
        links = sorted(f"/dev/{line[2:]}" for line in record.splitlines() if line[:2] == "S:")
        found = _kept(lines) | ({"DEVLINKS": " ".join(links)} if links else {})
        if "ID_FS_TYPE" not in found:
            probe = self._system.output(["blkid", "-p", "-o", "udev", f"/dev/{name}"])
            found |= _kept((probe or "").splitlines())
        major, _, minor = numbers.partition(":")
        found |= {"MAJOR": major, "MINOR": minor} if minor else {}
        if found.get("ID_FS_TYPE") == "LVM2_member":  # LVM leaves small ones out
            size = (self._system.text(f"{CLASS}/{name}/size") or "").strip()
            found |= {"INITPY_SECTORS": size} if size.isdigit() else {}
        return {"DEVNAME": f"/dev/{name}", "KERNEL": name, "SUBSYSTEM": "block", **found}

    def down(self, name: str) -> Iterator[Layer]:
        """Yield a device and all layers below it."""
        if name not in self._found:
            self._found[name] = ()  # ends a circle, which would be a bug in the kernel
            self._found[name] = tuple(self._walk(name))
        yield from self._found[name]

    def _walk(self, name: str) -> Iterator[Layer]:
        path = self._system.real(f"{CLASS}/{name}")
        if path is None:
            self.unknown.append(f"the device {name} is not in {CLASS}")
            return
        layer = Layer(_identity(name), Kind.DISK, f"/dev/{name}",
                      properties=tuple(sorted(self.properties(name).items())))  # fmt: skip
        if self._system.text(f"{path}/partition") is not None:
            yield from self._partition(layer, path)
        elif self._system.text(f"{path}/dm/uuid") is not None:
            yield from self._mapped(layer, path)
        elif self._system.text(f"{path}/md/metadata_version") is not None:
            yield from self._array(layer, path)
        elif file := self._system.text(f"{path}/loop/backing_file"):
            self.files.append(file.strip())
            asks = (self._major(path),)
            yield replace(layer, kind=Kind.LOOP, asks=asks, on=(f"file:{file.strip()}",))
        elif slaves := self._system.names(f"{path}/slaves"):
            yield from self._stacked(layer, path, slaves)
        elif path.startswith(buses.VIRTUAL):
            yield from self._virtual(layer, path)
        else:
            yield from self._disk(layer, path)

    def _partition(self, layer: Layer, path: str) -> Iterator[Layer]:
        disk = path.rpartition("/")[0].rpartition("/")[2]
        table = layer.property("ID_PART_ENTRY_SCHEME")
        facts = (("table", table),) if table else ()
        yield replace(layer, kind=Kind.PARTITION, on=(_identity(disk),), facts=facts)
        yield from self.down(disk)

    def _mapped(self, layer: Layer, path: str) -> Iterator[Layer]:
        name = (self._system.text(f"{path}/dm/name") or "").strip()
        uuid = (self._system.text(f"{path}/dm/uuid") or "").strip()
        table = self._system.output(["dmsetup", "table", name])
        targets = mapper.parse_table(table or "")
        if not targets:
            self.unknown.append(
                f"the table of /dev/mapper/{name} could not be read (dmsetup table)"
            )
        kind = mapper.kind_of(uuid, targets)
        slaves = self._system.names(f"{path}/slaves")
        facts = {"targets": " ".join(dict.fromkeys(target.kind for target in targets))}
        asks = [Ask(("dm-mod",), "device mapper"), *mapper.asks(targets)]
        if not targets and kind in (Kind.LUKS, Kind.CRYPT):
            asks.append(Ask(("dm-crypt",), "target crypt"))
        if kind is Kind.LUKS:
            header = self._headers.get(name) or self._with_header(slaves)
            facts |= self._luks(header, uuid, asks, bool(targets))
        elif kind is Kind.CRYPT:
            crypt = [each.words for each in targets if each.kind == "crypt"]
            facts |= mapper.of_plain(crypt[0]) if len(crypt) == 1 else {}
        elif kind is Kind.LVM:
            group = layer.property("DM_VG_NAME")
            facts |= {"group": group, **self._group(group)}
        given = {"DM_NAME": name, "DM_UUID": uuid, **dict(layer.properties)}
        yield replace(
            layer,
            kind=kind,
            name=f"/dev/mapper/{name}",
            on=tuple(map(_identity, slaves)),
            asks=tuple(dict.fromkeys(self._in_use(ask) for ask in asks)),
            facts=tuple((key, value) for key, value in facts.items() if value),
            properties=tuple(sorted(given.items())),
        )
        for slave in slaves:
            yield from self.down(slave)

    def _with_header(self, slaves: tuple[str, ...]) -> str:
        """Return the device with the LUKS header, which dm-integrity may be between."""
        for _ in range(2):
            if not slaves:
                return ""
            path = f"{CLASS}/{slaves[0]}"
            if not mapper.is_below_volume(self._system.text(f"{path}/dm/uuid") or ""):
                break
            slaves = self._system.names(f"{path}/slaves")
        return f"/dev/{slaves[0]}" if slaves else ""

    def _group(self, name: str) -> dict[str, str]:
        """Return whose a volume group is, as far as LVM tells: vgs(8)."""
        fields = ["--noheadings", "--separator", "|", "--options", "vg_systemid,vg_lock_type"]
        # Foreign: also if this system does not count as its owner.
        told = self._system.output(["lvm", "vgs", "--foreign", "--shared", *fields, name])
        owner, _, lock = (told or "").strip().partition("|")
        return {"system_id": owner.strip(), "shared": lock.strip()}

    def _luks(self, header: str, uuid: str, asks: list[Ask], known: bool) -> dict[str, str]:
        """Return the header's facts (key derivation, key slots), and add its ciphers to `asks`."""
        found = self._system.luks(header)
        if found is None:
            if not known:
                self.unknown.append(f"the LUKS header on {header} could not be read")
            return {"version": uuid.partition("LUKS")[2][:1], "header": "could not be read"}
        # A key slot has its own cipher, most often the same as the volume's.
        for specification in found.get("ciphers", "").split():
            asks.extend(mapper.cipher_asks(specification))
        for kind in found.get("integrity", "").split():
            asks.extend(mapper.integrity_asks(kind))
        total = re.search(r"^MemTotal: *([0-9]+)", self._system.text("/proc/meminfo") or "", re.M)
        machine = {"machine_memory": total[1]} if total and "memory" in found else {}
        return {key: found[key] for key in sorted(found)} | machine

    def _array(self, layer: Layer, path: str) -> Iterator[Layer]:
        level = (self._system.text(f"{path}/md/level") or "").strip()
        version = (self._system.text(f"{path}/md/metadata_version") or "").strip()
        members = self._system.names(f"{path}/slaves")
        lost = (self._system.text(f"{path}/md/degraded") or "").strip()
        facts = [("level", level), ("metadata", version), ("members", str(len(members)))]
        facts += [("degraded", lost)] if lost not in ("", "0") else []
        asks = [Ask(("md-mod",), "software RAID")]
        if level and level != "container":
            asks.append(Ask((f"md-{level}",), f"RAID level {level}"))
        on = [*map(_identity, members)]
        container = re.match(r"external:[/-]([^/]+)/", version)
        if container:
            on.append(_identity(container[1]))
        yield replace(
            layer,
            kind=Kind.CONTAINER if version.startswith("external:") and not container else Kind.MD,
            on=tuple(on),
            asks=tuple(self._in_use(ask) for ask in asks),
            facts=tuple(facts),
        )
        for member in (*members, *([container[1]] if container else ())):
            yield from self.down(member)

    def _stacked(self, layer: Layer, path: str, slaves: tuple[str, ...]) -> Iterator[Layer]:
        """Describe a device on others that no other method covers: bcache, drbd, …."""
        on = tuple(map(_identity, slaves))
        yield replace(layer, kind=Kind.STACKED, on=on, asks=(self._major(path),))
        for slave in slaves:
            yield from self.down(slave)

    def _virtual(self, layer: Layer, path: str) -> Iterator[Layer]:
        """Describe a device without hardware: an NVMe multipath head, a network block device, …."""
        head = path.rpartition("/")[0]
        inside = (f"{head}/{name}" for name in self._system.names(head) if "/nvme-sub" in path)
        controllers = [real for each in inside if (real := self._controller(each))]
        if controllers:
            layers = [buses.climb(self._system, each) for each in controllers]
            asks = (self._in_use(Ask(("nvme-core",), "NVMe over several paths")),)
            yield replace(layer, on=tuple(below for on, _ in layers for below in on), asks=asks)
            for _, found in layers:
                yield from found
            return
        if served := [*fabrics(self._system, path)]:
            targets = tuple(each.identity for each in served if each.kind is Kind.TARGET)
            asks = (self._in_use(Ask(("nvme-core",), "NVMe")),)
            yield replace(layer, on=targets, asks=asks)
            yield from served
            return
        names = self._system.names(CLASS)
        if pool := zvols.members(layer.property("DEVLINKS"), names, self.properties):
            ask = self._in_use(Ask(zvols.DRIVER, "volumes of ZFS pools"))
            on = tuple(map(_identity, pool))
            yield replace(layer, kind=Kind.STACKED, on=on, asks=(ask,))
            if volume := zvols.encrypted(layer.property("DEVLINKS"), self._system.output):
                self.unknown.append(
                    f"who loads the key of the encrypted volume {volume}: the job file of ZFS asks "
                    "for keys of file systems only"
                )
            for member in pool:
                yield from self.down(member)
            return
        major = self._major(path)
        yield replace(layer, kind=Kind.STACKED, asks=(major,), facts=(("driver", major.names[-1]),))
        self.unknown.append(
            f"what /dev/{layer.property('KERNEL')} stands on: the kernel names no device below it"
        )

    def _controller(self, path: str) -> str | None:
        """Return the sysfs path of an NVMe subsystem's controller, given the link to it."""
        real = self._system.real(path)
        below = real is not None and not real.startswith(path) and "/nvme/nvme" in real
        return real if below else None

    def _disk(self, layer: Layer, path: str) -> Iterator[Layer]:
        on, layers = buses.climb(self._system, path)
        asks = []
        if host := buses.host_driver(self._system, path):
            asks.append(host)
        served = [*towards(self._system, path)]
        targets = tuple(each.identity for each in served if each.kind is Kind.TARGET)
        if not layers and not asks:
            asks.append(self._major(path))
        yield replace(layer, on=(*on, *targets), asks=tuple(asks))
        yield from layers
        yield from served

    def _major(self, path: str) -> Ask:
        """Return the driver of a device by its major number, as the kernel requests it on open."""
        major, _, minor = (self._system.text(f"{path}/dev") or "").strip().partition(":")
        drivers = (self._system.text("/proc/devices") or "").partition("Block devices:")[2]
        names = [
            words[1]
            for words in (line.split() for line in drivers.splitlines())
            if len(words) == 2 and words[0] == major
        ]
        why = f"driver {names[0]}" if names else f"driver of block devices {major}"
        return self._in_use(Ask((*names, f"block-major-{major}-{minor}"), why))

    def _in_use(self, ask: Ask) -> Ask:
        """Return the ask with the loaded module that provides it, if one has such a name."""
        return buses.module_ask(self._system, ask.names, ask.why)


def _identity(name: str) -> str:
    return f"block:{name}"


def _kept(lines: list[str]) -> dict[str, str]:
    pairs = (line.partition("=") for line in lines)
    return {key: value for key, _, value in pairs if KEPT.fullmatch(key)}
