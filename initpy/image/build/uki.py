"""Unified kernel images: kernel, initramfs and command line in one file that firmware starts.

The file is systemd's stub (systemd-stub(7)) with sections behind its own:
https://uapi-group.org/specifications/specs/unified_kernel_image/
"""

import struct
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from initpy.config.errors import InputError
from initpy.image import process
from initpy.image.formats import pe
from initpy.image.kernel.kernels import kernel_file, kernel_places

STUBS = Path("/usr/lib/systemd/boot/efi")
# machine (uname(2)) -> what systemd calls its firmware's kind
ARCHITECTURES = {"x86_64": "x64", "aarch64": "aa64", "i686": "ia32", "riscv64": "riscv64"}
RELEASES = (Path("/etc/os-release"), Path("/usr/lib/os-release"))
COMMAND_LINES = (Path("/etc/kernel/cmdline"), Path("/usr/lib/kernel/cmdline"))
MEASURE = Path("/usr/lib/systemd/systemd-measure")

# Documentation/arch/x86/boot.rst: a magic number, and where the version's text begins.
BOOT_MAGIC = (0x202, b"HdrS")
VERSION_POINTER = 0x20E
VERSION_BASE = 0x200
# The kernel's COMMAND_LINE_SIZE on x86.
LONGEST_CMDLINE = 2047


@dataclass(frozen=True, slots=True)
class Signing:
    """Keys (PEM) for the values that the TPM's register 11 takes with this image."""

    private: Path
    public: Path
    banks: tuple[str, ...] = ("sha256",)
    tpm: str = ""  # what computes, as systemd-measure names it; "" for this machine's


@dataclass(frozen=True, slots=True)
class Uki:
    """What a unified kernel image has besides the initramfs."""

    stub: Path
    linux: Path
    release: str  # the kernel's
    cmdline: str  # "" for none: the boot loader's holds
    os_release: bytes
    signing: Signing | None = None


def find_stub(machine: str) -> Path:
    """systemd's stub for a machine; where it is not there, where it would be."""
    return STUBS / f"linux{ARCHITECTURES.get(machine, machine)}.efi.stub"


def find_kernel(release: str, modules: Path) -> Path:
    """The kernel's file, where kernel-install(8) and the distributions have it.

    `modules` is the kernel's /lib/modules/VERSION. Raises InputError.
    """
    found = kernel_file(release, modules)
    if found is None:
        places = " or ".join(map(str, kernel_places(release, modules)))
        expected = f"a kernel at {places}, or --linux FILE"
        raise InputError("--uki", release, expected)
    return found


def os_release(places: Iterable[Path] = RELEASES) -> bytes:
    """What the boot loader shows the image as (os-release(5))."""
    found = next((place for place in places if place.is_file()), None)
    return found.read_bytes() if found is not None else b"ID=linux\nPRETTY_NAME=Linux\n"


def default_cmdline(places: Iterable[Path] = COMMAND_LINES) -> str:
    """The command line that kernel-install(8) gives its images; "" if nobody has set one."""
    found = next((place for place in places if place.is_file()), None)
    return "" if found is None else " ".join(found.read_text(errors="surrogateescape").split())


def compose(uki: Uki, initrd: bytes) -> bytes:
    """The whole file. Raises InputError for a stub, kernel or command line that cannot be used.

    ToolError where signing fails.
    """
    linux = _kernel(uki)
    if len(uki.cmdline) > LONGEST_CMDLINE or not uki.cmdline.isprintable():
        expected = f"one line of at most {LONGEST_CMDLINE} printable characters"
        raise InputError("--cmdline", uki.cmdline, expected)
    sections = {
        ".osrel": uki.os_release,
        # The zero byte is for stubs that take the text for a string.
        ".cmdline": uki.cmdline.encode(errors="surrogateescape") + b"\0",
        ".uname": uki.release.encode(),
        ".linux": linux,
        ".initrd": initrd,
    }
    if not uki.cmdline:
        del sections[".cmdline"]
    if uki.signing is not None:
        sections = _signed(sections, uki.signing)
    # Where systemd-stub(7) before version 254 runs the kernel in place, it must be the last.
    order = [name for name in sections if name != ".linux"] + [".linux"]
    try:
        stub = uki.stub.read_bytes()
        return pe.append(stub, {name: sections[name] for name in order})
    except OSError as error:
        expected = "systemd's stub (apt install systemd-boot-efi)"
        raise InputError(str(uki.stub), error.strerror, expected) from None
    except pe.DamagedPeError as error:
        raise InputError(f"{uki.stub}: byte {error.offset}", error.value, error.expected) from None


def _kernel(uki: Uki) -> bytes:
    """The kernel, after a look whether firmware can start it and the modules are its own."""
    try:
        data = uki.linux.read_bytes()
    except OSError as error:
        raise InputError(str(uki.linux), error.strerror, "a readable kernel") from None
    if not data.startswith(pe.MAGIC):
        raise InputError(str(uki.linux), data[:2], "a kernel with CONFIG_EFI_STUB, which begins MZ")
    version = kernel_version(data)
    if version and version != uki.release:
        raise InputError(str(uki.linux), version, f"kernel {uki.release}, which the image is for")
    return data


def kernel_version(data: bytes) -> str:
    """The release in an x86 kernel's header; "" for another kind of kernel."""
    at, magic = BOOT_MAGIC
    if data[at : at + len(magic)] != magic:
        return ""
    (pointer,) = struct.unpack_from("<H", data, VERSION_POINTER)
    text = data[pointer + VERSION_BASE :][:256].partition(b"\0")[0] if pointer else b""
    return text.decode("ascii", "replace").partition(" ")[0]


def _signed(sections: Mapping[str, bytes], signing: Signing) -> dict[str, bytes]:
    """With the public key, and signatures of what systemd-measure(1) foresees for the sections."""
    try:
        public = signing.public.read_bytes()
    except OSError as error:
        raise InputError(str(signing.public), error.strerror, "a public key (PEM)") from None
    complete = {**sections, ".pcrpkey": public}
    # systemd-stub measures these; .uname only from version 254 on, with a tool that knows it.
    measured = [name for name in complete if name != ".uname"]
    with tempfile.TemporaryDirectory(prefix="initpy-measure-") as folder:
        command = [str(MEASURE), "sign"]
        for name in measured:
            path = Path(folder, name.lstrip("."))
            path.write_bytes(complete[name])
            command.append(f"--{name.lstrip('.')}={path}")
        command += [f"--bank={bank}" for bank in signing.banks]
        command += [f"--private-key={signing.private}", f"--public-key={signing.public}"]
        command += [f"--tpm2-device={signing.tpm}"] if signing.tpm else []
        hint = (
            "that of systemd 252 computes with a TPM (apt install libtss2-esys-3.0.2-0 "
            "libtss2-rc0); without one --pcr-tpm takes swtpm's"
        )
        complete[".pcrsig"] = process.run(command, hint=hint).strip() + b"\n"
    return complete
