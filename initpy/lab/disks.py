"""Creates the disks of scenarios with the real tools, once per recipe and version of the tools.

The host may lack drivers (md, device mapper) or privileges, so that a separate virtual machine does
the work; a plain file system on a whole disk needs none. A failing recipe does not affect others:
the lab keeps the tools' output, and only boots that need these disks fail.
"""

import os
import re
import shutil
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from initpy.image.formats import cpio
from initpy.image.process import ToolError, run
from initpy.image.tree import Entry, File
from initpy.lab.cache import cache_folder, digest, locked
from initpy.lab.errors import EmulatorCrashed, LabError, Progress
from initpy.lab.images import MAKER_INIT, maker_image, tool_versions
from initpy.lab.installed import system_drive, system_key, system_names
from initpy.lab.kernels import Kernel
from initpy.lab.kinds import kernel_named, kernel_of, quickest, spared, start
from initpy.lab.machine import Drive, Machine, MachineSpec, machine_folder
from initpy.lab.recipe import needs_own_serials, script
from initpy.lab.system import FACTS, REAL_INIT, place, system_tree
from initpy.lab.umlhost import panic
from initpy.lab.vmlinux import uncompressed
from initpy.lab.zfs import has_pools, with_driver
from initpy.scenario.model import Layer, MachineKind, Recipe

# A PC has 32 PCI slots, of which some are in use.
_MOST_DISKS = 20
_PATIENCE = 300.0
_KEPT_SECONDS = 14 * 24 * 3600
_REPORT = re.compile(r"INITPY-LAB recipe (\S+) status=(\d+)")


def disk_folder(recipe: Recipe) -> Path:
    """Return the folder for the disks of a recipe."""
    key = digest(
        [
            repr(recipe.disks).encode(),
            script(recipe, "").encode(),
            MAKER_INIT.read_bytes(),
            REAL_INIT.read_bytes(),
            FACTS.read_bytes(),
            system_key(recipe).encode(),
            tool_versions().encode(),
        ]
    )
    return cache_folder("disks") / key


def prepare_disks(recipes: Iterable[Recipe], progress: Progress) -> None:
    """Create the disks that the cache lacks; note failures."""
    with locked("disks"):
        wanted = {disk_folder(recipe): recipe for recipe in recipes}
        lacking = {folder: recipe for folder, recipe in wanted.items() if not folder.exists()}
        for folder in wanted.keys() - lacking.keys():
            os.utime(folder)
        _prune()
        for folder, recipe in list(lacking.items()):
            if _is_plain(recipe):
                progress(f"creating a disk: {_summary(recipe)}")
                try:
                    _make_plain(recipe, folder)
                except ToolError as error:
                    _note_failure(folder, recipe, str(error), progress)
                del lacking[folder]
        for folder, recipe in list(lacking.items()):
            if problem := _lacks_system(recipe, progress):
                _note_failure(folder, recipe, problem, progress)
                del lacking[folder]
        machines = _Machines(progress)
        # If a batch's machine ended early, create its recipes one by one to find the culprit.
        failed = machines.make(list(_batches(lacking)))
        several = {folder: lacking[folder] for folder, text in failed.items() if not text}
        failed |= machines.make([{folder: recipe} for folder, recipe in several.items()])
        for folder, text in failed.items():
            _note_failure(folder, lacking[folder], text, progress)


def _note_failure(folder: Path, recipe: Recipe, text: str, progress: Progress) -> None:
    tail = "\n".join(text.splitlines()[-15:])
    note = f"cannot create the disks of {_summary(recipe)}\n  log: {_failure(folder)}\n{tail}"
    progress(note)
    _failure(folder).write_text(text or "the machine that made them ended\n")


def _lacks_system(recipe: Recipe, progress: Progress) -> str:
    """Make the installed systems of a recipe; return why one could not be made, "" if all are."""
    try:
        for name, release in system_names([recipe]):
            system_drive(name, kernel_named(release), progress)
    except (LabError, ToolError) as error:
        return str(error)
    return ""


def _failure(folder: Path) -> Path:
    """Return the path of the tools' output for a failed recipe."""
    return folder.with_name(f"{folder.name}.failed")


