"""Build an image, prove that it boots this root, and put it in place.

The image is built as `initpy build` does, beside the one that is there, and
judged before it takes that one's place: every layer from the root file system
down to the bus must have its driver, its programs and its files (`initpy check`
tells the same of any image). If anything is missing, or the build fails, or
someone pulls the plug, the old image stays as it was. One previous image is kept
as NAME.old; with --keep 2 there is a NAME.old.2 as well.

Examples:
  initpy install
      an image for the running kernel: /boot/initpy-VERSION.img
  initpy install --all
      for every installed kernel, after something that is in the images changed
  initpy install --kernel 6.1.0-56-amd64 --output '/boot/initrd.img-{kernel}'
      for one kernel, under the name that other tools and boot loaders know
  initpy install --root UUID=7a0c1f7e-52b5-4d0c-9a53-0d3c6e1f0001
      for a root that this system does not run from
  initpy install --remove --kernel 6.1.0-50-amd64
      remove a kernel's image and what was kept of it

In a container, or in a chroot whose disks cannot be seen, the image is installed
without the proof, and a warning says so; --root names a root to prove it for.

What is called through kernel-install(8) or by Debian's kernel packages:
docs/install.md.

Exit status, with --all that of the first kernel that failed:
  0    installed; the closing lines on stderr say what optional things are lacking
  1    something failed; 2 wrong parameters or configuration
  3    what the root stands on, or whether the image boots it, could not be found out
  4    a program that building takes is not installed
  5    there is no room for the image; 6 another run is at it (with --no-wait)
  77   this root cannot be booted with what is there now, or the kernel lacks a module
       that the image must have; nothing was installed
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
from initpy.image.build.place import remove, sweep
from initpy.image.build.summary import summary_lines, warning_lines
from initpy.image.kernel.kernels import installed_kernels
from initpy.image.stack.layers import Stack
from initpy.image.stack.ownroot import Target, find_target
from initpy.image.status import Status

KEPT = 1  # previous images, if nobody says another number
MOST_KEPT = 9


def configure(parser: argparse.ArgumentParser) -> None:
    """The command's parameters."""
    configure_content(parser)
    parser.set_defaults(kernel=None, proves=True)
    how = parser.add_argument_group("how to install")
    how.add_argument("--all", action="store_true", help="for every kernel that is installed")
    how.add_argument(
        "--root",
        metavar="SPEC",
        help="the root that the image must boot: UUID=…, LABEL=…, a device, or where it is mounted",
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
        help="install although not everything that the boot needs could be looked at",
    )
    how.add_argument(
        "--keep",
        metavar="N",
        type=int,
        help=f"how many previous images to keep, 0 to {MOST_KEPT} (default: {KEPT})",
    )
    how.add_argument(
        "--no-wait", action="store_true", help="fail if another run is writing the same image"
    )
    how.add_argument("--remove", action="store_true", help="remove the kernel's image instead")
    configure_talk(how)


def run(arguments: argparse.Namespace) -> int:
    """Install or remove; returns the exit status."""
    config = configuration(arguments)
    if arguments.remove:
        return _remove(arguments, config)
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
        old = f"; {output} is left as it was" if output.exists() else ""
        print(f"initpy: nothing was installed for kernel {kernel}{old}", file=sys.stderr)
        return error.proof.status if isinstance(error, UnfitError) else status_of(error)
    if not arguments.quiet:
        print(*_summary(done, arguments.verbose), sep="\n")
    for line in (*done.warnings, *warning_lines(done.report.assembled, verbose=arguments.verbose)):
        print(f"initpy: warning: {line}", file=sys.stderr)
    return Status.OK


def _target(arguments: argparse.Namespace, config: ImageConfig, own: Stack | None) -> Target | None:
    """What the image is proved against; `own` is what an image for one machine is made of."""
    if not arguments.check:
        return None
    if own is not None:
        return Target(own)
    if arguments.root is None and (stack := described_stack(arguments, config)):
        return Target(stack)
    return find_target(arguments.root or config.root)


def _keep(arguments: argparse.Namespace, config: ImageConfig) -> int:
    said = config.keep if arguments.keep is None else arguments.keep
    if said is not None and not 0 <= said <= MOST_KEPT:
        raise InputError("keep", said, f"a number from 0 to {MOST_KEPT}")
    return KEPT if said is None else int(said)


def _summary(done: Installed, verbose: bool) -> Iterator[str]:
    lines = summary_lines(done.report, verbose=verbose)
    yield from lines if verbose else lines[-1:]
    if done.proof is not None and done.proof.root:
        yield f"it boots {done.proof.root}: {len(done.proof.rows)} needs looked at"


def _remove(arguments: argparse.Namespace, config: ImageConfig) -> int:
    if arguments.kernel is None and arguments.output is None:
        raise InputError("--remove", None, "--kernel VERSION, or --output FILE")
    output = output_path(arguments, config, str(arguments.kernel))
    with contextlib.suppress(OSError):
        sweep(output.parent)
    try:
        gone = remove(output)
    except OSError as error:
        print(f"initpy: {output} cannot be removed: {error.strerror}", file=sys.stderr)
        return status_of(error)
    if not arguments.quiet:
        print(*(f"removed {path}" for path in gone), sep="\n", end="\n" if gone else "")
    return Status.OK


def _kernels(arguments: argparse.Namespace) -> list[str]:
    if not arguments.all:
        return [platform.release() if arguments.kernel is None else str(arguments.kernel)]
    if arguments.kernel is not None or arguments.modules_dir is not None:
        raise InputError("--all", True, "neither --kernel nor --modules-dir besides")
    if arguments.output is not None and KERNEL not in str(arguments.output):
        raise InputError("--output", str(arguments.output), f"{KERNEL} in its name, with --all")
    kernels = installed_kernels()
    if not kernels:
        raise InputError("--all", True, "a kernel: /boot/vmlinuz-VERSION and its modules")
    return kernels
