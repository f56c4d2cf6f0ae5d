"""What the configuration of ukify(1) says of a unified kernel image that initpy makes.

Kernel, initramfs and release are the build's own. What initpy does not do costs a line each.
"""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from initpy.config.errors import InputError
from initpy.config.textlines import read_file
from initpy.config.ukify import PLACES, Sections, parse
from initpy.image.build.uki import Signing

FILE = "UKI"
SIGNATURE = "PCRSignature:"
OWN = ("linux", "initrd", "uname", "efiarch", "microcode", "pcrbanks", "secureboot", "signkernel")
UNSIGNED = (
    "the file is not signed: firmware with Secure Boot starts it only once you have signed it, "
    "as with sbsign(1) or sbctl(8)"
)
# The beginning of a key -> what is said; other keys are for what the build does by itself.
NOT_DONE = {
    "secureboot": UNSIGNED,
    "signtool": UNSIGNED,
    "signingengine": UNSIGNED,
    "phases": "the signature is for each phase of the boot",
    "hwids": "the section is left out",
    "devicetreeauto": "the section is left out",
    "firmware": "the section is left out",
    "profile": "the image has no profiles",
    "sbat": "the section is the stub's",
    "pcrpkey": "the public key is that of the signature",
}
READ = ("cmdline", "osrelease", "splash", "devicetree", "stub", "pcrprivatekey", "pcrpublickey")


class UkifyConf(NamedTuple):
    """The settings that a build follows; None where the file has none."""

    cmdline: str | None = None
    os_release: bytes | None = None
    stub: Path | None = None
    sections: tuple[tuple[str, Path], ...] = ()  # further ones, each with its file
    signing: Signing | None = None
    warnings: tuple[str, ...] = ()


def read_ukify(base: str = "", places: Iterable[str] = PLACES) -> UkifyConf:
    """Read the first file that is there. Raises InputError for a wrong one."""
    for each in places:
        path = Path(f"{base}{each}")
        if path.is_file():
            return _read(path)
    return UkifyConf()


def _read(path: Path) -> UkifyConf:
    try:
        sections = parse(read_file(path, "surrogateescape"))
    except OSError as error:
        raise InputError(str(path), error.strerror, "a file that can be read") from None
    if sections is None:
        raise InputError(str(path), "its content", "sections and keys as in ukify(1)")
    keys = sections.get(FILE, {})
    cmdline, release = keys.get("cmdline"), keys.get("osrelease")
    named = ((".splash", keys.get("splash")), (".dtb", keys.get("devicetree")))
    return UkifyConf(
        # ukify takes a file as it is: `#` begins no comment.
        " ".join(_content(path, "Cmdline", cmdline).decode(errors="surrogateescape").split())
        if cmdline
        else None,
        _content(path, "OSRelease", release) if release else None,
        Path(keys["stub"]) if keys.get("stub") else None,
        tuple((name, Path(file)) for name, file in named if file),
        _signing(sections),
        tuple(dict.fromkeys(_not_done(path, sections))),
    )


def _content(path: Path, key: str, value: str) -> bytes:
    """Return a value, or the file that it names: `@/etc/kernel/cmdline`."""
    if not value.startswith("@"):
        return value.encode(errors="surrogateescape")
    try:
        data = read_file(Path(value[1:]), "surrogateescape").encode(errors="surrogateescape")
    except OSError as error:
        raise InputError(f"{path}: {key}", value, f"a file; {error.strerror}") from None
    if b"\0" in data:
        raise InputError(f"{path}: {key}", value, "a text in UTF-8, without zero bytes")
    return data


def _signing(sections: Sections) -> Signing | None:
    """Return the first keys to sign the TPM's register with."""
    banks = tuple(sections.get(FILE, {}).get("pcrbanks", "sha256").replace(",", " ").split())
    for name, keys in sections.items():
        private, public = keys.get("pcrprivatekey"), keys.get("pcrpublickey")
        if name.startswith(SIGNATURE) and private and public:
            return Signing(Path(private), Path(public), banks)
    return None


def _not_done(path: Path, sections: Sections) -> Iterator[str]:
    signatures = 0
    for name, keys in sections.items():
        signatures += name.startswith(SIGNATURE)
        if signatures > 1 and name.startswith(SIGNATURE):
            yield f"{path}: [{name}]: only the first signature is made"
            continue
        for key in keys if name == FILE or name.startswith(SIGNATURE) else ():
            said = next((NOT_DONE[each] for each in NOT_DONE if key.startswith(each)), None)
            if said is not None:
                shown = f"{path}: Secure Boot" if said is UNSIGNED else f"{path}: {key}"
                yield f"{shown}: {said}"
            elif key not in READ and not key.startswith(OWN):
                yield f"{path}: {key}: not supported; it is ignored"
