"""The request for a build, the additions of a recipe, and first checks."""

import re
from dataclasses import dataclass, field, replace
from pathlib import Path

from initpy.config.errors import InputError
from initpy.image.build.uki import Uki
from initpy.image.content.identity import Identity
from initpy.image.content.programs import missing_modules, missing_tools
from initpy.image.content.recipe import Recipe, project_folder
from initpy.image.formats.compress import METHODS, NONE, check_method, tools
from initpy.image.formats.decompress import reading_modules
from initpy.image.formats.microcode import Microcode
from initpy.image.kernel.kernelconfig import KernelConfig, read_kernel_config
from initpy.image.kernel.kernels import buildable_kernels, is_installed
from initpy.image.stack.layers import Stack

# The form of a kernel release that depmod(8) accepts.
KERNEL = re.compile(r"\d+\.\d+[^/\s]*")


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """The parameters of a build.

    `drivers` and `programs` must exist; those of a recipe (`recipe_*`) are included if the kernel
    and the machine have them.
    """

    kernel: str
    modules: Path  # the kernel's /lib/modules/VERSION
    output: Path
    jobs: tuple[Path, ...]  # folders or files; files outside the project's folder always apply
    programs: tuple[str, ...] = ()
    drivers: tuple[str, ...] = ()  # module names, or folders with a slash at the end
    files: tuple[tuple[Path, str], ...] = ()  # (path on this machine, path in the image)
    init: bytes | None = None  # replaces initpy's /init
    python: bool = True  # include the interpreter and initpy itself
    stack: Stack | None = None  # host-only: the stack of the machine's root
    identity: Identity | None = None  # of the machine; None: a portable image
    # The stack of the root that the image is for, also of a generic one: crypttab's lines for it
    # come along. None: unknown, so that all lines do, unless the image is portable.
    root: Stack | None = None
    resume: str = ""  # the device with a hibernated system, in the words of `resume=`
    keymaps: tuple[str, ...] = ()  # of the console, besides the machine's own
    crypttab: Path | None = None  # to be reduced to the image's volumes, unlike `files`
    fstab: Path | None = None  # of the machine: the lines that have file systems checked
    compression: str = "zstd"
    level: int | None = None
    recipe_drivers: tuple[str, ...] = ()
    recipe_without: tuple[str, ...] = ()
    recipe_beside: tuple[tuple[str, tuple[str, ...]], ...] = ()  # (driver, modules), see `Group`
    separate_modules: bool = False  # see `Recipe`
    recipe_idle: tuple[str, ...] = ()  # names and folders among `recipe_drivers`, see `Group`
    recipe_network: tuple[str, ...] = ()  # likewise, of the network
    network: bool = True  # False: what a root on the network needs is left out
    recipe_programs: tuple[str, ...] = ()
    recipe_reasons: tuple[tuple[str, str], ...] = ()  # (driver or program, reason)
    rules: Path = field(default_factory=lambda: project_folder("rules"))
    mtime: int = 0  # of all entries in the image
    microcode: Microcode | None = None  # for a separate archive at the image's start
    cache: Path | None = None  # cache of compiled Python modules; None for no cache
    uki: Uki | None = None  # build a unified kernel image
    tries: int | None = None  # of a boot entry, see counters.py; None: the output is no entry
    proved: bool = False  # the image is read again before it is put in place


def with_recipe(request: BuildRequest, recipe: Recipe) -> BuildRequest:
    """Return the request with a recipe's drivers, programs and compression."""
    drivers = [each for each in recipe.drivers if recipe.network or not each.network]
    return replace(
        request,
        network=recipe.network,
        compression=recipe.compression,
        level=recipe.level,
        recipe_drivers=tuple(name for group in drivers for name in group.take),
        recipe_without=tuple(name for group in drivers for name in group.leave),
        recipe_beside=tuple(
            (name, group.beside) for group in drivers for name in group.take if group.beside
        ),
        separate_modules=recipe.separate_modules,
        recipe_idle=tuple(name for group in drivers if group.idle for name in group.take),
        recipe_network=tuple(name for group in drivers if group.network for name in group.take),
        recipe_programs=tuple(name for group in recipe.programs for name in group.take),
        recipe_reasons=tuple(
            (name, group.why) for group in (*drivers, *recipe.programs) for name in group.take
        ),
    )


def can_take(request: BuildRequest, method: str) -> bool:
    """Return whether this machine can write and check such an image, and its kernel unpack it."""
    if missing_tools(tools(method)) or missing_modules(reading_modules(method)):
        return False
    config = read_kernel_config(request.kernel, request.modules)
    return config is not None and config.unpacks(method)


def checked(request: BuildRequest) -> KernelConfig | None:
    """Check a request; return the kernel's configuration, None if unknown.

    Raises InputError for a value that no build could use.
    """
    check_method(request.compression, request.level)
    if not KERNEL.fullmatch(request.kernel):
        raise InputError("kernel", request.kernel, "a kernel's release, such as 6.1.0-56-amd64")
    if request.modules.exists() and not request.modules.is_dir():
        raise InputError("--modules-dir", str(request.modules), "a kernel's folder of modules")
    if not is_installed(request.kernel, request.modules):
        raise InputError("--kernel", request.kernel, _installed())
    if request.init is None and not request.python:
        raise InputError("init", None, "an /init of your own for an image without Python")
    config = read_kernel_config(request.kernel, request.modules)
    if config is not None and not config.unpacks(request.compression):
        known = ", ".join(name for name in (*METHODS, NONE) if config.unpacks(name))
        expected = f"a method that the kernel supports: {known} ({config.path})"
        raise InputError("compression", request.compression, expected)
    return config


def _installed() -> str:
    """Return which kernels --kernel may name: that of a container's host is none of them."""
    found = buildable_kernels()
    names = f" (-k VERSION): {', '.join(reversed(found))}" if found else ", of which there is none"
    return f"a kernel that is installed here{names}"
