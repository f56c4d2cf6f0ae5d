"""Surveys an image of any generator: kinds of content, kernels, programs, generator."""

import os
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath

from initpy.image.content.kinds import KINDS, OTHER
from initpy.image.formats.archive import PLAIN, Archive
from initpy.image.kernel.kmod import SUFFIXES
from initpy.image.kernel.moduletree import module_name, releases
from initpy.image.tree import File, Folder, Link, image_path

# Kinds of other generators' content; they take precedence over initpy's kinds.
FOREIGN_KINDS = (
    ("/kernel/x86/microcode/", "microcode"),
    ("/usr/lib/dracut/", "scripts"),
    ("/scripts/", "scripts"),
    ("/hooks/", "scripts"),
    ("/usr/lib/systemd/system/", "systemd units"),
    ("/usr/lib/systemd/systemd", "programs"),
    ("/usr/lib/locale/", "locales and fonts"),
    ("/usr/share/", "locales and fonts"),
)

# Pattern of a file's path -> the generator that creates it; a group holds its version.
MARKS = (
    (re.compile(r"/usr/lib/initpy/jobs/.*"), "initpy"),
    (re.compile(r"/(?:usr/)?lib/dracut/dracut-(?P<version>\d.*)"), "dracut"),
    (re.compile(r"/conf/initramfs\.conf"), "initramfs-tools"),
    (re.compile(r"/etc/booster\.init\.yaml"), "booster"),
    (re.compile(r"/buildconfig"), "mkinitcpio"),
)
SYSTEMD = re.compile(r"(/usr)?/lib/systemd/systemd")
INTERPRETER = re.compile(r"/usr/bin/python(\d\.\d+)")
PROGRAM = re.compile(r"(/usr)?/s?bin/[^/]+")

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Kind:
    """Content of one kind; `packed` estimates its compressed size in the image."""

    name: str
    files: int
    size: int
    packed: int


@dataclass(frozen=True, slots=True)
class Survey:
    """The summary of an image."""

    generator: str  # with its version if known; "" if unknown
    init: str  # the program that the kernel starts, and its type; "" without one
    kernels: tuple[str, ...]
    python: str  # the interpreter's version; "" without one
    kinds: tuple[Kind, ...]  # largest first
    programs: tuple[str, ...]
    modules: tuple[str, ...]
    firmware: tuple[str, ...]
    python_modules: tuple[str, ...]
    dangling: tuple[str, ...]  # links without a target in the image
    secrets: tuple[str, ...]  # files that are not world-readable


def survey(archive: Archive, progress: Progress = lambda _: None) -> Survey:
    """Return the survey of an image."""
    progress("sorting the content")
    files = [path for path, entry in archive.items() if isinstance(entry, File)]
    interpreter = next(filter(None, map(INTERPRETER.fullmatch, files)), None)
    progress("estimating sizes")
    return Survey(
        generator=generator(archive),
        init=init(archive),
        kernels=kernels(archive),
        python="" if interpreter is None else interpreter[1],
        kinds=kinds(archive),
        programs=tuple(programs(archive)),
        modules=tuple(sorted({module_name(path) for path in files if SUFFIXES.search(path)})),
        firmware=tuple(path for path in files if kind_of(path) == "firmware"),
        python_modules=tuple(sorted(python_modules(archive))),
        dangling=tuple(dangling(archive)),
        secrets=tuple(path for path in files if _is_secret(archive, path)),
    )


def kind_of(path: str) -> str:
    """Return the kind of content at a path."""
    merged = image_path(path)
    table = (*FOREIGN_KINDS, *KINDS)
    return next((kind for prefix, kind in table if merged.startswith(prefix)), OTHER)