@dataclass(slots=True)
class _Machines:
    """The separate machines in which disks are created."""

    progress: Progress
    cancelled: threading.Event = field(default_factory=threading.Event)

    def make(self, batches: list[dict[Path, Recipe]]) -> dict[Path, str]:
        """Create all batches, with as many machines in parallel as this host has processors.

        Returns the folders of failed recipes with the tools' output; with "" for all recipes of a
        batch whose machine ended early.
        """
        with ThreadPoolExecutor(os.cpu_count()) as machines:
            try:
                failed = list(machines.map(self._make, batches))
            except BaseException:
                # A machine failed, or the user pressed Ctrl-C: stop the others at once.
                self.cancelled.set()
                machines.shutdown(cancel_futures=True)
                raise
        return {folder: text for each in failed for folder, text in each.items()}

    def _make(self, batch: dict[Path, Recipe]) -> dict[Path, str]:
        # IMSM metadata accepts only the serial numbers of SCSI disks.
        scsi = any(map(needs_own_serials, batch.values()))
        pools = any(has_pools(recipe.layers) for recipe in batch.values())
        kind = MachineKind.QEMU if scsi or pools else quickest()
        kernel = kernel_of(kind)
        if pools:
            kernel = with_driver(kernel, self.progress)
        image = maker_image(kernel, self.progress, pools)
        try:
            return _make_in_machine(batch, kind, kernel, image, self)
        except EmulatorCrashed as error:
            self.progress(f"{error}\ntrying again")
            return _make_in_machine(batch, kind, kernel, image, self)


def _prune() -> None:
    """Remove disks not used for a while: each change of a recipe creates new ones."""
    for folder in cache_folder("disks").iterdir():
        if time.time() - folder.stat().st_mtime > _KEPT_SECONDS:
            if folder.is_dir():
                shutil.rmtree(folder, ignore_errors=True)
            else:
                folder.unlink(missing_ok=True)


def copy_disk(recipe: Recipe, name: str, target: Path) -> None:
    """Copy a disk for one boot; a sparse copy takes milliseconds.

    Raises LabError if the disks could not be created.
    """
    folder = disk_folder(recipe)
    if not folder.exists():
        raise LabError(f"the disks of {_summary(recipe)} could not be created: {_failure(folder)}")
    source = folder / f"{name}.raw"
    run(["cp", "--sparse=always", "--reflink=auto", str(source), str(target)])


def _summary(recipe: Recipe) -> str:
    kinds = [layer.kind for layer in reversed(recipe.layers)]
    return " on ".join([*kinds, f"{len(recipe.disks)} disk(s)"])


def _is_plain(recipe: Recipe) -> bool:
    """Return whether mke2fs on this host can create all layers."""
    names = {name for name, _ in recipe.disks}
    return all(
        layer.kind == "ext4"
        and len(layer.on) == 1
        and layer.on[0] in names
        and not (layer.files or layer.left or layer.system)
        for layer in recipe.layers
    )


def _used(recipe: Recipe) -> list[str]:
    """Return the disks with layers on them; the others stay empty."""
    named = {name for layer in recipe.layers for name in (*layer.on, layer.header)}
    return [name for name, _ in recipe.disks if name in named]


def _empty(folder: Path, recipe: Recipe, prefix: str = "") -> None:
    for name, size in recipe.disks:
        with (folder / f"{prefix}{name}.raw").open("wb") as disk:
            disk.truncate(size)


def _make_plain(recipe: Recipe, folder: Path) -> None:
    with tempfile.TemporaryDirectory(dir=folder.parent, prefix=".new-") as temporary:
        making = Path(temporary) / "disks"
        making.mkdir()
        _empty(making, recipe)
        system = Path(temporary) / "system"
        place(system_tree(), system)
        for layer in recipe.layers:
            content = _content(layer, system)
            words = ["mke2fs", "-q", "-F", "-t", "ext4", "-E", "root_owner=0:0"]
            words += ["-L", layer.label] if layer.label else []
            words += ["-U", layer.uuid] if layer.uuid else []
            words += ["-d", str(content)] if content is not None else []
            run([*words, str(making / f"{layer.on[0]}.raw")], hint="make setup")
        making.rename(folder)


def _content(layer: Layer, system: Path) -> Path | None:
    """Return a folder with the content of the file system; None for an empty one."""
    if not (layer.holds or layer.files):
        return None
    folder = Path(tempfile.mkdtemp(dir=system.parent))
    folder.chmod(0o755)
    if layer.holds:
        source = system if layer.holds == "root" else system / "usr"
        shutil.copytree(source, folder, symlinks=True, dirs_exist_ok=True)
    place({path: File(text.encode()) for path, text in layer.files}, folder)
    return folder


