"""The parameters for an image's content, shared by `initpy build` and `initpy install`."""

import argparse
import os
import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

from initpy.cli.unified import say_unified, tries_of, unified
from initpy.config.crypttablines import IN_INITRAMFS
from initpy.config.errors import InputError
from initpy.config.fstab import PATH as FSTAB
from initpy.config.hostname import of_file
from initpy.config.image import DEFAULT_FOLDER, KERNEL, ImageConfig, load_image_config, parse_placed
from initpy.image.build.request import BuildRequest, can_take, with_recipe
from initpy.image.content.cache import cache_path
from initpy.image.content.identity import Identity, identity_of, read_hostname
from initpy.image.content.recipe import find_recipe, load_recipe, project_folder
from initpy.image.formats.compress import METHODS, NONE
from initpy.image.formats.microcode import Microcode, this_processor
from initpy.image.kernel.firmware import ROOT
from initpy.image.kernel.kernels import modules_folder
from initpy.image.stack.keyboards import without_keyboards
from initpy.image.stack.layers import Stack

# The name differs from those of other generators, whose images stay.
DEFAULT_OUTPUT = f"/boot/initpy-{KERNEL}.img"
DEFAULT_UKI = f"/boot/initpy-{KERNEL}.efi"
RECOVERY_NAME = "initpy-recovery-"
RECOVERY_JOBS = Path("extra/recovery.toml")  # of initpy's job files


def configure_content(parser: argparse.ArgumentParser) -> None:
    """Add the parameters for an image's content."""
    # Whether the command also uses --stack for a proof.
    parser.set_defaults(proves=False, portable=False)
    _say_what(parser.add_argument_group("what to build"))
    _say_more(parser.add_argument_group("what to add (each may be given several times)"))
    say_unified(parser.add_argument_group("a unified kernel image"))


def _say_what(what: argparse._ArgumentGroup) -> None:
    what.add_argument(
        "-k",
        "--kernel",
        metavar="VERSION",
        default=platform.release(),
        help=f"kernel of the image (default: the running one, {platform.release()})",
    )
    what.add_argument(
        "--modules-dir",
        metavar="DIR",
        type=Path,
        help="folder of that kernel's modules (default: /lib/modules/VERSION)",
    )
    what.add_argument(
        "-o",
        "--output",
        metavar="FILE",
        help="path of the image; {kernel} stands for the version (default: the configuration's, "
        "or /boot/initpy-{kernel}.img)",
    )
    kind = what.add_mutually_exclusive_group()
    kind.add_argument(
        "--recipe",
        metavar="NAME|FILE",
        help="drivers and programs to include: generic (default), host, minimal, or a file",
    )
    kind.add_argument(
        "--host", action="store_true", help="host-only: include only what this root needs"
    )
    what.add_argument(
        "--stack",
        metavar="FILE",
        type=Path,
        help="build for the machine described in this file (initpy check --describe)",
    )
    what.add_argument(
        "--config",
        metavar="DIR",
        type=Path,
        help=f"folder of your configuration (default: {DEFAULT_FOLDER})",
    )
    what.add_argument(
        "--compression",
        choices=(*METHODS, NONE),
        help="compression method (default: the recipe's, or zstd)",
    )
    what.add_argument("--level", metavar="N", type=int, help="compression level")
    what.add_argument(
        "--microcode",
        metavar="auto|none|DIR",
        default="auto",
        help="microcode in the image: auto takes that in /lib/firmware (with --host that of this "
        "processor), none, or from another such folder (default: %(default)s)",
    )


def _say_more(more: argparse._ArgumentGroup) -> None:
    more.add_argument(
        "--job",
        metavar="FILE|DIR",
        type=Path,
        action="append",
        default=[],
        help="more job files; a file replaces initpy's file of the same name",
    )
    more.add_argument(
        "--add",
        metavar="FILE[:PATH]",
        action="append",
        default=[],
        help="a file or folder of this machine, and its absolute path in the image if different",
    )
    more.add_argument(
        "--crypttab",
        metavar="FILE",
        type=Path,
        help="becomes /etc/crypttab in full: names, sources and options of encrypted volumes",
    )
    more.add_argument(
        "--driver",
        metavar="NAME",
        action="append",
        default=[],
        help="a kernel module, or a folder such as drivers/net/wireless/",
    )
    more.add_argument(
        "--recovery",
        action="store_true",
        help="an image to repair the machine from: more tools; with --uki a boot entry that ends "
        "in a shell and comes last",
    )
    more.add_argument(
        "--program",
        metavar="NAME",
        action="append",
        default=[],
        help="a program by name or path, with its libraries",
    )