def kinds(archive: Archive) -> tuple[Kind, ...]:
    """Return files, sizes and estimated compressed sizes by kind, largest first.

    A fast compressor measures each kind. The results are scaled so that they add up to a segment's
    compressed size in the image.
    """
    import zstandard

    quick = zstandard.ZstdCompressor(1, threads=-1)
    sizes: Counter[str] = Counter()
    counts: Counter[str] = Counter()
    packed: Counter[str] = Counter()
    for number, segment in enumerate(archive.segments):
        parts: defaultdict[str, list[bytes]] = defaultdict(list)
        for path, origin in archive.origins.items():
            entry = origin.member.entry
            if origin.segment == number and isinstance(entry, File):
                parts[kind_of(path)].append(entry.read())
                counts[kind_of(path)] += 1
        tried: dict[str, int] = {}
        for kind, contents in parts.items():
            whole = sum(map(len, contents))
            sizes[kind] += whole
            if segment.compression == PLAIN:
                tried[kind] = whole
            else:
                tried[kind] = len(quick.compress(b"".join(contents)))
        total = sum(tried.values())
        for kind, size in tried.items():
            packed[kind] += size * segment.size // total if total else 0
    return tuple(Kind(name, counts[name], size, packed[name]) for name, size in sizes.most_common())


def generator(archive: Archive) -> str:
    """Return the generator of an image, recognised by its files."""
    for pattern, name in MARKS:
        for path in archive.entries:
            if found := pattern.fullmatch(path):
                version = found.groupdict().get("version", "")
                return f"{name} {version}".strip()
    if any(SYSTEMD.fullmatch(path) for path in archive.entries):
        return "unknown, with systemd"
    return ""


def init(archive: Archive) -> str:
    """Return the program that becomes PID 1 (Documentation/admin-guide/initrd.rst)."""
    real = archive.resolve("/init")
    entry = archive.entries.get(real) if real is not None else None
    if real is None or not isinstance(entry, File):
        return ""
    data = entry.read()
    what = "/init" if real == "/init" else f"/init, which is {real}"
    if data.startswith(b"#!"):
        first = data[2:].partition(b"\n")[0].decode(errors="replace").strip()
        return f"{what}, a script for {first.split()[0] if first else 'nothing'}"
    return f"{what}, a program" if data.startswith(b"\x7fELF") else f"{what}, of an unknown kind"


def kernels(archive: Archive) -> tuple[str, ...]:
    """Return the kernel releases that the image has modules for, or that its UKI contains."""
    found = dict.fromkeys(releases(archive))
    if ".uname" in archive.sections:
        name = archive.sections[".uname"].rstrip(b"\0").decode(errors="replace").strip()
        found = dict.fromkeys((name, *found))
    return tuple(found)


def programs(archive: Archive) -> Iterator[str]:
    """Yield the programs in the usual search path, links included."""
    for path, entry in archive.items():
        if not PROGRAM.fullmatch(path):
            continue
        target = archive.get(path)
        if isinstance(target, File) and target.mode & 0o111 and not isinstance(entry, Folder):
            yield path


def python_modules(archive: Archive) -> Iterator[str]:
    """Yield the names of the Python modules, extension modules included."""
    pattern = re.compile(
        r"/usr/lib/python(?:3|3\.\d+)/(?:(?:dist|site)-packages/|lib-dynload/)?"
        r"(?P<path>[^.]+)(?:\.py|\.pyc|\.cpython-[^/]*\.so|\.so)"
    )
    for path in archive.entries:
        if found := pattern.fullmatch(path):
            yield found["path"].replace("/", ".").removesuffix(".__init__")


def dangling(archive: Archive) -> Iterator[str]:
    """Yield the links without a target, except those into folders that are filled at boot."""
    runtime = ("/proc/", "/run/", "/sys/", "/dev/", "/sysroot", "/var/", "/tmp/")
    for path, entry in archive.items():
        if isinstance(entry, Link) and archive.resolve(path) is None:
            folder = PurePosixPath(path).parent
            target = os.path.normpath(folder / entry.target)
            if not target.startswith(runtime) and target not in ("/run", "/dev/null", "/proc"):
                yield path


def _is_secret(archive: Archive, path: str) -> bool:
    entry = archive.entries[path]
    return isinstance(entry, File) and not entry.mode & 0o004
