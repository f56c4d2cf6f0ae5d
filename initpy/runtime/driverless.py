"""Look for devices that no driver has claimed, and for the modules that would (R23).

Imported only when the failure screen or `initpy status` is shown. modprobe may hang, so a child
process looks (see `findings`).
"""

import fnmatch
import os
import re
import subprocess
from collections.abc import Iterator

from initpy.core.failure.driverless import Unclaimed
from initpy.runtime.api import PATH

# Aliases of modules that the image builder left out, as lines `PATTERN MODULE`.
TABLE = "/usr/lib/initpy/left-out-modules"
WILDCARD = re.compile(r"[*?\[]")
MOST_MODULES = 3
MODPROBE_SECONDS = 2.0
SILENT = f"modprobe has not answered within {MODPROBE_SECONDS:.0f} s"
MODULES = "/lib/modules"
ALIASES = "modules.alias.bin"  # modprobe reads it

# include/linux/pci_ids.h
PCI_CLASSES = {
    "0100": "SCSI controller", "0101": "IDE controller", "0104": "RAID controller",
    "0105": "ATA controller", "0106": "SATA controller", "0107": "SAS controller",
    "0108": "NVMe disk", "01": "storage controller", "02": "network adapter",
    "0604": "PCI bridge", "0805": "SD card controller", "0c03": "USB controller",
    "0c04": "Fibre Channel adapter", "0c06": "InfiniBand adapter",
}  # fmt: skip
# include/uapi/linux/virtio_ids.h
VIRTIO = {1: "network adapter", 2: "disk", 8: "SCSI controller", 26: "shared folder", 27: "pmem"}
USB_STORAGE = 0x08


def look(
    sysfs: str = "/sys", table: str = TABLE, modules: str = MODULES, search: str = PATH
) -> tuple[Unclaimed, ...]:
    """Return the devices that may carry disks or keyboards and have no driver.

    `search` is the path in which modprobe is searched.
    """
    patterns, silent = _read(table), ""  # a modprobe that hangs once is not asked again
    found = []
    for bus, path in _without_driver(sysfs):
        alias = _text(f"{path}/modalias")
        absent = _matching(patterns, alias)
        what, storage = _describe(bus, path, alias)
        present: tuple[str, ...] = ()
        unknown = ""
        if storage and not absent:
            present, unknown = ((), silent) if silent else _resolve(alias, modules, search)
            silent = unknown if unknown == SILENT else ""
        if storage and not absent and not present and not patterns:
            unknown = unknown or f"{table} is empty or not there"
        if absent or storage:
            name = f"{bus} device {os.path.basename(path)}"
            local = "network" not in what
            found.append(Unclaimed(name, what, absent[:MOST_MODULES], present, unknown, local))
    return tuple(sorted(found, key=lambda each: not each.local))


def _read(table: str) -> list[tuple[str, str, str]]:
    """Return (literal beginning, pattern, module); beginnings are quick to compare."""
    try:
        with open(table, encoding="ascii", errors="replace") as file:
            lines = [line.split() for line in file]
    except OSError:
        return []
    return [
        (WILDCARD.split(words[0], 1)[0], words[0], words[1]) for words in lines if len(words) == 2
    ]


def _matching(patterns: list[tuple[str, str, str]], alias: str) -> tuple[str, ...]:
    found = (
        module
        for beginning, pattern, module in patterns
        if alias.startswith(beginning) and fnmatch.fnmatchcase(alias, pattern)
    )
    return tuple(dict.fromkeys(found))


def _without_driver(sysfs: str) -> Iterator[tuple[str, str]]:
    for bus in _names(f"{sysfs}/bus"):
        for name in _names(f"{sysfs}/bus/{bus}/devices"):
            path = f"{sysfs}/bus/{bus}/devices/{name}"
            if os.path.exists(f"{path}/modalias") and not os.path.exists(f"{path}/driver"):
                yield bus, path


def _describe(bus: str, path: str, alias: str) -> tuple[str, bool]:
    """Return what the device is, in words, and whether it must lead to disks."""
    if bus == "pci":
        code = _text(f"{path}/class").removeprefix("0x")
        kind = PCI_CLASSES.get(code[:4]) or PCI_CLASSES.get(code[:2]) or f"class {code[:4]}"
        numbers = [_text(f"{path}/{each}").removeprefix("0x") for each in ("vendor", "device")]
        return f"{kind} {':'.join(numbers)}", code.startswith("01")
    if bus == "virtio":
        number = int(_text(f"{path}/device") or "0", 16)
        return f"virtio {VIRTIO.get(number, f'type {number}')}", number in (2, 8)
    if bus == "usb":
        storage = _text(f"{path}/bInterfaceClass") == f"{USB_STORAGE:02x}"
        return "USB disk" if storage else "USB device", storage
    return alias, False


def _resolve(alias: str, modules: str, search: str) -> tuple[tuple[str, ...], str]:
    """Return the modules in the image that match (modprobe(8)), or why they are not known."""
    try:
        ended = subprocess.run(
            ["modprobe", "--resolve-alias", alias],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=MODPROBE_SECONDS,
            check=False,
            env={"PATH": search},
        )
    except OSError as error:
        return (), f"modprobe: {error.strerror}"
    except subprocess.SubprocessError:
        return (), SILENT
    if ended.returncode == 0:
        return tuple(dict.fromkeys(ended.stdout.decode(errors="replace").split()))[
            :MOST_MODULES
        ], ""
    # modprobe exits with 1 for an unknown alias, and for a folder that it does not find.
    index = f"{modules}/{os.uname().release}/{ALIASES}"
    if ended.returncode == 1 and os.path.exists(index):
        return (), ""
    complaint = ended.stderr.decode(errors="replace").strip().rpartition("\n")[2]
    return (), complaint or f"modprobe ended with status {ended.returncode}"


def _text(path: str) -> str:
    try:
        with open(path, encoding="ascii", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return ""


def _names(folder: str) -> list[str]:
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []
