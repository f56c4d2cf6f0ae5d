"""Build an image, prove that it boots this root, and put it in place.

The command builds an image like `initpy build`, beside the old one, and proves
it before it replaces the old one: every layer from the root file system down to
the bus must have its driver, its programs and its files (`initpy check` does the
same for any image). If something is missing, the build fails or the power goes,
the old image is unchanged. The command keeps one previous image as NAME.old; with
--keep 2 also NAME.old.2.

Examples:
  initpy install
      an image for the running kernel: /boot/initpy-VERSION.img
  initpy install --all
      for every installed kernel, after a change that concerns the images
  initpy install --kernel 6.1.0-56-amd64 --output '/boot/initrd.img-{kernel}'
      for one kernel, under the name that other tools and boot loaders use
  initpy install --root UUID=7a0c1f7e-52b5-4d0c-9a53-0d3c6e1f0001
      for another root than this system's
  initpy install --remove --kernel 6.1.0-50-amd64
      remove a kernel's image and its previous images

In a container, or in a chroot without a visible root, the command installs the
image without a proof and warns; name a root with --root to prove it.

The hooks for kernel-install(8) and Debian's kernel packages are described in
docs/install.md.

Exit status; with --all that of the first kernel that failed:
  0    installed; warnings on stderr name missing optional parts
  1    a failure; 2 wrong parameters or configuration
  3    the layers of the root, or whether the image boots it, could not be determined
  4    a program that the build needs is not installed
  5    no room for the image or for temporary files; 6 another run writes the image
       (with --no-wait)
  77   the image cannot boot this root (yet), or the kernel lacks a required module;
       nothing was installed
  130, 143, 129   interrupted by SIGINT, SIGTERM, SIGHUP
"""

import argparse
import contextlib
import platform
import sys
from collections.abc import Iterator

from initpy.cli.build import configure_talk, ending_cleanly, showing_progress
from initpy.cli.content import (
    configuration,
    configure_content,
    described_stack,
    output_path,
    requested,
)
from initpy.config.errors import InputError
from initpy.config.image import KERNEL, ImageConfig
from initpy.image.build.failures import EXPLAINED, explained, status_of
from initpy.image.build.install import Installed, UnfitError, install
from initpy.image.build.place import PlacedError, remove, sweep
from initpy.image.build.summary import summary_lines, warning_lines
from initpy.image.check.proof import Verdict
from initpy.image.formats.elf import require_reader
from initpy.image.kernel.external import screen
from initpy.image.kernel.kernels import buildable_kernels, installed_kernels
from initpy.image.missing import IncompleteError
from initpy.image.stack.layers import Stack
from initpy.image.stack.ownroot import Target, find_target
from initpy.image.status import Status

KEEP = 1  # previous images, by default
MOST_KEEP = 9


def configure(parser: argparse.ArgumentParser) -> None:
    """Add the command's parameters."""
    configure_content(parser)
    parser.set_defaults(kernel=None, proves=True)
    how = parser.add_argument_group("how to install")
    how.add_argument("--all", action="store_true", help="build for every installed kernel")
    how.add_argument(
        "--root",
        metavar="SPEC",
        help="the root that the image must boot: UUID=…, LABEL=…, a device, or its mount point",
    )
    how.add_argument(
        "--check",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="prove that the image boots this root (the default)",
    )
    how.add_argument(
        "--allow-unknown",
        action="store_true",
        help="install even if some needs of the boot could not be checked",
    )
    how.add_argument(
        "--keep",
        metavar="N",
        type=int,
        help=f"number of previous images to keep, 0 to {MOST_KEEP} (default: {KEEP})",
    )
    how.add_argument(
        "--no-wait", action="store_true", help="fail if another run writes the same image"
    )
    how.add_argument("--remove", action="store_true", help="remove the kernel's image instead")
    configure_talk(how)


def run(arguments: argparse.Namespace) -> int:
    """Install or remove; return the exit status."""
    config = configuration(arguments)
    if arguments.remove:
        return _remove(arguments, config)
    require_reader()
    statuses = [_install(arguments, config, kernel) for kernel in _kernels(arguments)]
    return next((status for status in statuses if status), Status.OK)