def configuration(arguments: argparse.Namespace) -> ImageConfig:
    """Read the administrator's configuration of images. Raises InputError."""
    given = arguments.config
    return load_image_config(given or DEFAULT_FOLDER, required=given is not None)


def output_path(arguments: argparse.Namespace, config: ImageConfig, kernel: str) -> Path:
    """Return the path of a kernel's image."""
    usual = DEFAULT_UKI if getattr(arguments, "uki", False) else DEFAULT_OUTPUT
    if getattr(arguments, "recovery", False):
        usual = usual.replace("initpy-", RECOVERY_NAME)
        if arguments.output is None:  # the configuration names the image that it is beside
            return Path(usual.replace(KERNEL, kernel))
    if arguments.output == "":
        raise InputError("--output", "", "a path for the image")
    if arguments.output == "-":  # an image replaces the older one as a whole
        raise InputError("--output", "-", "a path for the image (./- for a file of that name)")
    return Path(str(arguments.output or config.output or usual).replace(KERNEL, kernel))


def requested(arguments: argparse.Namespace) -> BuildRequest:
    """Return the request: parameters override the configuration, which overrides the recipe.

    Raises InputError.
    """
    config = configuration(arguments)
    name = arguments.recipe or ("host" if arguments.host or arguments.stack else None)
    recipe = load_recipe(find_recipe(name or config.recipe or "generic"))
    if arguments.stack is not None and not recipe.host and not arguments.proves:
        raise InputError("--stack", str(arguments.stack), "--host, or a recipe with host = true")
    kernel = str(arguments.kernel)
    stack = _stack(arguments, config) if recipe.host else None
    if stack is not None and not recipe.keyboards:
        stack = without_keyboards(stack)
    portable = bool(getattr(arguments, "portable", False))
    if portable and arguments.root is not None:
        raise InputError("--root", arguments.root, "no --portable: such an image has no one root")
    root = stack or (None if portable else _root_of(arguments, config))
    request = with_recipe(
        BuildRequest(
            kernel=kernel,
            modules=arguments.modules_dir or modules_folder(kernel),
            output=output_path(arguments, config, kernel),
            jobs=(project_folder("jobs"), *_recovery_jobs(arguments), *config.jobs, *arguments.job),
            programs=(*config.programs, *map(_program, arguments.program)),
            keymaps=config.keymaps,
            drivers=(*config.modules, *arguments.driver),
            files=(*config.files, *map(_placed, arguments.add), *_whole_crypttab(arguments)),
            crypttab=_own_crypttab(arguments, config) if arguments.crypttab is None else None,
            stack=stack,
            root=root,
            resume="" if portable else _resume_of(arguments, config, root),
            fstab=None if portable else _fstab(arguments, config),
            identity=_identity(arguments, config, host=recipe.host),
            mtime=_source_date(),
            # The processor of a described machine is unknown.
            microcode=_microcode(
                arguments.microcode,
                this_machine=recipe.host and described_stack(arguments, config) is None,
            ),
            cache=cache_path(),
            uki=unified(arguments, config, kernel),
            tries=tries_of(arguments, output_path(arguments, config, kernel)),
        ),
        recipe,
    )
    return replace(
        request,
        recipe_without=(*request.recipe_without, *config.without),
        **_compression(request, recipe.faster, config, arguments),
    )


