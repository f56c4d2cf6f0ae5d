"""Makes an image as an installer does: initpy's kernel hook runs in a chroot on the disks.

The machine that creates disks opens copies of a scenario's disks, mounts the installed system with
its other file systems, and runs the hook in it. So the image has what the build finds from there:
the system's crypttab, fstab, mdadm.conf, programs and interpreter.
"""

import os
import re
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from initpy.config.project import PROJECT
from initpy.config.settings import DEFAULTS
from initpy.image.formats import cpio
from initpy.image.formats.archive import read_archive
from initpy.image.process import run
from initpy.image.tree import File
from initpy.lab.cache import cache_folder, digest, locked, prune, tree_digest
from initpy.lab.disks import copy_disk, disk_folder
from initpy.lab.errors import LabError, Progress
from initpy.lab.images import maker_image, sources, tool_versions
from initpy.lab.installed import recipe_for
from initpy.lab.kernels import Kernel
from initpy.lab.kinds import kernel_of, quickest, spared, start
from initpy.lab.machine import Drive, MachineSpec, machine_folder
from initpy.lab.recipe import opening
from initpy.lab.starvation import Starvation
from initpy.lab.vmlinux import uncompressed
from initpy.scenario.model import CRYPTTAB, FSTAB, MachineKind, Scenario

_PATIENCE = 600.0
_ROOM = 256 << 20  # bytes for an image
_MOST = 8
_SIZE = re.compile(r"INITPY-LAB image of (\d+) bytes")
_FAILED = "could not be made by the hook in the system"


def hook_image(scenario: Scenario, kind: MachineKind, kernel: Kernel, progress: Progress) -> Path:
    """Return the image that the hook makes in the system of a scenario; make it if necessary."""
    recipe = recipe_for(scenario, kernel)
    known = tree_digest(sources(), (kernel.version, tool_versions()))
    files = repr(sorted(scenario.files)).encode()
    key = digest([known.encode(), disk_folder(recipe).name.encode(), files, kind.encode()])
    image = cache_folder("images") / f"hook-{key}.img"
    with locked("hook-image"):
        if not image.exists():
            progress(f"making the image of {scenario.name} by the kernel hook in its system")
            _make(scenario, kernel, image, progress)
            prune(image.parent.glob("hook-*.img"), _MOST)
            prune(image.parent.glob("hook-*.log"), _MOST)
        os.utime(image)
    return image


def as_carried(scenario: Scenario, image: Path) -> Scenario:
    """Return the scenario with what the image of the hook says of this boot, for the simulator."""
    archive = read_archive(image)
    found = {}
    for path in (CRYPTTAB, DEFAULTS, FSTAB):
        entry = archive.get(path)
        found[path] = entry.read().decode(errors="replace") if isinstance(entry, File) else ""
    return replace(scenario, files=(*scenario.files, *found.items()))


def _make(scenario: Scenario, kernel: Kernel, image: Path, progress: Progress) -> None:
    """Make the image for a kernel, in the quickest machine with its own kernel."""
    kind = quickest()
    own = kernel_of(kind)
    recipe = recipe_for(scenario, kernel)
    with (
        tempfile.TemporaryDirectory(dir=image.parent, prefix=".new-") as temporary,
        machine_folder() as sockets,
    ):
        making = Path(temporary)
        drives = []
        for name, _ in recipe.disks:
            copy_disk(recipe, name, making / f"{name}.raw")
            drives.append(Drive(name, making / f"{name}.raw"))
        drives.append(Drive("lab-initpy", _installed_initpy(making)))
        result = making / "result.raw"
        with result.open("wb") as file:
            file.truncate(_ROOM)
        drives.append(Drive("lab-result", result))
        script = f"{opening(recipe)}\ninstall_by_hook {kernel.version}\n"
        files = {"/lab/recipes/00": script.encode()}
        cpio.append(maker_image(own, progress), [cpio.segment(files)], making / "initrd")
        spec = MachineSpec(
            uncompressed(own.image) if kind is MachineKind.QEMU else own.image,
            making / "initrd",
            f"console=ttyS0 loglevel=4 panic=-1 {spared(kind, recipe.layers)}".rstrip(),
            kind=kind,
            drives=tuple(drives),
        )
        with start(spec, sockets) as machine:
            deadline = (now := time.monotonic()) + _PATIENCE
            starvation = Starvation(machine.console.process, now)
            while machine.console.listen(0.5) is not None and now < deadline:
                now = time.monotonic() - starvation.seconds(time.monotonic())
            text = machine.console.text
        size = _SIZE.search(text)
        log = image.with_suffix(".log")
        log.write_text(text)
        if size is None:
            tail = "\n".join(text.splitlines()[-15:])
            raise LabError(f"the image of {scenario.name} {_FAILED}\n  log: {log}\n{tail}")
        with result.open("rb") as file:
            (making / "image").write_bytes(file.read(int(size[1])))
        (making / "image").rename(image)


def _installed_initpy(making: Path) -> Path:
    """Return a disk with what `make install` writes."""
    root = making / "initpy"
    run([str(PROJECT / "build/install.sh"), "/usr/local", str(root)])
    disk = making / "initpy.ext4"
    command = ["mke2fs", "-q", "-F", "-t", "ext4", "-O", "^has_journal", "-E", "root_owner=0:0"]
    run([*command, "-d", str(root), str(disk), "32M"], hint="make setup")
    return disk
