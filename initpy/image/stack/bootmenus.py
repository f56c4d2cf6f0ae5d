"""Reads the command lines of rEFInd and Limine, whose files have a syntax of their own.

rEFInd's `refind_linux.conf` serves all kernels beside it: `"TITLE" "OPTIONS"`, the first line by
default. Limine's `limine.conf` has an entry per `/TITLE`, with `KEY: VALUE` below it.
"""

import re
from collections.abc import Iterator

from initpy.config.textlines import lines

REFIND = ("/boot/refind_linux.conf", "/boot/EFI/Linux/refind_linux.conf")
LIMINE = (
    "/boot/limine.conf", "/boot/limine/limine.conf", "/boot/EFI/limine/limine.conf",
    "/boot/EFI/BOOT/limine.conf", "/efi/limine.conf", "/boot/efi/limine.conf",
)  # fmt: skip
RESOURCE = re.compile(r"^\w+(\([^)]*\))?:(//[^/]*)?")
QUOTED = re.compile(r'"((?:[^"]|"")*)"|(\S+)')
LIMINE_OLD = (
    "/boot/limine.cfg", "/boot/limine/limine.cfg", "/boot/EFI/BOOT/limine.cfg", "/efi/limine.cfg",
    "/boot/efi/limine.cfg",
)  # fmt: skip
Entry = tuple[str, str, str, tuple[str, ...]]  # title, options, kernel, images


def refind(text: str) -> Iterator[Entry]:
    """Yield the entries of refind_linux.conf; they are for each kernel."""
    for line in lines(text):
        # Two quotes are one within a quotation.
        words = [first.replace('""', '"') or other for first, other in QUOTED.findall(line)]
        if len(words) > 1 and not line.lstrip().startswith("#"):
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


def limine_old(text: str) -> Iterator[Entry]:
    """Yield the entries of limine.cfg, of Limine before 8: `:TITLE` and `KEY=VALUE`."""
    newer = []
    for line in lines(text):
        bare = line.strip()
        newer.append(f"/{bare[1:]}" if bare.startswith(":") else bare.replace("=", ": ", 1))
    yield from limine("\n".join(newer))


def _path(text: str) -> str:
    """Return a path of Limine without resource and hash: `boot():/a#abc`, `boot:///a`."""
    return RESOURCE.sub("", text).partition("#")[0]
