"""The parameters for an image's content, shared by `initpy build` and `initpy install`."""

import argparse
import os
import platform
from dataclasses import replace
from pathlib import Path
from typing import Any

from initpy.config.errors import InputError
from initpy.config.hostname import of_file
from initpy.config.image import DEFAULT_FOLDER, KERNEL, ImageConfig, load_image_config, parse_placed
from initpy.image.build.request import BuildRequest, with_recipe
from initpy.image.build.uki import Signing, Uki, default_cmdline, find_kernel, find_stub, os_release
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


def configure_content(parser: argparse.ArgumentParser) -> None:
    """Add the parameters for an image's content."""
    # Whether the command also uses --stack for a proof.
    parser.set_defaults(proves=False, portable=False)
    _say_what(parser.add_argument_group("what to build"))
    _say_more(parser.add_argument_group("what to add (each may be given several times)"))
    _say_uki(parser.add_argument_group("a unified kernel image"))


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
        "--program",
        metavar="NAME",
        action="append",
        default=[],
        help="a program by name or path, with its libraries",
    )


def _say_uki(single: argparse._ArgumentGroup) -> None:
    single.add_argument(
        "--uki",
        action="store_true",
        help="build one EFI program of systemd's stub, kernel, image and command line; "
        "it belongs in EFI/Linux of the ESP (default output: /boot/initpy-{kernel}.efi)",
    )
    single.add_argument(
        "--cmdline",
        metavar="TEXT",
        help="its command line (default: the configuration's, or /etc/kernel/cmdline)",
    )
    single.add_argument(
        "--linux", metavar="FILE", type=Path, help="its kernel (default: /boot/vmlinuz-VERSION)"
    )
    single.add_argument(
        "--pcr-key",
        metavar="PRIVATE:PUBLIC",
        help="keys (PEM) for systemd-measure, to sign the expected values of PCR 11",
    )
    single.add_argument(
        "--pcr-tpm",
        metavar="DEVICE",
        help="TPM that systemd-measure uses for its computations (default: this machine's), such "
        "as swtpm:path=SOCKET; its content does not matter",
    )


def configuration(arguments: argparse.Namespace) -> ImageConfig:
    """Read the administrator's configuration of images. Raises InputError."""
    given = arguments.config
    return load_image_config(given or DEFAULT_FOLDER, required=given is not None)


def output_path(arguments: argparse.Namespace, config: ImageConfig, kernel: str) -> Path:
    """Return the path of a kernel's image."""
    usual = DEFAULT_UKI if getattr(arguments, "uki", False) else DEFAULT_OUTPUT
    if arguments.output == "":
        raise InputError("--output", "", "a path for the image")
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
    request = with_recipe(
        BuildRequest(
            kernel=kernel,
            modules=arguments.modules_dir or modules_folder(kernel),
            output=output_path(arguments, config, kernel),
            jobs=(project_folder("jobs"), *config.jobs, *arguments.job),
            programs=(*config.programs, *arguments.program),
            drivers=(*config.modules, *arguments.driver),
            files=(*config.files, *map(_placed, arguments.add), *_whole_crypttab(arguments)),
            crypttab=_own_crypttab(arguments, config) if arguments.crypttab is None else None,
            stack=stack,
            root=stack or (None if portable else _root_of(arguments, config)),
            identity=_identity(arguments, config, host=recipe.host),
            mtime=_source_date(),
            # The processor of a described machine is unknown.
            microcode=_microcode(
                arguments.microcode,
                this_machine=recipe.host and described_stack(arguments, config) is None,
            ),
            cache=cache_path(),
            uki=_uki(arguments, config, kernel),
        ),
        recipe,
    )
    return replace(
        request,
        recipe_without=(*request.recipe_without, *config.without),
        **_compression(request, config, arguments),
    )


def _compression(
    request: BuildRequest, config: ImageConfig, arguments: argparse.Namespace
) -> dict[str, Any]:
    """Return method and level; a source that sets only the method gets its default level."""
    method, level = request.compression, request.level
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
    if folder := _folder(arguments, config):
        return identity_of(read_hostname(folder), here=False)
    return identity_of(read_hostname())


def _root_of(arguments: argparse.Namespace, config: ImageConfig) -> Stack | None:
    """Return the stack of the root that a generic image is for; None if it cannot be described."""
    if found := described_stack(arguments, config):
        return found
    from initpy.image.stack.layers import StackError
    from initpy.image.stack.ownroot import find_target

    try:
        return find_target(arguments.root or config.root).stack
    except StackError:
        return None


def _own_crypttab(arguments: argparse.Namespace, config: ImageConfig) -> Path | None:
    """Return the crypttab of the system that the image is for, which may be mounted elsewhere."""
    path = config.crypttab or Path(f"{_folder(arguments, config)}/etc/crypttab")
    return path if path.is_file() else None


def _folder(arguments: argparse.Namespace, config: ImageConfig) -> str:
    """Return where the root that the image is for is mounted; "" for this system's."""
    root = arguments.root or config.root or ""
    mounted = root.startswith("/") and not root.startswith("/dev/")
    return root.rstrip("/") if mounted else ""


def _whole_crypttab(arguments: argparse.Namespace) -> tuple[tuple[Path, str], ...]:
    path = arguments.crypttab
    if path is not None and not path.is_file():
        raise InputError("--crypttab", str(path), "a file")
    return () if path is None else ((path, "/etc/crypttab"),)


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


def _uki(arguments: argparse.Namespace, config: ImageConfig, kernel: str) -> Uki | None:
    if not arguments.uki:
        for name in ("cmdline", "linux", "pcr_key", "pcr_tpm"):
            if getattr(arguments, name) is not None:
                raise InputError(f"--{name.replace('_', '-')}", getattr(arguments, name), "--uki")
        return None
    modules = arguments.modules_dir or modules_folder(kernel)
    said = arguments.cmdline if arguments.cmdline is not None else config.cmdline
    return Uki(
        stub=find_stub(platform.machine()),
        linux=arguments.linux or find_kernel(kernel, modules),
        release=kernel,
        cmdline=default_cmdline() if said is None else said,
        os_release=os_release(),
        signing=_signing(arguments.pcr_key, arguments.pcr_tpm),
    )


def _signing(text: str | None, tpm: str | None) -> Signing | None:
    if text is None:
        if tpm is not None:
            raise InputError("--pcr-tpm", tpm, "--pcr-key, with keys to sign with")
        return None
    private, _, public = text.partition(":")
    for path in (private, public):
        if not path or not Path(path).is_file():
            raise InputError("--pcr-key", text, "PRIVATE:PUBLIC, two files")
    return Signing(Path(private), Path(public), tpm=tpm or "")


def _source_date() -> int:
    """Return the time of all files (reproducible-builds.org/specs/source-date-epoch)."""
    text = os.environ.get("SOURCE_DATE_EPOCH", "0")
    if not text.isascii() or not text.isdigit() or int(text) > 0xFFFF_FFFF:
        raise InputError("SOURCE_DATE_EPOCH", text, "seconds since 1970, a whole number")
    return int(text)
