"""Turns a recipe into the shell script that creates its disks in a separate machine."""

import shlex
from collections.abc import Callable, Iterator

from initpy.lab import encryption, pools
from initpy.lab.installed import serial
from initpy.scenario.model import SWAPFILE, Layer, Recipe
from initpy.scenario.pools import ZFS

_LEVELS = {"linear": "linear", **{f"raid{n}": str(n) for n in (0, 1, 4, 5, 6, 10)}}
# Sets of disks with firmware metadata, whose volumes are arrays of their own.
_CONTAINERS = ("imsm", "ddf")
# sfdisk(8): the shortcut for a Linux file system.
_LINUX = "0FC63DAF-8483-4772-8E79-3D69D8477DE4"
_LINUX_MBR = "83"


_APART = ("usr", "var")  # folders of an installed system that may be file systems


def _words(*words: str) -> str:
    return " ".join(shlex.quote(word) for word in words)


class _Writer:
    """Collects the lines that create the layers, and those that close them again."""

    def __init__(self, recipe: Recipe, serial_prefix: str) -> None:
        self.keys = dict(recipe.keys)
        self.kernel = recipe.kernel
        # An installed system on several file systems: its name, and which folders are apart.
        self.system = next((each.system for each in recipe.layers if each.system), "")
        self.apart = " ".join(each.holds for each in recipe.layers if each.holds in _APART)
        # name -> shell word for the device
        self.devices = {name: f'"$(disk {serial_prefix}{name})"' for name, _ in recipe.disks}
        self.groups: set[str] = set()
        self.arrays = 0
        self.containers: dict[str, tuple[str, ...]] = {}  # firmware metadata -> its disks
        self.up: list[str] = []
        self.down: list[str] = []

    def below(self, layer: Layer) -> list[str]:
        return [self.devices[name] for name in layer.on]


def needs_own_serials(recipe: Recipe) -> bool:
    """Return whether metadata contains the disks' serial numbers, which must be those of the boot.

    IMSM metadata does, and accepts them from SCSI disks only.
    """
    return any(layer.kind == "imsm" for layer in recipe.layers)


def script(recipe: Recipe, serial_prefix: str) -> str:
    """Return the script; its disks have the serial numbers `serial_prefix` + name."""
    writer = _Writer(recipe, serial_prefix)
    if needs_own_serials(recipe):
        writer.up.append("/usr/sbin/modprobe -a virtio_scsi sd_mod")
    for layer in recipe.layers:
        writer.up += list(_lines(writer, layer))
    return "\n".join([*writer.up, *reversed(writer.down), ""])


def opening(recipe: Recipe) -> str:
    """Return the script that sets up the layers again and mounts the root at /target.

    The disks have their own serial numbers. Only layers of `_OPEN`, file systems and partitions.
    """
    writer = _Writer(recipe, "")
    lines, last = ["set -eu"], []
    for layer in recipe.layers:
        created = list(_lines(writer, layer))  # which also names the devices
        if layer.kind in (*_LEVELS, *_CONTAINERS):
            lines.append(
                f"mdadm --quiet --assemble {writer.devices[layer.name]} "
                f"{' '.join(writer.below(layer))}"
            )
        elif layer.kind in ("luks1", "luks2", "plain"):
            lines += [each for each in created if each.startswith(("echo ", "cryptsetup open"))]
        elif layer.kind == "lvm" and layer.on:
            lines.append(f"lvm vgchange -q -ay {_words(layer.group)}")
        elif layer.holds == "root":
            # Without a type, busybox's mount tries only what the kernel has already loaded.
            lines.append(f"/usr/sbin/modprobe -q {layer.kind} || true")
            if layer.kind == "btrfs":
                # The kernel must know all devices. The menus of distributions name a subvolume.
                lines.append("btrfs device scan >/dev/null")
            options = f"-o subvol={shlex.quote(layer.subvolume)} " if layer.subvolume else ""
            lines.append(f"mount {options}{writer.below(layer)[0]} /target")
        elif layer.holds in _APART:
            last.append(f"mount {writer.below(layer)[0]} /target/{layer.holds}")
    # A group is complete only with its last device.
    return "\n".join(["mkdir -p /target", *lines, *last, ""])


