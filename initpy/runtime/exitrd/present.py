"""Read what is mounted, active and running. Any of these files may hang, so a child reads them."""

import fcntl
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import suppress

from initpy.core.shutdown.declared import DeclaredLayer
from initpy.core.shutdown.kinds import CACHE, CACHE_SET, LOOP
from initpy.core.shutdown.present import BlockDevice, Daemon, MountPoint, Present
from initpy.runtime.exitrd.declared import active

_BLOCK, _CACHES, _BTRFS = "/sys/class/block", "/sys/fs/bcache", "/sys/fs/btrfs"
_LOOP_GET_STATUS64, _LOOP_INFO = 0x4C05, 232  # linux/loop.h, struct loop_info64
_ESCAPES = {"\\040": " ", "\\011": "\t", "\\012": "\n", "\\134": "\\"}  # proc(5), fstab(5)

Layers = list[tuple[DeclaredLayer, str]]  # the active ones
Plain = tuple[tuple[tuple[object, ...], ...], ...]


def plain(present: Present) -> Plain:
    """Return it in exact tuples, as marshal needs them."""
    return tuple(tuple(tuple(each) for each in part) for part in present)


def from_plain(parts: Plain) -> Present:
    """Return what `plain` was given."""
    mounts, devices, swaps, daemons = parts
    return Present(
        tuple(MountPoint(*each) for each in mounts),  # type: ignore[arg-type]
        tuple(BlockDevice(*each) for each in devices),  # type: ignore[arg-type]
        tuple((str(path), str(name)) for path, name in swaps),
        tuple(Daemon(*each) for each in daemons),  # type: ignore[arg-type]
    )


def look(declared: Iterable[DeclaredLayer] = ()) -> Present:
    """Return what is there now. Raises OSError if sysfs or proc(5) are not mounted."""
    groups, layers = list(_btrfs_groups()), active(declared)
    devices = (*_devices(layers), *(layer.device(name) for layer, name in layers))
    return Present(tuple(_mounts(groups, layers)), devices, tuple(_swaps()), tuple(_daemons()))


def _mounts(groups: list[frozenset[str]], layers: Layers) -> Iterator[MountPoint]:
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            # See proc(5): (1) ID (2) parent (3) major:minor (4) root (5) mount point …
            before, _, after = line.rstrip("\n").partition(" - ")
            number, parent, device, _, target = before.split(" ")[:5]
            kind, source, options = after.split(" ", 2)
            name = _name_of(device, source)
            devices = next((each for each in groups if name in each), frozenset({name} - {""}))
            devices |= {
                layer.device(each).name
                for layer, each in layers
                if layer.carries(each, kind, _text(source))
            }
            read_only = "ro" in options.split(",")
            yield MountPoint(int(number), int(parent), _text(target), kind, devices, read_only)


def _name_of(number: str, source: str) -> str:
    """Return the kernel's name of a device; btrfs and others give a number of their own."""
    path = f"/sys/dev/block/{number}"
    if not number.startswith("0:"):
        return os.path.basename(os.path.realpath(path)) if os.path.exists(path) else ""
    node = os.path.basename(os.path.realpath(_text(source))) if source.startswith("/dev/") else ""
    return node if node and os.path.exists(f"{_BLOCK}/{node}") else ""


def _text(field: str) -> str:
    for written, meant in _ESCAPES.items():
        field = field.replace(written, meant)
    return field


def _btrfs_groups() -> Iterator[frozenset[str]]:
    """Yield the devices of each mounted btrfs."""
    for each in _names(_BTRFS):
        if devices := _names(f"{_BTRFS}/{each}/devices"):
            yield frozenset(devices)


def _devices(layers: Layers) -> Iterator[BlockDevice]:
    for name in _names(_BLOCK):
        folder = f"{_BLOCK}/{name}"
        slaves = set(_names(f"{folder}/slaves"))
        if os.path.exists(f"{folder}/partition"):
            slaves.add(os.path.basename(os.path.dirname(os.path.realpath(folder))))
        if cache := _cache_of(folder):
            slaves.add(cache)
        # Nothing tells which of them has made it.
        slaves.update(layer.device(each).name for layer, each in layers if layer.makes(name))
        state = _read(f"{folder}/md/array_state")
        # https://docs.kernel.org/admin-guide/blockdev/: both exist while it is set up.
        if any(os.path.exists(f"{folder}/{path}") for path in ("loop/backing_file", "pid")):
            state = "bound"
            slaves.update(_holding(name))
        if slaves or state:
            metadata, uuid = _read(f"{folder}/md/metadata_version"), _read(f"{folder}/dm/uuid")
            yield BlockDevice(name, frozenset(slaves), state, metadata, uuid)
    for each in _names(_CACHES):
        if os.path.exists(f"{_CACHES}/{each}/cache0"):
            disk = os.path.dirname(os.path.realpath(f"{_CACHES}/{each}/cache0"))
            yield BlockDevice(f"{CACHE_SET}{each}", frozenset({os.path.basename(disk)}))


def _holding(name: str) -> Iterator[str]:
    """Yield the device whose file system has the file of a loop device; see loop(4)."""
    if not name.startswith(LOOP):
        return
    with suppress(OSError), open(f"/dev/{name}", "rb", buffering=0) as file:
        status = bytearray(_LOOP_INFO)
        fcntl.ioctl(file, _LOOP_GET_STATUS64, status)
        number = int.from_bytes(status[:8], sys.byteorder)  # linux/kdev_t.h, huge_decode_dev()
        major, minor = (number & 0xFFF00) >> 8, (number & 0xFF) | ((number >> 12) & 0xFFF00)
        path = f"/sys/dev/block/{major}:{minor}"
        if os.path.exists(path):
            yield os.path.basename(os.path.realpath(path))


def _cache_of(folder: str) -> str:
    """Return the cache set of a bcache, whose folder in sysfs is that of its backing device."""
    path = f"{folder}/bcache/cache"
    if not os.path.basename(folder).startswith(CACHE) or not os.path.exists(path):
        return ""
    return f"{CACHE_SET}{os.path.basename(os.path.realpath(path))}"


def _swaps() -> Iterator[tuple[str, str]]:
    with suppress(OSError), open("/proc/swaps", encoding="utf-8", errors="surrogateescape") as rows:
        for row in list(rows)[1:]:
            path, kind = row.split()[:2]
            if kind == "partition":
                yield _text(path), os.path.basename(os.path.realpath(_text(path)))
            else:
                yield _text(path), ""


def _daemons() -> Iterator[Daemon]:
    for pid in filter(str.isdecimal, _names("/proc")):
        with suppress(OSError):
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().decode("utf-8", "replace").split("\0")
            if words[0].startswith("@"):
                name, program = _read(f"/proc/{pid}/comm"), os.readlink(f"/proc/{pid}/exe")
                yield Daemon(int(pid), name, tuple(words[1:-1]), program)


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _read(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""
