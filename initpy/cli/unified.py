"""The parameters for a unified kernel image: one EFI program, and a boot entry in EFI/Linux."""

import argparse
import platform
from dataclasses import replace
from pathlib import Path

from initpy.config.errors import InputError
from initpy.config.image import ImageConfig
from initpy.image.build import counters
from initpy.image.build.uki import (
    RECOVERY_WORD,
    Signing,
    Uki,
    default_cmdline,
    find_kernel,
    find_stub,
    os_release,
    recovery_release,
)
from initpy.image.build.ukifyconf import read_ukify
from initpy.image.kernel.kernels import modules_folder


def say_unified(single: argparse._ArgumentGroup) -> None:
    """Add the parameters."""
    single.add_argument(
        "--uki",
        action="store_true",
        help="build one EFI program of systemd's stub, kernel, image and command line; "
        "it belongs in EFI/Linux of the ESP (default output: /boot/initpy-{kernel}.efi)",
    )
    single.add_argument(
        "--cmdline",
        metavar="TEXT",
        help="its command line (default: the configuration's, or that of /etc/kernel)",
    )
    single.add_argument(
        "--linux", metavar="FILE", type=Path, help="its kernel (default: /boot/vmlinuz-VERSION)"
    )
    single.add_argument(
        "--tries",
        metavar="N",
        type=int,
        help="boots that the loader grants it until one is good, in EFI/Linux (default: "
        f"{counters.TRIES}; 0: it does not count them)",
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


def unified(arguments: argparse.Namespace, config: ImageConfig, kernel: str) -> Uki | None:
    """Return the parts besides the initramfs; None for a plain image. Raises InputError."""
    if not arguments.uki:
        for name in ("cmdline", "linux", "pcr_key", "pcr_tpm", "tries"):
            if getattr(arguments, name) is not None:
                raise InputError(f"--{name.replace('_', '-')}", getattr(arguments, name), "--uki")
        return None
    modules = arguments.modules_dir or modules_folder(kernel)
    said = arguments.cmdline if arguments.cmdline is not None else config.cmdline
    own = read_ukify()
    if said is None:
        said = own.cmdline if own.cmdline is not None else default_cmdline()
    cmdline, release = said, own.os_release or os_release()
    if arguments.recovery:
        cmdline, release = f"{cmdline} {RECOVERY_WORD}".lstrip(), recovery_release(release)
    return Uki(
        stub=own.stub or find_stub(platform.machine()),
        linux=arguments.linux or find_kernel(kernel, modules),
        release=kernel,
        cmdline=cmdline,
        os_release=release,
        signing=_signing(arguments.pcr_key, arguments.pcr_tpm, own.signing),
        sections=own.sections,
        warnings=own.warnings,
    )


def tries_of(arguments: argparse.Namespace, output: Path) -> int | None:
    """Return the tries of the boot entry; None if the file is none."""
    said = arguments.tries
    entry = arguments.uki and counters.is_entry(output)
    if said is not None:
        if not 0 <= said <= counters.MOST:
            raise InputError("--tries", said, f"a number from 0 to {counters.MOST}")
        if not entry:
            raise InputError(
                "--tries", said, f"an entry EFI/Linux/NAME.efi as output, not {output}"
            )
        if said and arguments.recovery:
            raise InputError("--tries", said, "0 for --recovery: the loader falls back to it")
        return int(said)
    if not entry:
        return None
    return 0 if arguments.recovery else counters.configured()


def _signing(text: str | None, tpm: str | None, own: Signing | None) -> Signing | None:
    if text is None and own is not None:
        return replace(own, tpm=tpm or "")
    if text is None:
        if tpm is not None:
            raise InputError("--pcr-tpm", tpm, "--pcr-key, with keys to sign with")
        return None
    private, _, public = text.partition(":")
    for path in (private, public):
        if not path or not Path(path).is_file():
            raise InputError("--pcr-key", text, "PRIVATE:PUBLIC, two files")
    return Signing(Path(private), Path(public), tpm=tpm or "")