def _lines(writer: _Writer, layer: Layer) -> Iterator[str]:
    if layer.kind in _LEVELS:
        yield from _array(writer, layer)
    elif layer.kind in _CONTAINERS:
        yield _container(writer, layer)
    elif layer.kind.startswith("luks") or layer.kind == "plain":
        yield from _luks(writer, layer)
    elif layer.kind == "lvm":
        yield from _volume(writer, layer)
    elif layer.kind == "file":
        yield f"file {writer.below(layer)[0]} /images/{layer.name} {layer.size}"
        writer.devices[layer.name] = "/dev/loop0"
        writer.down.append("no_file")
    elif layer.kind == "bcache":
        yield f"cached {' '.join(writer.below(layer))}"
        writer.devices[layer.name] = "/dev/bcache0"
        writer.down.append("uncached")
    elif layer.kind == "partitions":
        yield from _partitions(writer, layer)
    elif layer.kind == ZFS:
        yield from pools.pool(layer, writer.below(layer), writer.keys)
        writer.down.append(pools.closed(layer))
        for number, (volume, _) in enumerate(layer.volumes):
            writer.devices[volume] = pools.volume_node(number)
    else:
        yield from _filesystem(writer, layer)


def _new_array(writer: _Writer, layer: Layer) -> str:
    # An installer numbers its arrays: debian:0 is /dev/md0.
    node = f"/dev/md{layer.name if layer.name.isdigit() else 100 + writer.arrays}"
    writer.arrays += 1
    writer.devices[layer.name] = node
    return node


def _container(writer: _Writer, layer: Layer) -> str:
    node = _new_array(writer, layer)
    writer.containers[layer.name] = layer.on
    writer.down.append(f"stop_array {node}")
    count, devices = len(layer.on), " ".join(writer.below(layer))
    # DDF records the host; IMSM has no place for it.
    host = f"{_words('--homehost', layer.homehost)} " if layer.kind == "ddf" else ""
    return (
        f"mdadm --quiet --create {node} --metadata {layer.kind} {host}"
        f"--raid-devices {count} --run {devices}"
    )


def _array(writer: _Writer, layer: Layer) -> Iterator[str]:
    node = _new_array(writer, layer)
    members = writer.containers.get(layer.on[0], layer.on)
    # --assume-clean: all disks are zero, so that there is nothing to synchronise.
    options = ["--name", layer.name, "--assume-clean", "--run"]
    if layer.on[0] not in writer.containers:
        options += ["--homehost", layer.homehost, "--metadata", layer.metadata or "1.2"]
    options += ["--uuid", layer.uuid] if layer.uuid else []
    options += ["--size", f"{layer.size >> 10}K"] if layer.size else []
    yield (
        f"mdadm --quiet --create {node} --level {_LEVELS[layer.kind]} "
        f"--raid-devices {len(members)} {_words(*options)} {' '.join(writer.below(layer))}"
    )
    devices = [writer.devices[name] for name in members]
    stop = f"stop_array {node}"
    if layer.left == "stale":
        yield f"{stop}\nsleep 2"  # superblocks tell their age in seconds
    elif layer.left == "degraded":
        last = devices[-1]
        writer.down.append(f"mdadm --quiet {node} --fail {last} --remove {last}\n{stop}")
    elif layer.left == "dirty":
        writer.down.append(f"stop_dirty {node} {' '.join(devices)}")
    else:
        writer.down.append(stop)


def _luks(writer: _Writer, layer: Layer) -> Iterator[str]:
    (device,) = writer.below(layer)
    key = writer.keys.get(layer.keyfile, "")
    yield from encryption.volume(layer, device, key, lambda name: writer.devices[name])
    writer.devices[layer.name] = _words(f"/dev/mapper/{layer.name}")
    writer.down.append(f"cryptsetup close {_words(layer.name)}")


def _volume(writer: _Writer, layer: Layer) -> Iterator[str]:
    group = _words(layer.group)
    devices = " ".join(writer.below(layer))
    if devices:
        yield f"lvm pvcreate -q -y {devices}"
    if layer.group not in writer.groups:
        yield f"lvm vgcreate -q -y {group} {devices}"
        writer.groups.add(layer.group)
        writer.down.append(_closed(layer, group))
        if layer.renamed:  # last of all: LVM can tell two groups of one name apart no more
            words = _words(layer.group, layer.renamed, layer.system_id)
            writer.down.insert(0, f"renamed {words} {devices}")
    elif devices:
        yield f"lvm vgextend -q -y {group} {devices}"
    yield from LVM_TYPES[layer.type or "linear"](layer, group, _extent(layer), writer.below(layer))
    writer.devices[layer.name] = _words(f"/dev/{layer.group}/{layer.name}")


