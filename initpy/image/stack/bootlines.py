"""A kernel command line of a boot loader's configuration, and which one starts an image."""

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from initpy.config.commandline import parse

RUNNING = "/proc/cmdline"
RECOVERY = re.compile(r"\b(single|recovery|emergency|rescue)\b", re.IGNORECASE)
# os-prober's entries for systems on other disks.
ELSEWHERE = re.compile(r"\(on /dev/\S+\)\)$")
VERSION = re.compile(r"[0-9]+\.[0-9]")
VERSIONED = re.compile(r"[0-9]+(?:\.[0-9]+)+")
VERSIONS = "%v"  # the kernel's version in refind_linux.conf
# What boot loaders add to the words of an entry.
ADDED = ("BOOT_IMAGE", "initrd", "vt.handoff")
# What the running command line or LoaderInfo, systemd's EFI variable, says of the loader.
BY_IMAGE = ("GRUB", "syslinux", "zipl")
ENTRIES = "entries of type #1"  # of systemd-boot, of GRUB on Fedora
INSTALLED = "kernel-install"


@dataclass(frozen=True, slots=True)
class CommandLine:
    """A command line, the file it is in, and the kernel and images that it starts.

    `kernel` is a path as the boot loader writes it, or a release; "" if the line is for every
    kernel. `loader` is the kind of the file, `in_use` whether it started the running system.
    `release` is what the kernel's file says of itself; "" if it is unknown. `imageless` is a file
    of a loader that starts kernels without any image, for a line without images of its own.
    """

    text: str
    origin: str
    kernel: str = ""
    images: tuple[str, ...] = ()
    loader: str = ""
    in_use: bool = False
    release: str = ""
    imageless: str = ""

    def starts(self, image: str) -> int:
        """Return how many parts of an image's path the entry names, from its end; 0 for none."""
        return max((_common(each, image) for each in self.images), default=0)

    def is_for(self, release: str) -> bool:
        """Return whether the entry starts the kernel of a release."""
        folders, _, name = self.kernel.rpartition("/")
        named = name == release or name.endswith(f"-{release}") or release in folders.split("/")
        return named or (bool(release) and self.release == release)

    def pairs(self, image: str) -> bool:
        """Return whether the entry surely means this file, not one of the same name elsewhere."""
        return self.starts(image) > _is_common(image)

    def other_kernel(self, release: str) -> str:
        """Return the release, or the file, of the kernel that it starts if that is another one."""
        if self.release:
            return self.release if self.release != release else ""
        named = VERSIONED.search(self.kernel.rpartition("/")[2])
        if named is None or self.is_for(release):
            return ""
        # A file may be called for a series, such as `vmlinuz-6.1-x86_64`.
        return "" if re.match(rf"{re.escape(named[0])}(?![0-9])", release) else self.kernel

    @property
    def for_all(self) -> bool:
        """Whether it is for all kernels and images."""
        return not self.kernel and not self.images

    @property
    def words(self) -> frozenset[tuple[str, str | None]]:
        """The parameters, without what boot loaders add."""
        found = parse(self.text).parameters
        return frozenset((each.key, each.value) for each in found if each.key not in ADDED)


def _common(named: str, image: str) -> int:
    parts = [each for each in re.split(r"[/\\]", named) if each]
    here = image.split("/")
    count = 0
    for one, other in zip(reversed(parts), reversed(here), strict=False):
        if one != other and not (VERSIONS in one and fnmatchcase(other, one.replace("%v", "*"))):
            break
        count += 1
    return count


def ordered(found: Iterable[CommandLine], running: str | None, loader: str) -> list[CommandLine]:
    """Return lines with those first that a user starts; mark those of the loader in use.

    `running` is the running system's command line, `loader` what LoaderInfo says; None and "" if
    they are those of another system.
    """
    lines = [*found]
    points: dict[str, int] = {}
    if running is not None:
        booted = CommandLine(running, RUNNING)
        for each in lines:
            points[each.loader] = max(points.get(each.loader, 0), 2 * _is_in(each, booted))
        for kind in points:
            hinted = kind in BY_IMAGE and "BOOT_IMAGE=" in running
            told = "systemd-boot" if kind == ENTRIES else kind
            points[kind] += hinted or (bool(told) and loader.startswith(told))
    most = max(points.values(), default=0)
    used = {kind for kind, count in points.items() if most and count == most}
    marked = [replace(each, in_use=each.loader in used) for each in lines]
    # An entry to repair the system, or of another one, is none that a user starts by default.
    marked.sort(key=lambda each: bool(RECOVERY.search(f"{each.origin} {each.text}")))
    marked.sort(key=lambda each: bool(ELSEWHERE.search(each.origin)))
    return marked


def _is_in(line: CommandLine, booted: CommandLine) -> bool:
    """Return whether a boot loader made the running command line of this one."""
    mine, theirs = line.words, booted.words
    roots = [{value for key, value in each if key == "root"} for each in (mine, theirs)]
    return bool(mine) and mine <= theirs and roots[0] == roots[1]


def starting(found: Iterable[CommandLine], image: str, release: str) -> tuple[CommandLine, ...]:
    """Return the command lines with which an image may be started, the likely one first.

    `image` is the file's path. Entries that name it go first, then those of its kernel, then files
    for all kernels or, if the loader in use has none, its entries for other kernels; at last the
    command line of the running system.
    """
    lines = tuple(found)
    menu = any(each.in_use and not each.for_all for each in lines) and not any(
        each.in_use and each.loader in (ENTRIES, INSTALLED) for each in lines
    )
    rules: Sequence[Callable[[CommandLine], bool]] = (
        lambda each: bool(each.starts(image)) and each.is_for(release),
        lambda each: bool(each.starts(image)) and not VERSION.search(each.kernel),
        lambda each: each.is_for(release),
        lambda each: bool(each.starts(image)) and not _is_common(image),
        lambda each: menu and each.in_use and not each.for_all,
        lambda each: each.for_all,
    )
    for rule in rules:
        if some := [each for each in lines if rule(each)]:
            return tuple(sorted(some, key=lambda each: (-each.starts(image), not each.in_use)))
    return ()


def _is_common(image: str) -> bool:
    """Return whether images of other kernels may have the same name, as kernel-install's have."""
    return image.rpartition("/")[2] in ("initrd", "initrd.img", "initramfs", "linux.efi")


def chosen(found: Iterable[CommandLine], image: str, release: str) -> CommandLine | None:
    """Return the command line with which an image will be started; None if none is known."""
    return next(iter(starting(found, image, release)), None)