def _batches(lacking: Mapping[Path, Recipe]) -> Iterator[dict[Path, Recipe]]:
    """Yield groups of recipes for one machine each, as many as its PCI slots allow."""
    batch: dict[Path, Recipe] = {}
    count = 0
    for folder, recipe in lacking.items():
        separate = any(map(_is_apart, (recipe, *batch.values())))
        if batch and (separate or count + len(_used(recipe)) > _MOST_DISKS):
            yield batch
            batch, count = {}, 0
        batch[folder] = recipe
        count += len(_used(recipe))
    if batch:
        yield batch


def _is_apart(recipe: Recipe) -> bool:
    """Return whether the disks need a machine of their own: pools may stay imported."""
    return needs_own_serials(recipe) or has_pools(recipe.layers)


def _make_in_machine(
    batch: Mapping[Path, Recipe],
    kind: MachineKind,
    kernel: Kernel,
    image: Path,
    machines: _Machines,
) -> dict[Path, str]:
    progress = machines.progress
    for recipe in batch.values():
        progress(f"creating disks in a separate machine: {_summary(recipe)}")
    began = time.monotonic()
    with (
        tempfile.TemporaryDirectory(dir=cache_folder("disks"), prefix=".new-") as temporary,
        machine_folder() as sockets,
    ):
        making = Path(temporary)
        drives: list[Drive] = []
        files: dict[str, bytes | Entry] = {
            f"/lab/system{path}": entry for path, entry in system_tree().items()
        }
        for number, recipe in enumerate(batch.values()):
            prefix, bus = _prefix(number, recipe)
            files[f"/lab/recipes/{number:02}"] = script(recipe, prefix).encode()
            _empty(making, recipe, prefix)
            drives += [
                Drive(f"{prefix}{name}", making / f"{prefix}{name}.raw", bus=bus)
                for name in _used(recipe)
            ]
        for name, release in system_names(batch.values()):
            drives.append(system_drive(name, kernel_named(release), progress))
        cpio.append(image, [cpio.segment(files)], making / "initrd")
        emulated = kind is MachineKind.QEMU
        layers = [layer for recipe in batch.values() for layer in recipe.layers]
        spec = MachineSpec(
            uncompressed(kernel.image) if emulated else kernel.image,
            making / "initrd",
            f"console=ttyS0 loglevel=4 panic=-1 {spared(kind, layers)}".rstrip(),
            kind=kind,
            drives=tuple(drives),
        )
        with start(spec, sockets) as machine:
            ended = _listen_to_end(machine, machines.cancelled)
            text = machine.console.text
            if machine.console.crashed:
                how = machine.console.end
                log = cache_folder("disks") / "crashed.failed"
                log.write_text(text)
                end = "\n".join(panic(text) or text.splitlines()[-15:])
                raise EmulatorCrashed(
                    f"the machine that creates disks crashed: {how}\n  log: {log}\n{end}"
                )
        made = {number for number, status in _REPORT.findall(text) if status == "0"}
        reported = {number for number, _ in _REPORT.findall(text)}
        failed = {}
        for number, (folder, recipe) in enumerate(batch.items()):
            if f"{number:02}" in made and ended:
                _keep(making, _prefix(number, recipe)[0], recipe, folder)
            else:
                known = len(batch) == 1 or (ended and f"{number:02}" in reported)
                failed[folder] = text if known else ""
    progress(f"disks of {len(batch)} scenario(s) created in {time.monotonic() - began:.0f} s")
    return failed


def _prefix(number: int, recipe: Recipe) -> tuple[str, str]:
    """Return the serial prefix of a recipe's disks in a batch, and their bus."""
    return ("", "scsi") if needs_own_serials(recipe) else (f"{number}-", "virtio")


def _listen_to_end(machine: Machine, cancelled: threading.Event) -> bool:
    """Wait for the machine's end; return False on a time-out or cancellation."""
    deadline = time.monotonic() + _PATIENCE
    while time.monotonic() < deadline and not cancelled.is_set():
        if machine.console.listen(0.5) is None:
            return True
    return False


def _keep(making: Path, prefix: str, recipe: Recipe, folder: Path) -> None:
    kept = making / f"kept-{prefix}"
    kept.mkdir()
    for name, _ in recipe.disks:
        shutil.move(making / f"{prefix}{name}.raw", kept / f"{name}.raw")
    _failure(folder).unlink(missing_ok=True)
    kept.rename(folder)