def _compression(
    request: BuildRequest, faster: str, config: ImageConfig, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Return method and level; a source that sets only the method gets its default level.

    The recipe's faster method is taken if the user says nothing.
    """
    method, level = request.compression, request.level
    levels = (config.level, arguments.level)
    if faster != NONE and levels == (None, None) and can_take(request, faster):
        method, level = faster, None
    for said in (config, arguments):
        if said.compression is not None:
            method, level = said.compression, None
        if said.level is not None:
            level = said.level
    return {"compression": method, "level": level}


def described_stack(arguments: argparse.Namespace, config: ImageConfig) -> Stack | None:
    """Return the stack in the file that parameters or configuration name; None without one."""
    path = arguments.stack or config.stack
    if path is None:
        return None
    try:
        return Stack.from_json(path.read_text(encoding="utf-8"), str(path))
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("--stack", str(path), f"a readable file ({error})") from None


def _stack(arguments: argparse.Namespace, config: ImageConfig) -> Stack:
    """Return the stack for a host-only image: from a file, or this machine's."""
    if found := described_stack(arguments, config):
        return found
    from initpy.image.stack.describe import StackError, describe
    from initpy.image.stack.ownroot import as_booted, elsewhere

    root = arguments.root or config.root or "/"
    try:
        return as_booted(describe(root), elsewhere())
    except StackError as error:
        expected = "a root that can be described, or --stack FILE, or a generic image"
        raise InputError("--root", root, f"{expected} ({error})") from None


def _identity(arguments: argparse.Namespace, config: ImageConfig, *, host: bool) -> Identity | None:
    """Return the machine that the image is for; None for a portable image."""
    if arguments.portable:
        if host:
            raise InputError(
                "--portable", None, "a generic image: a host-only one is for a machine"
            )
        return None
    if stack := described_stack(arguments, config):
        here = stack.hostname == of_file(read_hostname() or "")
        return identity_of(stack.hostname, here=here)
    base = _root_folder(arguments, config)
    return identity_of(read_hostname(base), base=base)


def _fstab(arguments: argparse.Namespace, config: ImageConfig) -> Path | None:
    """Return the fstab of the machine that the image is for; None if it is not at hand."""
    if described_stack(arguments, config) is not None:
        return None
    root = arguments.root or config.root or "/"
    if not root.startswith("/") or root.startswith("/dev/"):
        return None
    return Path(root) / FSTAB.lstrip("/")


def _root_of(arguments: argparse.Namespace, config: ImageConfig) -> Stack | None:
    """Return the stack of the root that a generic image is for; None if it cannot be described."""
    if found := described_stack(arguments, config):
        return found
    from initpy.image.stack.layers import StackError
    from initpy.image.stack.ownroot import find_target

    given = arguments.root
    try:
        return find_target(given or config.root).stack
    except StackError as error:
        # A folder of a system has files to take, whatever it is on.
        folder = given is not None and not given.startswith("/dev/") and Path(given).is_dir()
        if given is not None and not folder:
            expected = f"a root that can be described, or no --root ({error})"
            raise InputError("--root", given, expected) from None
        return None


def _resume_of(arguments: argparse.Namespace, config: ImageConfig, root: Stack | None) -> str:
    """Return the device with a hibernated system: of the root, or as this machine's files say."""
    if root is not None:
        return root.resume
    given = arguments.root or config.root or "/"
    if described_stack(arguments, config) is not None or given.startswith("/dev/"):
        return ""
    if not given.startswith("/"):
        return ""
    from initpy.config.initramfstools import AUTO
    from initpy.image.stack.hibernated import told
    from initpy.image.stack.system import Running

    said = told(Running(), _root_folder(arguments, config))
    return "" if said == AUTO else said


def _root_folder(arguments: argparse.Namespace, config: ImageConfig) -> str:
    """Return where the system is mounted that the image is for; "" if it is this machine's."""
    root = arguments.root or config.root or ""
    elsewhere = root.startswith("/") and not root.startswith("/dev/")
    return root.rstrip("/") if elsewhere and described_stack(arguments, config) is None else ""


def _own_crypttab(arguments: argparse.Namespace, config: ImageConfig) -> Path | None:
    """Return the crypttab of the system that the image is for, which may be mounted elsewhere."""
    path = config.crypttab or Path(f"{_root_folder(arguments, config)}/etc/crypttab")
    there = path.is_file() or path.with_name(IN_INITRAMFS).is_file()
    return path if there else None


def _whole_crypttab(arguments: argparse.Namespace) -> tuple[tuple[Path, str], ...]:
    path = arguments.crypttab
    if path is not None and not path.is_file():
        raise InputError("--crypttab", str(path), "a file")
    return () if path is None else ((path, "/etc/crypttab"),)


def _program(text: str) -> str:
    """Return a program's name, or its path, which may be relative on the command line."""
    return str(Path.cwd() / text) if "/" in text else text


def _placed(text: str) -> tuple[Path, str]:
    placed = parse_placed(text)
    if placed is None:
        raise InputError("--add", text, "FILE:PATH, where PATH is absolute in the image")
    if not placed[0].exists():
        raise InputError("--add", text, f"an existing file or folder, not {placed[0]}")
    return placed


def _microcode(text: str, *, this_machine: bool) -> Microcode | None:
    """Return which microcode to include: for this machine's processor, or for all."""
    processor = this_processor() if this_machine else None
    if text == "none":
        return None
    if text == "auto":
        return Microcode(ROOT, processor)
    if not Path(text).is_dir():
        raise InputError("--microcode", text, "auto, none, or a folder like /lib/firmware")
    return Microcode(Path(text), processor)


def _recovery_jobs(arguments: argparse.Namespace) -> tuple[Path, ...]:
    return (project_folder("jobs") / RECOVERY_JOBS,) if arguments.recovery else ()


def _source_date() -> int:
    """Return the time of all files (reproducible-builds.org/specs/source-date-epoch)."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "0")
    if not text.isascii() or not text.isdigit() or int(text) > 0xFFFF_FFFF:
        raise InputError("SOURCE_DATE_EPOCH", text, "seconds since 1970, a whole number")
    return int(text)