def _install(arguments: argparse.Namespace, config: ImageConfig, kernel: str) -> int:
    output = output_path(arguments, config, kernel)
    try:
        with ending_cleanly(), showing_progress(arguments.quiet) as progress:
            request = requested(argparse.Namespace(**{**vars(arguments), "kernel": kernel}))
            done = install(
                request,
                _target(arguments, config, request.stack),
                progress,
                allow_unknown=arguments.allow_unknown,
                keep=_keep(arguments, config),
                wait=not arguments.no_wait,
            )
    except (UnfitError, *EXPLAINED) as error:
        print(f"initpy: {explained(error)}", file=sys.stderr)
        for line in screen(_modules(error), kernel):
            print(line, file=sys.stderr)
        if isinstance(error, PlacedError):
            return status_of(error)
        old = f"; {output} is unchanged" if output.exists() else ""
        print(f"initpy: nothing was installed for kernel {kernel}{old}", file=sys.stderr)
        return error.proof.status if isinstance(error, UnfitError) else status_of(error)
    if not arguments.quiet:
        print(*_summary(done, arguments.verbose), sep="\n")
    for line in (*done.warnings, *warning_lines(done.report.assembled, verbose=arguments.verbose)):
        print(f"initpy: warning: {line}", file=sys.stderr)
    return Status.OK


def _modules(error: BaseException) -> list[str]:
    """Return the kernel modules that are missing."""
    if isinstance(error, IncompleteError):
        return [each.name for each in error.missing if each.kind == "module"]
    if isinstance(error, UnfitError):
        return [each.module for each in error.proof.of(Verdict.MISSING) if each.module]
    return []


def _target(arguments: argparse.Namespace, config: ImageConfig, own: Stack | None) -> Target | None:
    """Return the target of the proof; `own` is the stack of a host-only image."""
    if not arguments.check:
        return None
    if own is not None:
        return Target(own)
    if arguments.root is None and (stack := described_stack(arguments, config)):
        return Target(stack)
    return find_target(arguments.root or config.root)


def _keep(arguments: argparse.Namespace, config: ImageConfig) -> int:
    said = config.keep if arguments.keep is None else arguments.keep
    if said is not None and not 0 <= said <= MOST_KEEP:
        raise InputError("keep", said, f"a number from 0 to {MOST_KEEP}")
    return KEEP if said is None else int(said)


def _summary(done: Installed, verbose: bool) -> Iterator[str]:
    lines = summary_lines(done.report, verbose=verbose)
    yield from lines if verbose else lines[-1:]
    if done.proof is not None and done.proof.root:
        yield f"it boots {done.proof.root}: {len(done.proof.rows)} needs checked"


def _remove(arguments: argparse.Namespace, config: ImageConfig) -> int:
    if arguments.kernel is None and arguments.output is None:
        raise InputError("--remove", None, "--kernel VERSION, or --output FILE")
    output = output_path(arguments, config, str(arguments.kernel))
    with contextlib.suppress(OSError):
        sweep(output.parent)
    try:
        gone = remove(output)
    except OSError as error:
        print(f"initpy: cannot remove {output}: {error.strerror}", file=sys.stderr)
        return status_of(error)
    if not arguments.quiet:
        print(*(f"removed {path}" for path in gone), sep="\n", end="\n" if gone else "")
    return Status.OK


def _kernels(arguments: argparse.Namespace) -> list[str]:
    if not arguments.all:
        return [platform.release() if arguments.kernel is None else str(arguments.kernel)]
    if arguments.kernel is not None or arguments.modules_dir is not None:
        raise InputError("--all", None, "no --kernel and no --modules-dir")
    if arguments.output is not None and KERNEL not in str(arguments.output):
        raise InputError("--output", str(arguments.output), f"{KERNEL} in its name, with --all")
    kernels = installed_kernels()
    if not kernels:
        bare = ", ".join(reversed(buildable_kernels()))
        also = f"; for modules without a kernel, -k VERSION ({bare})" if bare else ""
        raise InputError("--all", None, f"a kernel: /boot/vmlinuz-VERSION and its modules{also}")
    return kernels