def _closed(layer: Layer, group: str) -> str:
    """Return the lines that deactivate a group and leave it as the scenario says."""
    lines = [f"lvm vgchange -q -an {group}"]
    if layer.system_id:
        # -y: yes, it becomes foreign to the machine that makes disks, which has no system ID.
        lines.append(f"lvm vgchange -q -y --systemid {_words(layer.system_id)} {group}")
    if layer.left:
        lines.append(f"left_{layer.left} {group}")
    return "\n".join(lines)


def _extent(layer: Layer) -> str:
    return f"-L {layer.size}b" if layer.size else "-l 100%FREE"


# -Zn -Wn: do not zero, and do not search for signatures: all disks are zero.
_CREATE = "lvm lvcreate -q -y -Zn -Wn"


def _plain(options: str) -> Callable[[Layer, str, str, list[str]], Iterator[str]]:
    def lines(layer: Layer, group: str, extent: str, _: list[str]) -> Iterator[str]:
        count = options.replace("COUNT", str(len(layer.on)))
        yield f"{_CREATE} {count} {extent} -n {_words(layer.name)} {group}"

    return lines


def _thin(layer: Layer, group: str, _: str, __: list[str]) -> Iterator[str]:
    yield f"lvm lvcreate -q -y --type thin-pool -l 90%FREE -n pool {group}"
    name = _words(layer.name)
    yield f"lvm lvcreate -q -y --type thin -V {layer.size}b -n {name} {group}/pool"


def _cache(kind: str) -> Callable[[Layer, str, str, list[str]], Iterator[str]]:
    """Return the lines for a volume on the first device with a cache on the last."""

    def lines(layer: Layer, group: str, extent: str, on: list[str]) -> Iterator[str]:
        name = _words(layer.name)
        yield f"{_CREATE} {extent} -n {name} {group} {on[0]}"
        create = "lvm lvcreate -q -y --type cache-pool" if kind == "cachepool" else _CREATE
        yield f"{create} -L 16m -n fast {group} {on[-1]}"
        yield f"lvm lvconvert -q -y --type cache --{kind} fast {group}/{name}"

    return lines


LVM_TYPES = {
    "linear": _plain(""),
    "striped": _plain("--type striped -i COUNT"),
    "mirror": _plain("--type mirror -m 1 --mirrorlog core --nosync"),
    "raid1": _plain("--type raid1 -m 1 --nosync"),
    "raid5": _plain("--type raid5 -i 2 --nosync"),  # --nosync: all disks are zero
    "thin": _thin,
    "cachevol": _cache("cachevol"),
    "cachepool": _cache("cachepool"),
}


def _partitions(writer: _Writer, layer: Layer) -> Iterator[str]:
    (device,) = writer.below(layer)
    mbr = layer.metadata == "mbr"
    lines = [f"label: {'dos' if mbr else 'gpt'}"]
    lines += [f"label-id: {'0x' if mbr else ''}{layer.uuid}"] if layer.uuid else []
    for number, part in enumerate(layer.parts, 1):
        fields = [f"type={part.type or (_LINUX_MBR if mbr else _LINUX)}"]
        fields += [f"size={part.size // 512}"] if part.size else []
        fields += [f"uuid={part.uuid}"] if part.uuid else []
        fields += [f'name="{part.label}"'] if part.label else []
        lines.append(", ".join(fields))
        separator = "p" if device[-1].isdigit() else ""
        writer.devices[part.name] = f"{device}{separator}{number}"
    table = shlex.quote("\n".join([*lines, ""]))
    yield f"printf %s {table} | /usr/sbin/sfdisk --quiet {device}"


def _spoil(left: str, device: str) -> Iterator[str]:
    """Yield lines that damage ext4: a wrong count, or a file that only a manual fsck deletes."""
    if not left:
        return
    words = ["set_super_value free_blocks_count 1"]
    if left == "spoilt":
        words += ["write /lab/system/etc/os-release spoilt", "set_inode_field /spoilt mode 0"]
    for each in (*words, "set_super_value state 0"):
        yield f"debugfs -w -R {_words(each)} {device} 2>/dev/null"


