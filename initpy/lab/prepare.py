"""Prepares kernels, images and disks that boots need and the cache lacks."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TypeVar

from initpy.config.errors import InputError
from initpy.lab import esp, umlhost
from initpy.lab.acceleration import accelerator
from initpy.lab.disks import prepare_disks
from initpy.lab.errors import GoneError, LabError, Progress
from initpy.lab.hooked import hook_image
from initpy.lab.images import GENERIC, image_under_test
from initpy.lab.installed import recipe_for
from initpy.lab.kernels import Kernel
from initpy.lab.kinds import gone_from, kernel_of, kind_for, quickest
from initpy.lab.vmlinux import uncompressed
from initpy.scenario.model import Loader, MachineKind, Scenario, Variant

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True, slots=True)
class Bench:
    """Kernel, images and options that all boots in one kind of machine share."""

    kernel: Kernel
    image: Path
    accelerator: tuple[str, ...] = ()
    # Images for scenarios with a variant.
    others: Mapping[Variant, Path] = field(default_factory=dict)
    kind: MachineKind = MachineKind.QEMU
    unpacked: Path | None = None  # the uncompressed kernel; the boot then skips self-tests too
    # Images that the hook made in the scenario's system, by its file.
    hooked: dict[Path, Path] = field(default_factory=dict)
    unmade: dict[Path, str] = field(default_factory=dict)  # why the hook could not make one

    def image_for(self, scenario: Scenario) -> Path:
        """Return the image that a scenario boots."""
        if scenario.path in self.hooked:
            return self.hooked[scenario.path]
        return self.others.get(built_variant(scenario), self.image)

    @property
    def patience(self) -> float:
        """Return the factor for a scenario's `within`, for slow or loaded hosts."""
        return _given("INITPY_LAB_PATIENCE", 2.0, float)

    @property
    def processors(self) -> int:
        """Return the number of processors of a machine in QEMU."""
        return _given("INITPY_LAB_PROCESSORS", 2, int)


def _given(name: str, default: _Number, read: Callable[[str], _Number]) -> _Number:
    """Read a number from the environment."""
    text = os.environ.get(name)
    if not text:
        return default
    try:
        return read(text)
    except ValueError:
        raise InputError(name, text, "a number such as 3") from None


@dataclass(frozen=True, slots=True)
class Benches:
    """The benches by kind of machine."""

    wanted: MachineKind
    by_kind: Mapping[MachineKind, Bench]

    def of(self, scenario: Scenario) -> Bench:
        """Return the bench for a scenario.

        Raises LabError if its image could not be made, and GoneError for layers that the kernels
        here do not support any more.
        """
        bench = self.by_kind[kind_for(scenario, self.wanted)]
        if problem := bench.unmade.get(scenario.path):
            raise LabError(problem)
        for kernel in (bench.kernel, kernel_of(quickest())):
            if gone := gone_from(kernel, scenario.recipe()):
                raise GoneError(f"{scenario.path}: kernel {kernel.version} has no {gone}")
        return bench


def prepare(
    scenarios: Sequence[Scenario],
    image: Path | None,
    progress: Progress,
    wanted: MachineKind = MachineKind.AUTO,
) -> Benches:
    """Create the images and disks that the scenarios need and the cache lacks.

    `image` replaces the image to build. `wanted` overrides the kind of machine.
    """
    if image is not None and not image.is_file():
        raise LabError(f"{image}: no such image")
    if any(each.uefi or each.again == "kexec" for each in scenarios):
        esp.needs(grub=any(each.entries and each.loader is Loader.GRUB for each in scenarios))
    kinds = {each.path: kind_for(each, wanted) for each in scenarios}
    if wanted is MachineKind.AUTO and (why := umlhost.problem()):
        progress(f"User Mode Linux does not run on this host: {why}\n  booting in QEMU, slower")
    benches = {}
    for kind in sorted(set(kinds.values())):
        mine = [each for each in scenarios if kinds[each.path] is kind]
        benches[kind] = _bench(kind, mine, image, progress)
    kernels = [kernel_of(quickest()), *(bench.kernel for bench in benches.values())]
    recipes = [recipe_for(scenario, benches[kinds[scenario.path]].kernel) for scenario in scenarios]
    possible = [each for each in recipes if not any(gone_from(one, each) for one in kernels)]
    prepare_disks(possible, progress)
    if image is None:
        for each in scenarios:
            if each.variant.made:
                bench = benches[kinds[each.path]]
                try:
                    bench.hooked[each.path] = hook_image(each, bench.kind, bench.kernel, progress)
                except LabError as error:  # the others boot all the same
                    bench.unmade[each.path] = str(error)
    return Benches(wanted, benches)


def _bench(
    kind: MachineKind, scenarios: Sequence[Scenario], image: Path | None, progress: Progress
) -> Bench:
    emulated = kind is MachineKind.QEMU
    kernel = kernel_of(kind)
    options = accelerator(kernel, progress) if emulated else ()
    built = image or image_under_test(kernel, progress, _uncompressed(GENERIC))
    variants = {built_variant(each) for each in scenarios} - {GENERIC}
    others = {
        each: image_under_test(kernel, progress, _uncompressed(each))
        for each in variants
        if image is None
    }
    unpacked = uncompressed(kernel.image) if emulated else kernel.image
    return Bench(kernel, built, options, others, kind, unpacked)


def built_variant(scenario: Scenario) -> Variant:
    """Return the variant to build: the lab adds a host name, and the hook makes its own."""
    return replace(scenario.variant, hostname="", made="")


def _uncompressed(variant: Variant) -> Variant:
    """Return the variant without compression, unless the scenario tests a compression."""
    return replace(variant, compression=variant.compression or "none")
