"""Derives a machine from a scenario: its disks, its image with the lab's files, command line."""

import json
import re
import shutil
from pathlib import Path

from initpy.config.image import load_image_config
from initpy.image.build import uki
from initpy.image.formats import cpio
from initpy.image.process import run
from initpy.image.tree import Entry, File
from initpy.lab import damage, esp, ibft, loaders
from initpy.lab.disks import copy_disk
from initpy.lab.errors import LabError
from initpy.lab.installed import recipe_for
from initpy.lab.kinds import spared
from initpy.lab.machine import Drive, MachineSpec
from initpy.lab.network import network_of
from initpy.lab.prepare import Bench
from initpy.lab.qemu import EMULATED, NO_CRYPTO_TESTS, QEMU
from initpy.lab.sabotage import AGENT_PATH, sabotage
from initpy.lab.serverqemu import Emulation
from initpy.lab.shares import shared_folder
from initpy.scenario import nbft
from initpy.scenario.acts import Deed
from initpy.scenario.model import SWAPFILE, Disk, MachineKind, Scenario


def machine_spec(scenario: Scenario, bench: Bench, folder: Path) -> MachineSpec:
    """Return the machine of a scenario, with copies of the disks in the folder."""
    files: dict[str, bytes | Entry] = {}
    if scenario.variant.hostname:
        files["/etc/hostname"] = f"{scenario.variant.hostname}\n".encode()
    files |= {
        # Readable by root only, as some may be keys.
        path: File(content.encode(), 0o700 if content.startswith("#!") else 0o600)
        for path, content in scenario.files
    }
    plugs = {disk.name: _plugs(scenario, disk) for disk in scenario.disks}
    # QEMU's monitor plugs in disks; in User Mode Linux the agent does.
    files |= sabotage(scenario, sum(plugs.values()) if bench.kind is MachineKind.UML else 0)
    # sysrq_always_enabled is for `_examine`.
    consoles = "console=hvc0 console=ttyS0" if scenario.second else "console=ttyS0"
    words = [scenario.cmdline, consoles, "sysrq_always_enabled"]
    if scenario.shutdown:
        timeout = f",{scenario.step_timeout * 1e6:.0f}us" if scenario.step_timeout else ""
        words.append(f"initpy-lab.shutdown={scenario.shutdown}{timeout}")
    if scenario.again:
        words.append(f"lab.again={scenario.again}")
    if AGENT_PATH in files:
        words.append(f"rdinit={AGENT_PATH}")
    # A benchmark (without `unpacked`) starts the kernel as users do.
    words += [] if bench.unpacked is None else [spared(bench.kind, scenario.layers)]
    drives, shares = [], []
    disk_files: dict[str, Path] = {}
    recipe = recipe_for(scenario, bench.kernel)
    served = {name for server in scenario.servers for name in server.serves}
    folders = {each.disk: each for each in scenario.shares}
    shared = {disk.path_of for disk in scenario.disks} - {""}
    for disk in scenario.disks:
        serial = disk.path_of or disk.name
        file = folder / f"{serial}.raw"
        if not disk.path_of:
            copy_disk(recipe, disk.copy_of or disk.name, file)
        for each in scenario.damages:
            if each.disk == disk.name:
                damage.apply(each, file)
        if disk.image:
            files[disk.image] = File(file.read_bytes(), 0o600)
            continue
        if disk.name in folders:
            shares.append(shared_folder(folders[disk.name], file))
            continue
        present = disk.present and disk.name not in served
        plugged = plugs[disk.name]
        drive = Drive(
            disk.name, file, present, disk.bus, serial, serial in shared, _rate(disk), plugged
        )
        if not (scenario.has_server_machine and disk.name in served):
            drives.append(drive)
        disk_files[disk.name] = file
    image = initrd = bench.image_for(scenario)
    if files:
        initrd = folder / "initrd"
        cpio.append(image, [cpio.segment(files)], initrd)
    cmdline = _with_swapfile(" ".join(word for word in words if word), scenario, folder)
    disks = [drive.file for drive in drives]
    if scenario.again == "kexec":
        _offer(bench.kernel.image, initrd, disks)
    return MachineSpec(
        kernel=bench.unpacked or bench.kernel.image,
        initrd=initrd,
        cmdline=cmdline,
        kind=bench.kind,
        firmware=_firmware(scenario, bench, initrd, cmdline, disks) if scenario.uefi else None,
        memory=scenario.memory,
        processors=bench.processors,
        drives=tuple(drives),
        agent=AGENT_PATH in files,
        second=scenario.second,
        restarts=scenario.restarts,
        accelerator=bench.accelerator,
        network=network_of(scenario, disk_files, _emulation(bench)),
        extra=_tables(scenario, folder),
        shares=tuple(shares),
    )