def _filesystem(writer: _Writer, layer: Layer) -> Iterator[str]:
    below, journal = list(writer.below(layer)), ""
    if layer.kind != "btrfs" and len(below) > 1:
        journal = below.pop()
    devices = " ".join(below)
    label = ["-L", layer.label] if layer.label else []
    uuid = ["-U", layer.uuid] if layer.uuid else []
    # Use paths: busybox sh prefers its own applets to programs of the same name.
    if layer.kind == "swap":
        yield f"/usr/sbin/mkswap {_words(*label, *uuid)} {devices} >/dev/null"
    elif layer.kind == "vfat":
        name = _words("-n", layer.label) if layer.label else ""
        number = _words("-i", layer.uuid.replace("-", "")) if layer.uuid else ""
        yield f"/usr/sbin/mkfs.vfat --mbr=no {name} {number} {devices}"
    elif layer.kind == "btrfs":
        # The kernel must know btrfs to register the devices of a file system.
        yield "/usr/sbin/modprobe btrfs"
        profile = ["-d", layer.profile, "-m", layer.profile] if layer.profile else []
        yield f"/usr/sbin/mkfs.btrfs -q {_words(*label, *uuid, *profile)} {devices}"
        # Another scenario's disk, made in the same machine, may have the same UUID.
        writer.down.append("btrfs device scan --forget >/dev/null || true")
    elif layer.kind == "xfs":
        setting = _words("-m", f"uuid={layer.uuid}") if layer.uuid else ""
        log = f"-l logdev={journal},size=64m" if journal else ""
        yield f"/usr/sbin/mkfs.xfs -q {_words(*label)} {setting} {log} {devices}"
    elif layer.kind != "squashfs":  # `fill` creates it with its content
        if journal:
            yield f"/usr/sbin/mke2fs -q -F -O journal_dev -b 4096 {journal}"
        own = f"-b 4096 -J device={journal}" if journal else ""
        if layer.swapfile:  # blocks of a page, in which the kernel counts; no work left for later
            own = "-b 4096 -E lazy_itable_init=0"
        yield f"/usr/sbin/mke2fs -q -F -t {layer.kind} {own} {_words(*label, *uuid)} {devices}"
    if layer.name:
        writer.devices[layer.name] = writer.below(layer)[0]
    for path, content in layer.files:
        mode = "0755" if content.startswith("#!") else ""
        # NetworkManager reads only such connections.
        private = path in writer.keys or path.endswith(".nmconnection")
        mode = "0600" if private else mode
        yield f"extra_file {_words(path)} {encryption.coded(content)} {mode}".rstrip()
    for program in layer.programs:
        yield f"program {_words(program)}"
    if layer.holds or layer.files:
        source = {"root": "/lab/system", "": ""}.get(layer.holds, f"/lab/system/{layer.holds}")
        apart = ""
        if writer.system and layer.holds:
            name = serial(writer.system, writer.kernel)
            yield f"installed {name}"
            source = f"/run/{name}/{layer.holds}" if layer.holds in _APART else f"/run/{name}"
            apart = writer.apart if layer.holds == "root" else ""
        device = writer.below(layer)[0]
        options = f"logdev={journal}" if journal and layer.kind == "xfs" else ""
        # The journal's device is an expression of the shell.
        words = f'{_words(source, layer.subvolume)} "{options}" {_words(apart, *layer.subvolumes)}'
        yield f"fill {layer.kind} {device} {words}"
    if layer.swapfile:
        yield f"swap_file {writer.below(layer)[0]} {SWAPFILE} {layer.swapfile >> 20}"
    if layer.inodes:
        yield f"mount -t {layer.kind} {writer.below(layer)[0]} /mnt"
        yield f"mkdir /mnt/many; cd /mnt/many; seq {layer.inodes} | xargs touch; cd /; umount /mnt"
    if layer.default:
        yield f"mount -t btrfs {writer.below(layer)[0]} /mnt"
        yield f"btrfs subvolume set-default {_words(f'/mnt/{layer.subvolume}')}"
        yield "umount /mnt"
    yield from _spoil(layer.left, devices)
    if layer.name:
        writer.devices[layer.name] = devices
