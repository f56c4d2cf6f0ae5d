"""What to build: the request, what a recipe adds to it, and what is seen to be wrong at once."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from initpy.config.errors import InputError
from initpy.image.build.uki import Uki
from initpy.image.content.recipe import Recipe, project_folder
from initpy.image.formats.compress import METHODS, NONE, check_method
from initpy.image.formats.microcode import Microcode
from initpy.image.kernel.kernelconfig import KernelConfig, read_kernel_config
from initpy.image.stack.layers import Stack

# What depmod(8) takes for a version.
KERNEL = re.compile(r"\d+\.\d+[^/\s]*")


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build.

    `drivers` and `programs` must exist; those of a recipe (`recipe_*`) are taken
    where the kernel and the machine have them.
    """

    kernel: str
    modules: Path  # the kernel's /lib/modules/VERSION
    output: Path
    jobs: tuple[Path, ...]  # folders or files; those outside of the project's are always taken
    programs: tuple[str, ...] = ()
    drivers: tuple[str, ...] = ()  # module names, or folders with a slash at the end
    files: tuple[tuple[Path, str], ...] = ()  # (here, in the image)
    init: bytes | None = None  # in place of initpy's /init
    python: bool = True  # the interpreter and initpy itself
    stack: Stack | None = None  # what the root of the one machine that it is for stands on
    crypttab: Path | None = None  # reduced to what the image is for; `files` are taken as they are
    compression: str = "zstd"
    level: int | None = None
    recipe_drivers: tuple[str, ...] = ()
    recipe_without: tuple[str, ...] = ()
    recipe_beside: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (driver, modules), see `Group`
    recipe_programs: tuple[str, ...] = ()
    recipe_reasons: tuple[tuple[str, str], ...] = ()  # (driver or program, why)
    rules: Path = field(default_factory=lambda: project_folder("rules"))
    mtime: int = 0  # of everything in the image
    microcode: Microcode | None = None  # in an archive of its own, at the image's start
    cache: Path | None = None  # cache of compiled Python modules; None for no cache
    uki: Uki | None = None  # the image becomes a part of one file with kernel and command line


def with_recipe(request: BuildRequest, recipe: Recipe) -> BuildRequest:
    """The request with a recipe's drivers and programs, and its compression."""
    return replace(
        request,
        compression=recipe.compression,
        level=recipe.level,
        recipe_drivers=tuple(name for group in recipe.drivers for name in group.take),
        recipe_without=tuple(name for group in recipe.drivers for name in group.leave),
        recipe_beside=tuple(
            (name, group.beside) for group in recipe.drivers for name in group.take if group.beside
        ),
        recipe_programs=tuple(name for group in recipe.programs for name in group.take),
        recipe_reasons=tuple(
            (name, group.why)
            for group in (*recipe.drivers, *recipe.programs)
            for name in group.take
        ),
    )


def checked(request: BuildRequest) -> KernelConfig | None:
    """How the kernel was configured, as far as that is known.

    InputError for what can be seen to be wrong at once.
    """
    check_method(request.compression, request.level)
    if not KERNEL.fullmatch(request.kernel):
        raise InputError("kernel", request.kernel, "a kernel's release, such as 6.1.0-56-amd64")
    if request.init is None and not request.python:
        raise InputError("init", None, "an /init of your own when Python is left out")
    config = read_kernel_config(request.kernel, request.modules)
    if config is not None and not config.unpacks(request.compression):
        known = ", ".join(name for name in (*METHODS, NONE) if config.unpacks(name))
        expected = f"one that the kernel unpacks: {known} ({config.path})"
        raise InputError("compression", request.compression, expected)
    return config
