"""Reads the command lines of rEFInd and Limine, whose files have a syntax of their own.

rEFInd's `refind_linux.conf` serves all kernels beside it: `"TITLE" "OPTIONS"`, the first line by
default. Limine's `limine.conf` has an entry per `/TITLE`, with `KEY: VALUE` below it.
"""

import shlex
from collections.abc import Iterator

from initpy.config.textlines import lines

REFIND = ("/boot/refind_linux.conf", "/boot/EFI/Linux/refind_linux.conf")
LIMINE = (
    "/boot/limine.conf", "/boot/limine/limine.conf", "/boot/EFI/limine/limine.conf",
    "/boot/EFI/BOOT/limine.conf", "/efi/limine.conf", "/boot/efi/limine.conf",
)  # fmt: skip
Entry = tuple[str, str, str, tuple[str, ...]]  # title, options, kernel, images


def refind(text: str) -> Iterator[Entry]:
    """Yield the entries of refind_linux.conf; they are for each kernel."""
    for line in lines(text):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        if len(words) > 1:
            yield words[0], words[1], "", ()


def limine(text: str) -> Iterator[Entry]:
    """Yield the entries of limine.conf that start Linux."""
    title, keys, images = "", dict[str, str](), list[str]()
    for line in [*lines(text), "/"]:
        bare = line.strip()
        if bare.startswith("/"):
            kernel = keys.get("path") or keys.get("kernel_path")
            if kernel:
                options = keys.get("cmdline") or keys.get("kernel_cmdline") or ""
                yield title, options, _path(kernel), tuple(images)
            title, keys, images = bare.lstrip("/+").strip(), {}, []
            continue
        key, colon, value = bare.partition(":")
        if colon and key.strip().lower() == "module_path":
            images.append(_path(value.strip()))
        elif colon:
            keys.setdefault(key.strip().lower(), value.strip())


def _path(text: str) -> str:
    """Return a path of Limine without resource and hash: `boot():/vmlinuz#abc`."""
    return text.rpartition("):")[2].partition("#")[0]
