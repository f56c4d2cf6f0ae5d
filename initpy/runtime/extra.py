"""Pass on what systemd-stub has put beside the kernel: credentials, signatures for the TPM.

systemd-stub(7): it wraps files of the ESP in archives that the kernel unpacks below /.extra. An
initramfs with systemd keeps them in /run for the real system (import-creds.c, and tmpfiles.d's
20-systemd-stub.conf); here nothing else does, and the initramfs is deleted. They stay encrypted.
Credentials of the command line, of SMBIOS and of QEMU the real systemd reads itself.
"""

import os
from collections.abc import Iterator

EXTRA = "/.extra"
# The first folder that has a name wins, as in systemd.
CREDENTIALS = ("credentials", "system_credentials", "global_credentials")
ENCRYPTED = "/run/credentials/@encrypted"
SUFFIX = ".cred"
COPIED = {
    "tpm2-pcr-signature.json": "/run/systemd/tpm2-pcr-signature.json",
    "tpm2-pcr-public-key.pem": "/run/systemd/tpm2-pcr-public-key.pem",
    "profile": "/run/systemd/stub/profile",
    "os-release": "/run/systemd/stub/os-release",
}
EXTENSIONS = ("sysext", "global_sysext", "confext", "global_confext")
LARGEST = 1 << 20  # bytes; systemd takes credentials of that size (CREDENTIALS_TOTAL_SIZE_MAX)


def pass_on(extra: str = EXTRA, run: str = "/run") -> Iterator[str]:
    """Copy to /run what the real system needs; tell what cannot be, and what is not used."""
    for folder in CREDENTIALS:
        for name in _names(f"{extra}/{folder}", SUFFIX):
            target = f"{run}{ENCRYPTED.removeprefix('/run')}/{name.removesuffix(SUFFIX)}"
            yield from _copy(f"{extra}/{folder}/{name}", target, 0o400, 0o700)
    for name, target in COPIED.items():
        if os.path.isfile(f"{extra}/{name}"):
            yield from _copy(f"{extra}/{name}", f"{run}{target.removeprefix('/run')}", 0o444, 0o755)
    found = [name for each in EXTENSIONS for name in _names(f"{extra}/{each}", ".raw")]
    if found:
        yield f"extensions of the initramfs are not supported and not used: {', '.join(found)}"


def _names(folder: str, suffix: str) -> list[str]:
    """The names of the files there; such a name becomes the name of a credential."""
    try:
        entries = [each for each in os.scandir(folder) if each.is_file(follow_symlinks=False)]
    except OSError:
        return []
    names = (each.name for each in entries if each.name.endswith(suffix))
    return sorted(each for each in names if each != suffix and each.isprintable())


def _copy(source: str, target: str, mode: int, folder_mode: int) -> Iterator[str]:
    """Copy a small file unless there is one; tell what is wrong."""
    folder = os.path.dirname(target)
    try:
        os.makedirs(os.path.dirname(folder), 0o755, exist_ok=True)
        os.makedirs(folder, folder_mode, exist_ok=True)
        with open(source, "rb") as file:
            data = file.read(LARGEST + 1)
        if len(data) > LARGEST:
            yield f"{source} is not passed on: it is larger than {LARGEST} bytes"
            return
        with open(
            f"{target}.new", "xb", opener=lambda path, flags: os.open(path, flags, mode)
        ) as new:
            new.write(data)
        try:
            os.link(f"{target}.new", target)  # what is there stays
        finally:
            os.unlink(f"{target}.new")
    except FileExistsError:
        return
    except OSError as error:
        yield f"{source} is not passed on: {error.strerror}"