def _emulation(bench: Bench) -> Emulation:
    """Return how QEMU runs a second machine beside one of this bench's."""
    return Emulation(
        program=QEMU,
        accelerator=bench.accelerator or EMULATED,
        kernel=bench.unpacked or bench.kernel.image,
        modules=bench.kernel.modules,
        cmdline=NO_CRYPTO_TESTS,
    )


def _tables(scenario: Scenario, folder: Path) -> tuple[str, ...]:
    """Return QEMU's options for the tables of the firmware."""
    words: list[str] = []
    if scenario.ibft is not None:
        (folder / "ibft").write_bytes(ibft.content(scenario))
        words += ["-acpitable", f"sig={ibft.SIGNATURE},data={folder / 'ibft'}"]
    if scenario.nbft is not None:
        # The header is the file's, too: its revision counts.
        (folder / "nbft").write_bytes(nbft.content(scenario))
        words += ["-acpitable", f"file={folder / 'nbft'}"]
    return tuple(words)


def _with_swapfile(cmdline: str, scenario: Scenario, folder: Path) -> str:
    """Tell the test system where its swap file begins; the file's `resume_offset=` gets that too.

    The kernel that made the disk has placed it.
    """
    layer = next((each for each in scenario.layers if each.swapfile), None)
    if layer is None:
        return cmdline
    disk = folder / f"{layer.on[0]}.raw"
    if not disk.exists():
        raise LabError(f"{scenario.path}: a file system with `swapfile` is on a whole disk")
    page = run(["debugfs", "-R", f"bmap {SWAPFILE} 0", str(disk)]).decode().strip()
    changed = re.sub(r"\bresume_offset=\d+", f"resume_offset={page}", cmdline)
    return f"{changed} lab.swapfile={page}"


def _plugs(scenario: Scenario, disk: Disk) -> int:
    """Return how many times a disk is plugged in during the boot."""
    deeds = [(fault.deed, fault.argument) for fault in scenario.faults]
    return deeds.count((Deed.PLUG, disk.name)) + (disk.arrives is not None)


def _firmware(
    scenario: Scenario, bench: Bench, initrd: Path, cmdline: str, disks: list[Path]
) -> tuple[Path, Path]:
    """Put boot loader, kernel and image onto the first ESP; return firmware code and variables."""
    found = esp.find(disks)
    if found is None:
        raise LabError("no disk has an EFI system partition to boot from")
    if scenario.entries:
        files = loaders.files(scenario, bench.kernel.image, initrd, cmdline)
    else:
        files = {"EFI/Linux/initpy.efi": _unified(bench, initrd, cmdline, disks[0].parent)}
    esp.furnish(*found, files)
    variables = disks[0].with_name("variables")
    shutil.copyfile(esp.VARIABLES, variables)
    return esp.CODE, variables


def _offer(kernel: Path, image: Path, disks: list[Path]) -> None:
    """Put kernel and image onto the first ESP, from which the real system starts them."""
    if (found := esp.find(disks)) is None:
        raise LabError("no disk has an EFI system partition for kernel and image")
    files = {loaders.KERNEL: kernel.read_bytes(), loaders.IMAGE: image.read_bytes()}
    esp.furnish(*found, files)


def _unified(bench: Bench, initrd: Path, cmdline: str, folder: Path) -> bytes:
    """Compose a unified kernel image."""
    kernel = bench.kernel
    # Pass it through the configuration, as an administrator does.
    configured = folder / "etc-initpy"
    configured.mkdir()
    (configured / "cmdline.toml").write_text(f"cmdline = {json.dumps(cmdline)}\n")
    cmdline = load_image_config(configured).cmdline or ""
    stub = uki.find_stub("x86_64")
    image = uki.Uki(stub, kernel.image, kernel.version, cmdline, uki.os_release())
    return uki.compose(image, initrd.read_bytes())


def _rate(disk: Disk) -> int | None:
    """The bytes per second of a disk; by one a second QEMU answers the first read alone."""
    return 1 if disk.hangs else disk.rate
