"""Compresses kernel modules one by one: a boot then unpacks only the modules that it loads.

libkmod, which udevd and modprobe use, unpacks a module by itself. Most of the modules of a generic
image are never loaded on a given machine, yet the kernel unpacks a compressed archive in full
before it starts `/init`.
"""

import errno
import os
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from initpy.image import process
from initpy.image.formats import decompress
from initpy.image.kernel.kmod import SUFFIXES, ModuleIndex
from initpy.image.missing import IncompleteError, Missing, package_hint
from initpy.image.scratch import room, scratch_folder

# Compressors by the words of `kmod --version`, and the suffixes that depmod accepts. The kernel's
# own decompressor (CONFIG_MODULE_DECOMPRESS) takes no other check of xz than CRC32.
# - zstd: levels above 9 gain nothing below level 19, which takes 15 times as long and saves 9 %.
# - xz: preset 0 takes twice the time of zstd -9 and saves a tenth of the size.
_PROGRAMS = {
    "zstd": (".zst", ("zstd", "-q", "-f", "--no-check"), 9),
    "xz": (".xz", ("xz", "-q", "-k", "-f", "--check=crc32"), 0),
}
_WORKERS = 2


def method_for(compression: str) -> str:
    """Return the method for single modules: the image's if libkmod supports it; "" for none."""
    known = process.run(["kmod", "--version"], hint="apt install kmod").decode().split()
    supported = [name for name in _PROGRAMS if f"+{name.upper()}" in known]
    return compression if compression in supported else next(iter(supported), "")


def tools(compression: str) -> tuple[str, ...]:
    """Return the program that compresses single modules of an image with this compression."""
    return _PROGRAMS.get(compression, _PROGRAMS["zstd"])[1][:1]


def name_of(path: str, method: str) -> str:
    """Return a module's path in the image: the path of the kernel's file if it is compressed."""
    found = SUFFIXES.search(path)
    return path if found is None or found[1] else path + _PROGRAMS[method][0]


def plain_name(path: str) -> str:
    """Return a module's path without the suffix of a compression."""
    return SUFFIXES.sub(".ko", path)


def plain(index: ModuleIndex, path: str) -> Path | bytes:
    """Return a module without compression: the kernel's file, or its unpacked content."""
    source = index.folder / path
    if path.endswith(".ko"):
        return source
    data = source.read_bytes()
    view = memoryview(data)
    method = decompress.recognise(view)
    if method is None:
        return source
    try:
        return b"".join(decompress.Stream(view, 0, method).pieces())
    except decompress.DamagedStreamError as error:
        hint = f"reinstall the kernel: {error.problem}"
        raise IncompleteError([Missing("module file", path, str(index.folder), hint)]) from error


def compressed(
    index: ModuleIndex, paths: Iterable[str], method: str, level: int | None
) -> Mapping[str, Path | bytes]:
    """Compress modules with `method`; return their content by path in the image.

    A module that the distribution has compressed stays as it is.
    """
    found: dict[str, Path | bytes] = {}
    todo: list[str] = []
    for path in paths:
        if path.endswith(".ko"):
            todo.append(path)
        else:
            found[path] = index.folder / path
    # Workers take modules in turns: each gets a share of the large ones.
    sizes = {path: (index.folder / path).stat().st_size for path in todo}
    todo.sort(key=sizes.__getitem__)
    shares = [todo[number::_WORKERS] for number in range(_WORKERS)]
    with (
        scratch_folder("modules", sum(sizes.values())) as base,
        ThreadPoolExecutor(_WORKERS) as pool,
    ):
        suffix = _PROGRAMS[method][0]
        for number, share in enumerate(shares):
            (base / str(number)).mkdir()
            for at, path in enumerate(share):
                # By number: modules in several folders may have one file name.
                (base / str(number) / f"{at}.ko").symlink_to(index.folder / path)
        try:
            list(
                pool.map(
                    lambda n: _run(base / str(n), len(shares[n]), method, level), range(_WORKERS)
                )
            )
        except process.ToolError as error:
            if room(base) >= sizes[todo[-1]]:
                raise
            # The compressor has removed what it could not write to its end.
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), f"{base}/modules") from error
        for number, share in enumerate(shares):
            for at, path in enumerate(share):
                data = (base / str(number) / f"{at}.ko{suffix}").read_bytes()
                found[name_of(path, method)] = data
    return dict(sorted(found.items()))


def _run(folder: Path, count: int, method: str, level: int | None) -> None:
    """Compress the files 0.ko, 1.ko, … in a folder."""
    _, words, usual = _PROGRAMS[method]
    # A low level serves the archive, which each boot unpacks in full; a high one asks for size.
    chosen = f"-{max(level or usual, usual)}"
    if count:
        files = [str(folder / f"{number}.ko") for number in range(count)]
        process.run([*words, chosen, "--", *files], hint=package_hint(words[0]))
