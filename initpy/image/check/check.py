"""Proves that an image can boot a root: every layer, from the file system down to the bus (R28).

proof = prove(read_archive(path), describe("/"), "6.1.0-56-amd64")
proof.bootable, proof.rows, proof.status
"""

from collections.abc import Iterator
from pathlib import Path

from initpy.config.errors import InputError
from initpy.core.layer import Layer as Technology
from initpy.image.check import (
    configured_kernel,
    copies,
    fixedpaths,
    foreign,
    foreignlayers,
    hazards,
    interpreter,
    keyboards,
    mounting,
    neighbours,
    netlines,
    netroot,
    pairing,
    resuming,
    starting,
    unified,
)
from initpy.image.check.arrays import Arrays
from initpy.image.check.drivers import Drivers
from initpy.image.check.groups import Groups
from initpy.image.check.lvmfilters import Filters
from initpy.image.check.machine import Machine, Written, nothing
from initpy.image.check.multipaths import Multipaths
from initpy.image.check.parameters import Boot, command_line_of
from initpy.image.check.proof import Proof, Row, Verdict, without_duplicates
from initpy.image.check.userland import IMAGE, Userland
from initpy.image.check.userrules import UserRules
from initpy.image.check.volumes import Volumes
from initpy.image.formats.archive import Archive
from initpy.image.kernel import firmware
from initpy.image.kernel.kernelconfig import read_kernel_config
from initpy.image.kernel.kernels import modules_folder
from initpy.image.kernel.moduletree import ModuleTree, installed, packed, releases
from initpy.image.stack.keyboards import only_for_keyboards
from initpy.image.stack.layers import Stack

MOST_WARNINGS = 5  # of an archive; `initpy inspect` shows all


def prove(
    archive: Archive,
    stack: Stack,
    kernel: str,
    *,
    modules: Path | None = None,
    host_firmware: Path = firmware.ROOT,
    run: bool = True,
    cmdline: str | None = None,
    configured: bool = True,
    machine: Machine = nothing,
    changed: Written = nothing,
) -> Proof:
    """Check everything that the boot of this root needs.

    `kernel` is the release that the image is for, `modules` its installed folder (default: the
    system's). `run` allows to run a copy of the image's interpreter. `cmdline` is judged in place
    of the one in the boot loader's configuration. `configured`: there should be one by now.
    `machine` reads the files of the described system, and `changed` tells when they were written.
    Raises InputError for an image with unreadable module indexes.
    """
    image = packed(archive, kernel)
    folder = modules or modules_folder(kernel)
    known = installed(folder)
    userland = Userland(archive, stack.machine)
    config = read_kernel_config(kernel, folder)
    jobs = [job for file in userland.jobs for job in file.jobs]
    line = command_line_of(archive, stack, kernel, cmdline)
    if config is not None and cmdline is None:
        line = configured_kernel.command_line(line, config)
    boot = Boot(archive, stack, line, jobs, kernel)
    userland.named_by_id(boot.text, boot.table)
    woken = boot.settings.network is not None
    drivers = Drivers(archive, image, known, stack, host_firmware, config, boot.text, woken=woken)
    rows = [*configured_kernel.rows(archive, config)] if config is not None else []
    left = archive.warnings[:MOST_WARNINGS]
    rows += [Row(IMAGE, "its archives", Verdict.WARNING, each) for each in left]
    rows += [*_init(archive, userland), *userland.general()]
    extra = tuple(name for file in userland.jobs for name in file.image.python)
    if userland.ours:
        programs = userland.programs
        has_modules = bool(image.modules)
        rows += fixedpaths.rows(
            archive, programs, config, kernel, boot.text, has_modules=has_modules
        )
        rows.extend(interpreter.rows(archive, stack.machine, extra, programs, run=run))
    else:
        rows += fixedpaths.foreign_rows(archive, boot.text)
    rows.extend(_tables(image, known))
    rows.extend(pairing.place_rows(stack, archive))
    rows.extend(pairing.modules_rows(image, machine))
    rows.extend(pairing.rows(boot.line, archive, kernel, required=configured))
    if stack.tops and not userland.ours:
        rows.extend(foreign.rows(boot.rows(required=False), boot))
        rows.extend(foreignlayers.rows(archive, stack, boot, userland.programs, machine))
    if boot.line is not None and stack.tops:
        rows.extend(hazards.rows(boot.text, stack, archive))
    rows.extend(unified.kernel(archive, kernel))
    rows.extend(unified.overtaken(archive, stack, changed))
    if userland.ours and stack.tops:
        told = boot.rows(required=configured)
        rows.extend(neighbours.rows(told, boot, archive, stack, kernel, jobs))
        if boot.line is not None:
            rows.extend(mounting.rows(boot.settings, stack, boot.root, drivers))
            rows.extend(starting.rows(boot.text, boot.settings, archive, boot.root))
    if userland.ours:
        rows.extend(netroot.rows(archive, stack, boot.settings))
        rows.extend(copies.rows(archive, stack, userland.jobs, machine))
        if boot.line is not None:
            rows.extend(netlines.rows(archive, stack, boot.settings, boot.text))
    made = [*userland.rows(stack, boot, drivers)]
    volumes = Volumes(archive, stack, userland.programs, boot, machine)
    arrays = Arrays(archive, stack, boot.text, userland.programs)
    groups = Groups(archive, stack, boot.text)
    lvm = boot.settings.lvm
    named = {*lvm.hinted, *boot.settings.layer(Technology.LVM).named}
    filters = Filters(archive, stack, configured=lvm.configured, named=named)
    multipaths = Multipaths(archive, stack, boot.settings, may_run=run)
    rules = UserRules(archive, userland.jobs, machine, ours=userland.ours, by_path=boot.by_path)
    rows.extend(rules.general())
    for_users = only_for_keyboards(stack)
    for layer in stack.layers:
        if layer.identity in for_users:
            continue
        title = f"{layer.name} ({layer.kind.value})"
        found = (
            *drivers.rows(layer), *rules.rows(layer),
            *(row for row in made if row.layer == title),
        )  # fmt: skip
        rows.extend(volumes.judged(layer, found))
        if userland.ours:
            rows.extend((*volumes.rows(layer), *arrays.rows(layer)))
            rows.extend((*groups.rows(layer), *filters.rows(layer), *multipaths.rows(layer)))
        else:  # their mdadm and LVM read the same files
            rows.extend((*arrays.refused(layer), *filters.rows(layer)))
    if userland.ours:
        rows.extend(resuming.rows(stack, boot.settings, boot.text))
    if userland.ours:
        asked = volumes.asks()
        rows.extend(keyboards.layout(archive, boot.settings, machine, asked=asked))
        rows.extend(keyboards.rows(stack, drivers, boot.text, asked=asked))
    if not unified.is_unified(archive):  # which has the kernel of its build
        rows.extend(drivers.rebuilt())
    rows.extend(row for row in made if row.layer == IMAGE)
    rows.extend(userland.others())
    rows.extend(_undescribed(each) for each in stack.unknown)
    return Proof(str(archive.path), stack.root, kernel, without_duplicates(rows))


