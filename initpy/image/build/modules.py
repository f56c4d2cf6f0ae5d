"""Collects the kernel modules of an image, with their indexes, firmware and settings."""

import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from initpy.config.errors import InputError
from initpy.image.build.part import Part
from initpy.image.build.request import BuildRequest
from initpy.image.content import manifest, reduced
from initpy.image.content.needs import Needs
from initpy.image.formats import elf, machines, modinfo
from initpy.image.kernel import asyncprobe, charsets, excluded, firmware, kmod, packed
from initpy.image.kernel.kernelconfig import KernelConfig
from initpy.image.kernel.tables import module_tables
from initpy.image.missing import IncompleteError
from initpy.image.stack import hostonly
from initpy.image.tree import Entry, File

# modprobe.d(5). `blacklist` ignores a module's aliases: udev does not load the module, modprobe
# does by name, and as another module's dependency.
IDLE = "/usr/lib/modprobe.d/initpy-idle.conf"


def module_tools(request: BuildRequest) -> tuple[str, ...]:
    """Return the programs that the modules of an image need besides depmod and modinfo."""
    return packed.tools(request.compression) if request.separate_modules else ()


def collect_modules(
    request: BuildRequest, needs: Needs, config: KernelConfig | None, complete: bool
) -> Part:
    """Collect kernel modules; if `complete`, also firmware and indexes, which need tools."""
    try:
        index = kmod.read_index(request.modules, kmod.configuration())
    except IncompleteError as error:
        return Part({}, error.missing)
    warnings: list[str] = []
    if index.monolithic:
        warnings.append(
            f"kernel {request.kernel} has no modules here: all of its drivers are built in"
        )
    taken = request.recipe_drivers
    own = hostonly.Drivers((), ())
    if request.stack is not None:
        own = hostonly.drivers(request.stack, index)
        taken = hostonly.called_for(taken, dict(request.recipe_beside), request.stack)
    spare = [kmod.Want(name, manifest.RECIPE, kmod.Need.OPTIONAL) for name in taken]
    # A driver of the root may be none of the kernel's own, and in no folder of the recipe.
    of_root = hostonly.drivers(request.root, index).wanted if request.root is not None else ()
    beside = [replace(each, need=kmod.Need.OPTIONAL) for each in of_root]
    wanted = [*needs.modules, *own.wanted, *spare, *beside]
    selection = kmod.select(index, wanted, request.recipe_without)
    in_use = request.stack.in_use if request.stack is not None else ()
    if sets := [*charsets.wanted(index, selection.paths, config, in_use)]:
        wanted += sets
        selection = kmod.select(index, wanted, request.recipe_without)
    missing = (*selection.missing, *own.missing)
    folder = f"/usr/lib/modules/{request.kernel}"
    if missing or not complete:
        return Part({}, missing, absent_drivers=selection.absent)
    require_machine(index, selection.paths, Path(sys.executable))
    try:
        files = _files(request, index, selection.paths)
    except IncompleteError as error:
        return Part({}, error.missing)
    entries: dict[str, Entry] = {f"{folder}/{path}": File(data) for path, data in files.items()}
    tables = module_tables(index, files, request.kernel)
    entries.update({f"{folder}/{name}": File(data) for name, data in tables.items()})
    declared = firmware.declared(index.folder / path for path in selection.paths)
    found = firmware.find(declared, request.kernel)
    entries.update({str(path): File(path) for path in found.files})
    entries[excluded.PATH] = File(excluded.table(index, selection.paths))
    # Options and blacklists also apply to modprobe and udev in the image.
    names = {kmod.module_name(path) for path in selection.paths}
    needed = frozenset(name for each in of_root for name in index.resolve(each.what) or ())
    for path in filter(Path.is_file, kmod.configuration()):
        text = path.read_text(encoding="utf-8", errors="surrogateescape")
        if kept := reduced.modprobe_conf(text, names, needed):
            # /run of the image is in memory, and not each kmod reads /usr/local.
            lasting = path.parent in (kmod.MODPROBE_FOLDERS[0], kmod.MODPROBE_FOLDERS[-1])
            place = str(path) if lasting else f"/etc/modprobe.d/{path.name}"
            entries[place] = File(kept.encode(errors="surrogateescape"))
        for line in reduced.modprobe_forbidden(text, needed):
            warnings.append(f"{path}: left out of the image, as root needs the module: {line}")
    if lines := asyncprobe.text(index, selection.paths):
        entries[asyncprobe.PATH] = File(lines.encode())
    for place, group in ((IDLE, request.recipe_idle), (kmod.IDLE_NETWORK, request.recipe_network)):
        if idle := _idle(group, needs, taken, index, selection.paths):
            entries[place] = File("".join(f"blacklist {name}\n" for name in idle).encode())
    return Part(
        entries,
        missing,
        absent_firmware=found.absent,
        absent_drivers=selection.absent,
        wanted=tuple(wanted),
        warnings=tuple(warnings),
    )


def require_machine(index: kmod.ModuleIndex, paths: tuple[str, ...], program: Path) -> None:
    """Raise InputError if the kernel is for a machine that runs no programs of this system.

    `program` stands for those of the image, which are this system's.
    """
    try:
        mine = elf.read_elf(program)
        theirs = modinfo.read_module((index.folder / paths[0]).read_bytes()).kind
    except (OSError, IndexError, elf.DamagedElfError, modinfo.DamagedModuleError):
        return  # said elsewhere, or the kernel has no modules
    if mine is not None and not machines.takes(theirs, mine.kind):
        here, there = machines.name_of(mine.kind), machines.name_of(theirs)
        expected = (
            f"a kernel that runs the programs of this system ({here}), not one for {there}: build "
            "the image on a system for that machine"
        )
        raise InputError("the kernel", index.folder.name, expected)


def _files(
    request: BuildRequest, index: kmod.ModuleIndex, paths: tuple[str, ...]
) -> Mapping[str, Path | bytes]:
    """Return the modules by path in the image, below the folder of the kernel's release."""
    method = packed.method_for(request.compression) if request.separate_modules else ""
    if not method:
        return {packed.plain_name(path): packed.plain(index, path) for path in paths}
    level = request.level if method == request.compression else None
    return packed.compressed(index, paths, method, level)


def _idle(
    recipe: tuple[str, ...],
    needs: Needs,
    taken: tuple[str, ...],
    index: kmod.ModuleIndex,
    paths: tuple[str, ...],
) -> tuple[str, ...]:
    """Return the idle modules that nothing else asks for by name.

    A folder that another group of the recipe takes does not count: idle is more specific.
    """
    idle = kmod.idle(index, paths, recipe)
    others = [n for n in taken if n not in recipe and not n.endswith("/")]
    asked = kmod.idle(index, paths, [*others, *(want.what for want in needs.modules)])
    return tuple(name for name in idle if name not in asked)
