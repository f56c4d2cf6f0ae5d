"""Chooses the swap that a hibernated system would be on, as initramfs-tools does.

`RESUME` of its configuration names the device. Without it, or if that device is absent, the largest
swap counts that keeps its content and that the initramfs can open.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from initpy.config.devicespec import parse_device
from initpy.config.fstab import parse_swaps
from initpy.config.initramfstools import CONFIGURATION, FOLDERS, resume_of
from initpy.core.devices.names import DeviceSpec
from initpy.core.volumes import VolumeSpec
from initpy.image.stack.blocks import CLASS, Blocks
from initpy.image.stack.entries import entry_among
from initpy.image.stack.layers import Kind, Layer
from initpy.image.stack.system import System

# Their content is gone after a restart (initramfs-tools' hooks/resume: zram, ZFS volumes).
LOST = re.compile(r"(zram|zd)\d+")


class Swap(NamedTuple):
    """A swap device: the kernel's name, and how the image names it."""

    name: str
    spec: str


def told(system: System, base: str = "") -> str:
    """Return RESUME of the configuration below `base`; `auto` if it does not say."""
    paths = [CONFIGURATION]
    paths += [f"{each}/{name}" for each in FOLDERS for name in system.names(f"{base}{each}")]
    texts = ((path, system.text(f"{base}{path}")) for path in paths)
    return resume_of({path: text for path, text in texts if text is not None})


def swaps(
    system: System, base: str, blocks: Blocks, device: Callable[[DeviceSpec], str | None]
) -> Iterator[Swap]:
    """Yield the swap devices of fstab, and those in use on this machine, the largest first."""
    specs = parse_swaps(system.text(f"{base}/etc/fstab") or "")
    names = [device(spec) for spec in specs]
    if not base and _sees_own_root(system):
        lines = (system.text("/proc/swaps") or "").splitlines()[1:]
        paths = [line.split()[0] for line in lines if line.startswith("/dev/")]
        names += [blocks.named(path) for path in paths]
    found = [name for name in dict.fromkeys(names) if name and not LOST.fullmatch(name)]
    for name in sorted(found, key=lambda each: -_size(system, each)):
        if spec := _spec(system, blocks, name):
            yield Swap(name, spec)


def opens(layers: Iterable[Layer], known: list[Layer], volumes: tuple[VolumeSpec, ...]) -> bool:
    """Return whether the initramfs can open all volumes among these layers without a file of root.

    They stand on `known` ones. `volumes` are crypttab's lines, without those with a random key.
    """
    for layer in layers:
        if layer.kind not in (Kind.LUKS, Kind.CRYPT):
            continue
        below = [each for each in known if each.identity in layer.on]
        volume = entry_among(layer, below, volumes)
        if volume is None and layer.kind is Kind.CRYPT:
            return False
        key = volume.key if volume is not None else None
        if key is not None and key.device is None and not key.program:
            return False
    return True


def _sees_own_root(system: System) -> bool:
    """Return whether this process has the root of PID 1: /proc/swaps is about that system."""
    roots = [_root(system.text(f"/proc/{who}/mountinfo") or "") for who in ("1", "self")]
    return roots[0] == roots[1] != ""


def _root(text: str) -> str:
    lines = (line.split() for line in text.splitlines())
    found = [" ".join(fields[2:4]) for fields in lines if len(fields) > 4 and fields[4] == "/"]
    return found[-1] if found else ""


def _size(system: System, name: str) -> int:
    text = (system.text(f"{CLASS}/{name}/size") or "").strip()
    return int(text) if text.isdigit() else 0


def _spec(system: System, blocks: Blocks, name: str) -> str:
    if mapping := (system.text(f"{CLASS}/{name}/dm/name") or "").strip():
        return f"/dev/mapper/{mapping}"
    uuid = blocks.properties(name).get("ID_FS_UUID", "")
    return f"UUID={uuid}" if uuid else ""


def device_of(spec: str, device: Callable[[DeviceSpec], str | None]) -> str | None:
    """Return the kernel's name of a device that RESUME or `resume=` names; None if it is absent."""
    parsed = parse_device(spec)
    return device(parsed) if parsed is not None else None
