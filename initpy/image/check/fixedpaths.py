"""Checks what each boot finds by a fixed path: udevd, modprobe for the kernel, and its modules.

A file system, a RAID level or a cipher is loaded at the kernel's own request. It runs the program
that its configuration names (kernel/module/Kconfig: MODPROBE_PATH). libkmod, which udevd and
modprobe use, looks for modules in the one folder that it was built with.
"""

import re
from collections.abc import Iterator

from initpy.config.commandline import parse
from initpy.image.check.programs import Found, ImagePrograms
from initpy.image.check.proof import Row, Verdict
from initpy.image.content.programs import UDEVD
from initpy.image.formats.archive import Archive
from initpy.image.kernel.kernelconfig import KernelConfig
from initpy.image.tree import File, Folder

IMAGE = "the image"
MODPROBE = "/sbin/modprobe"
# Where distributions have libkmod look: kmod's option module-directory, without a release.
FOLDERS = ("/lib/modules", "/usr/lib/modules")
RULES = (
    "/etc/udev/rules.d/", "/run/udev/rules.d/", "/usr/local/lib/udev/rules.d/",
    "/usr/lib/udev/rules.d/", "/lib/udev/rules.d/",
)  # fmt: skip
# What systemd's rules have udevd do, and what does not happen if another file of the name does not.
BUILTINS = {
    "60-persistent-storage.rules": ("blkid", "no disk may show what it holds"),
    "80-drivers.rules": ("kmod", "udevd may load no driver"),
}
BUILTIN = re.compile(rb"""^[^#\n]*\{builtin\}\s*\+?:?=+\s*"(\w+)""", re.MULTILINE)
# PID 1 mounts something there.
MOUNT_POINTS = ("/dev", "/proc", "/run", "/sys", "/sysroot")
HELPER = "the kernel's modprobe"
LOST = "the kernel would load no file system, RAID level or cipher"
SYSCTL = "/systemd-sysctl"
SYSCTL_FILE = re.compile(r"/sysctl(?:\.d/[^/]*)?\.conf$")
LIBKMOD = re.compile(r"/libkmod\.so(?:\.[0-9]+)*$")


def rows(
    archive: Archive,
    programs: ImagePrograms,
    config: KernelConfig | None,
    release: str,
    cmdline: str,
    *,
    has_modules: bool,
) -> Iterator[Row]:
    """Yield the rows for an image of initpy; `has_modules`: it has some for this kernel."""
    yield _row("udevd", UDEVD, programs.check(UDEVD), "no device would be found")
    for name, (builtin, lost) in BUILTINS.items():
        found = (archive.get(f"{folder}{name}") for folder in RULES)
        first = next((each for each in found if isinstance(each, File)), None)  # udev(7)
        if first is not None and builtin not in map(bytes.decode, BUILTIN.findall(first.read())):
            reason = (
                f"{name} does not run udevd's {builtin}: {lost}. Remove it, and build "
                "the image again"
            )
            yield Row(IMAGE, "udev's rules", Verdict.UNKNOWN, reason)
    for path in MOUNT_POINTS:
        if path in archive.entries and not isinstance(archive.get(path), Folder):
            reason = f"{path} is no folder, and the boot mounts a file system there"
            yield Row(IMAGE, "folders", Verdict.MISSING, reason)
    usual = config.texts.get("MODPROBE_PATH", MODPROBE) if config is not None else MODPROBE
    path = _by_sysctl(cmdline) or usual
    if has_modules:
        yield _row(HELPER, path, programs.check(path), LOST)
        folders = _searched(archive)
        if all(archive.resolve(f"{each}/{release}") is None for each in folders):
            where = " or ".join(folders)
            reason = f"libkmod looks for them in {where}, which does not lead to {release}: {LOST}"
            yield Row(IMAGE, "modules at their place", Verdict.MISSING, reason)


def foreign_rows(archive: Archive, cmdline: str) -> Iterator[Row]:
    """Yield the row of another generator's image in which something else is to load modules.

    sysctl.d(5) of the machine may be in the image, and its program not.
    """
    named = [(_by_sysctl(cmdline), "the command line")]
    if any(path.endswith(SYSCTL) for path in archive.entries):
        found = (each for each in archive.entries if SYSCTL_FILE.search(each))
        files = ((path, archive.get(path)) for path in sorted(found))
        texts = ((path, each.read()) for path, each in files if isinstance(each, File))
        named += [(_value(text.decode("utf-8", "replace")), path) for path, text in texts]
    for path, where in named:
        if path and archive.resolve(path) is None:
            reason = f"{where} says kernel.modprobe={path}, which the image lacks: {LOST}"
            yield Row(IMAGE, HELPER, Verdict.MISSING, reason)


def _by_sysctl(cmdline: str) -> str:
    """Return the program that the command line has the kernel run in place of modprobe."""
    said = {each.key.replace("/", "."): each.value for each in parse(cmdline).parameters}
    return said.get("sysctl.kernel.modprobe") or ""


def _value(text: str) -> str:
    """Return what a file of sysctl.d(5) says of kernel.modprobe; "" for nothing."""
    found = ""
    for line in text.splitlines():
        key, equals, value = line.strip().removeprefix("-").partition("=")
        if equals and key.strip().replace("/", ".") == "kernel.modprobe":
            found = value.strip()
    return found


def _searched(archive: Archive) -> tuple[str, ...]:
    """Return the folders in which the image's libkmod looks: the first, if it does not say."""
    libraries = (path for path in archive.entries if LIBKMOD.search(path))
    files = (entry for path in libraries if isinstance(entry := archive.get(path), File))
    content = next((each.read() for each in files), b"")
    named = tuple(
        each for each in FOLDERS if re.search(rb"[^!-~]" + each.encode() + rb"\0", content)
    )
    return named or FOLDERS[:1]


def _row(need: str, path: str, found: Found | None, lost: str) -> Row:
    problem = found.problem if found is not None else f"there is no {path}"
    if problem:
        return Row(IMAGE, need, Verdict.MISSING, f"{problem}: {lost}")
    return Row(IMAGE, need, Verdict.OK, path)