def _undescribed(what: str) -> Row:
    reason = f"{what}: run the check as root where all devices are attached"
    return Row("the root", "description", Verdict.UNKNOWN, reason)


def kernel_of(archive: Archive, stack: Stack) -> str:
    """Return the kernel that an image is for: the described one, or the only one with modules.

    Raises InputError if the image has modules for several other kernels.
    """
    found = releases(archive)
    if stack.kernel in found or not found:
        return stack.kernel
    if len(found) > 1:
        raise InputError("--kernel", None, f"one of the image's kernels: {', '.join(found)}")
    return found[0]


def _init(archive: Archive, userland: Userland) -> Iterator[Row]:
    """Check /init, which the kernel runs (init/main.c, `rdinit=`)."""
    found = userland.programs.check("/init")
    if found is None:
        yield Row(IMAGE, "init", Verdict.MISSING, "there is no /init")
    elif found.problem:
        yield Row(IMAGE, "init", Verdict.MISSING, found.problem)
    else:
        maker = "initpy's" if userland.ours else "of another generator"
        yield Row(IMAGE, "init", Verdict.OK, f"/init, {maker}; its interpreter is present")


def _tables(image: ModuleTree, kernel: ModuleTree | None) -> Iterator[Row]:
    """Check the module indexes. With an empty modules.dep modprobe finds no module."""
    need = "module indexes"
    if kernel is not None and kernel.modules and not kernel.dependencies:
        reason = (
            f"modules.dep of {kernel.where} is empty, but there are {len(kernel.modules)} modules: "
            f"run `depmod {kernel.release}` and build again"
        )
        yield Row(IMAGE, need, Verdict.MISSING, reason)
    count = len(image.modules)
    if not count:
        if kernel is not None and kernel.modules:
            reason = f"the image has no modules for kernel {image.release}; all must be built in"
            yield Row(IMAGE, need, Verdict.WARNING, reason)
        return
    listed = image.dependencies
    if not listed:
        reason = f"modules.dep is empty, but there are {count} modules: none can be loaded"
        yield Row(IMAGE, need, Verdict.MISSING, reason)
        return
    if not image.knows_aliases:
        reason = "modules.alias is empty: udev would load no driver"
        yield Row(IMAGE, need, Verdict.MISSING, reason)
    gone = [path for path, *_ in listed.values() if path not in image.files]
    if gone:
        reason = f"{len(gone)} of the modules in modules.dep are missing, such as {gone[0]}"
        yield Row(IMAGE, need, Verdict.WARNING, reason)
    unlisted = sorted(set(image.modules) - set(listed))
    if unlisted:
        reason = f"{len(unlisted)} modules are not in modules.dep, such as {unlisted[0]}"
        yield Row(IMAGE, need, Verdict.WARNING, reason)
    if not gone and not unlisted:
        yield Row(IMAGE, need, Verdict.OK, f"{count} modules, each in modules.dep")
