"""What an image consists of, whoever made it: kinds of content, kernels, programs, who made it."""

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

# What other generators put where ours has nothing, before the kinds of our own.
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

# File -> the generator that leaves it, and what of the path or the content is its version.
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
    """Content of one kind; `packed` is an estimate of what it takes in the image."""

    name: str
    files: int
    size: int
    packed: int


@dataclass(frozen=True, slots=True)
class Survey:
    """An image at a glance."""

    generator: str  # with its version where it tells; "" if unknown
    init: str  # what the kernel starts, and what that is; "" if there is nothing
    kernels: tuple[str, ...]
    python: str  # the interpreter's version; "" without one
    kinds: tuple[Kind, ...]  # largest first
    programs: tuple[str, ...]
    modules: tuple[str, ...]
    firmware: tuple[str, ...]
    python_modules: tuple[str, ...]
    dangling: tuple[str, ...]  # links that lead nowhere in the image
    secrets: tuple[str, ...]  # files that not everyone may read


def survey(archive: Archive, progress: Progress = lambda _: None) -> Survey:
    """Look at everything once."""
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
    """Which kind of content lies at a path."""
    merged = image_path(path)
    table = (*FOREIGN_KINDS, *KINDS)
    return next((kind for prefix, kind in table if merged.startswith(prefix)), OTHER)


def kinds(archive: Archive) -> tuple[Kind, ...]:
    """Files, sizes and estimated packed sizes by kind, largest first.

    How well a kind packs is tried with a quick compressor, and the results are
    scaled so that those of a segment add up to what it takes in the image.
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
    """Who made the image, by what it leaves in it."""
    for pattern, name in MARKS:
        for path in archive.entries:
            if found := pattern.fullmatch(path):
                version = found.groupdict().get("version", "")
                return f"{name} {version}".strip()
    if any(SYSTEMD.fullmatch(path) for path in archive.entries):
        return "unknown, with systemd"
    return ""


def init(archive: Archive) -> str:
    """What the kernel starts as process 1 (Documentation/admin-guide/initrd.rst)."""
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
    """The kernels that the image has modules for, or is bound to."""
    found = dict.fromkeys(releases(archive))
    if ".uname" in archive.sections:
        name = archive.sections[".uname"].rstrip(b"\0").decode(errors="replace").strip()
        found = dict.fromkeys((name, *found))
    return tuple(found)


def programs(archive: Archive) -> Iterator[str]:
    """The programs on the usual search path, links to them included."""
    for path, entry in archive.items():
        if not PROGRAM.fullmatch(path):
            continue
        target = archive.get(path)
        if isinstance(target, File) and target.mode & 0o111 and not isinstance(entry, Folder):
            yield path


def python_modules(archive: Archive) -> Iterator[str]:
    """The Python modules by name, extension modules included."""
    pattern = re.compile(
        r"/usr/lib/python(?:3|3\.\d+)/(?:(?:dist|site)-packages/|lib-dynload/)?"
        r"(?P<path>[^.]+)(?:\.py|\.pyc|\.cpython-[^/]*\.so|\.so)"
    )
    for path in archive.entries:
        if found := pattern.fullmatch(path):
            yield found["path"].replace("/", ".").removesuffix(".__init__")


def dangling(archive: Archive) -> Iterator[str]:
    """Links into nothing. Those to what is there at boot only do not count."""
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
