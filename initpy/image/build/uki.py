"""Composes unified kernel images: kernel, initramfs and command line in one EFI program.

The file is systemd's stub (systemd-stub(7)) with appended sections:
https://uapi-group.org/specifications/specs/unified_kernel_image/
"""

import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from initpy.config.errors import InputError
from initpy.image import process
from initpy.image.formats import pe
from initpy.image.formats.cmdline import without_comments
from initpy.image.kernel.kernels import FILES, kernel_file, kernel_version

STUBS = Path("/usr/lib/systemd/boot/efi")
# machine (uname(2)) -> systemd's name of the EFI architecture
ARCHITECTURES = {"x86_64": "x64", "aarch64": "aa64", "i686": "ia32", "riscv64": "riscv64"}
RELEASES = (Path("/etc/os-release"), Path("/usr/lib/os-release"))
# systemd-boot lists no image without any of these in its os-release.
TITLES = (b"PRETTY_NAME=", b"NAME=", b"IMAGE_ID=", b"ID=")
NAMELESS = b"ID=linux\nPRETTY_NAME=Linux\n"
COMMAND_LINE_FOLDER = Path("/etc/cmdline.d")
COMMAND_LINES = (Path("/etc/kernel/cmdline"), Path("/usr/lib/kernel/cmdline"))
RECOVERY_WORD = "initpy.recovery"  # on the command line of the entry to fall back to
MEASURE = Path("/usr/lib/systemd/systemd-measure")

# The kernel's COMMAND_LINE_SIZE on x86.
LONGEST_CMDLINE = 2047


@dataclass(frozen=True, slots=True)
class Signing:
    """Keys (PEM) to sign the expected values of the TPM's PCR 11 for this image."""

    private: Path
    public: Path
    banks: tuple[str, ...] = ("sha256",)
    tpm: str = ""  # systemd-measure's --tpm2-device; "" for this machine's TPM


@dataclass(frozen=True, slots=True)
class Uki:
    """The parts of a unified kernel image besides the initramfs."""

    stub: Path
    linux: Path
    release: str  # the kernel's
    cmdline: str  # "" for none: the stub then uses the boot loader's
    os_release: bytes
    signing: Signing | None = None
    sections: tuple[tuple[str, Path], ...] = ()  # further ones, each with its file
    warnings: tuple[str, ...] = ()


def find_stub(machine: str) -> Path:
    """Return the path of systemd's stub for a machine, whether it exists or not."""
    return STUBS / f"linux{ARCHITECTURES.get(machine, machine)}.efi.stub"


def find_kernel(release: str, modules: Path) -> Path:
    """Find a kernel in the places of kernel-install(8) and the distributions.

    `modules` is the kernel's /lib/modules/VERSION. Raises InputError.
    """
    found = kernel_file(release, modules)
    if found is None:
        names = ", ".join(FILES)
        expected = f"a kernel in {modules} or in /boot (named {names}), or --linux FILE"
        raise InputError("--uki", release, expected)
    return found


def os_release(places: Iterable[Path] = RELEASES) -> bytes:
    """Return os-release(5), from which boot loaders take the entry's title."""
    found = next((place for place in places if place.is_file()), None)
    text = found.read_bytes() if found is not None else b""
    named = any(line.startswith(TITLES) for line in text.splitlines())
    return text if named else text.rstrip() + b"\n" + NAMELESS


def recovery_release(text: bytes) -> bytes:
    """Return os-release(5) for the entry to fall back to: its title says so, and it sorts last.

    systemd-boot takes the sort key from IMAGE_ID, and else from ID.
    """
    kept = [
        line for line in text.splitlines() if not line.startswith((b"IMAGE_ID=", b"PRETTY_NAME="))
    ]
    title = next((line for line in text.splitlines() if line.startswith(b"PRETTY_NAME=")), b"")
    name = title.partition(b"=")[2].strip(b"\"'") or b"Linux"
    lines = [*kept, b"IMAGE_ID=zz-recovery", b'PRETTY_NAME="' + name + b' (recovery)"', b""]
    return b"\n".join(lines)


def default_cmdline(
    places: Iterable[Path] = COMMAND_LINES, folder: Path = COMMAND_LINE_FOLDER
) -> str:
    """Return the command line that kernel-install(8) uses; "" if it is not configured.

    Without one it is that of mkinitcpio(8): all files of a folder, joined.
    """
    if (found := next((place for place in places if place.is_file()), None)) is not None:
        return _cmdline_in(found)
    files = sorted(each for each in folder.glob("*.conf") if each.is_file())
    return " ".join(filter(None, map(_cmdline_in, files)))


def _cmdline_in(found: Path) -> str:
    data = found.read_bytes()
    if b"\0" in data:
        raise InputError(str(found), "zero bytes", "a command line in UTF-8, not in UTF-16")
    return without_comments(data.decode("utf-8", "surrogateescape"))


def compose(uki: Uki, initrd: bytes) -> bytes:
    """Return the whole file.

    Raises InputError for an unusable stub, kernel or command line, ToolError if signing fails.
    """
    linux = _kernel(uki)
    if len(uki.cmdline) > LONGEST_CMDLINE or not uki.cmdline.isprintable():
        expected = f"one line of at most {LONGEST_CMDLINE} printable characters"
        raise InputError("--cmdline", uki.cmdline, expected)
    sections = {
        ".osrel": uki.os_release,
        # Some stubs expect a zero byte at the end.
        ".cmdline": uki.cmdline.encode(errors="surrogateescape") + b"\0",
        ".uname": uki.release.encode(),
        ".linux": linux,
        ".initrd": initrd,
    }
    if not uki.cmdline:
        del sections[".cmdline"]
    sections |= {name: _section(name, path) for name, path in uki.sections}
    if uki.signing is not None:
        sections = _signed(sections, uki.signing)
    # Before version 254 systemd-stub(7) runs the kernel in place, so that it must come last.
    order = [name for name in sections if name != ".linux"] + [".linux"]
    try:
        stub = uki.stub.read_bytes()
        return pe.append(stub, {name: sections[name] for name in order})
    except OSError as error:
        expected = "systemd's stub (apt install systemd-boot-efi)"
        raise InputError(str(uki.stub), error.strerror, expected) from None
    except pe.DamagedPeError as error:
        raise InputError(f"{uki.stub}: byte {error.offset}", error.value, error.expected) from None


def _section(name: str, path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise OSError(None, "it is no regular file")
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"section {name}", str(path), f"a file; {error.strerror}") from None


def _kernel(uki: Uki) -> bytes:
    """Read the kernel; check that firmware can start it and that its release matches."""
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


def _signed(sections: Mapping[str, bytes], signing: Signing) -> dict[str, bytes]:
    """Return the sections with the public key, and the signatures that systemd-measure(1) makes."""
    try:
        public = signing.public.read_bytes()
    except OSError as error:
        raise InputError(str(signing.public), error.strerror, "a public key (PEM)") from None
    complete = {**sections, ".pcrpkey": public}
    # systemd-stub measures these sections; it measures .uname only since version 254.
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
            "systemd-measure 252 needs a TPM (apt install libtss2-esys-3.0.2-0 libtss2-rc0); "
            "without one, run swtpm and pass --pcr-tpm swtpm:path=SOCKET"
        )
        complete[".pcrsig"] = process.run(command, hint=hint).strip() + b"\n"
    return complete
