"""Checks what each boot finds by a fixed path: udevd, modprobe for the kernel, and its modules.

A file system, a RAID level or a cipher is loaded at the kernel's own request. It runs the program
that its configuration names (kernel/module/Kconfig: MODPROBE_PATH). libkmod, which udevd and
modprobe use, looks for modules in the one folder that it was built with.
"""

import re
from collections.abc import Iterator

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
RULES = ("/etc/udev/rules.d/", "/run/udev/rules.d/", "/usr/lib/udev/rules.d/", "/lib/udev/rules.d/")
# What systemd's rules have udevd do, and what does not happen if another file of the name does not.
BUILTINS = {
    "60-persistent-storage.rules": ("blkid", "no disk may show what it holds"),
    "80-drivers.rules": ("kmod", "udevd may load no driver"),
}
BUILTIN = re.compile(rb"""^[^#\n]*\{builtin\}\s*\+?:?=+\s*"(\w+)""", re.MULTILINE)
# PID 1 mounts something there.
MOUNT_POINTS = ("/dev", "/proc", "/run", "/sys", "/sysroot")
LIBKMOD = re.compile(r"/libkmod\.so(?:\.[0-9]+)*$")


def rows(
    archive: Archive,
    programs: ImagePrograms,
    config: KernelConfig | None,
    release: str,
    *,
    has_modules: bool,
) -> Iterator[Row]:
    """Yield the rows for an image of initpy; `has_modules`: it has some for this kernel."""
    yield _row("udevd", UDEVD, programs.check(UDEVD), "no device would be found")
    for name, (builtin, lost) in BUILTINS.items():
        found = (archive.get(f"{folder}{name}") for folder in RULES)
        first = next((each for each in found if isinstance(each, File)), None)  # udev(7)
        if first is not None and builtin not in map(bytes.decode, BUILTIN.findall(first.read())):
            reason = f"{name} does not run udevd's {builtin}: {lost}"
            yield Row(IMAGE, "udev's rules", Verdict.UNKNOWN, reason)
    for path in MOUNT_POINTS:
        if path in archive.entries and not isinstance(archive.get(path), Folder):
            reason = f"{path} is no folder, and the boot mounts a file system there"
            yield Row(IMAGE, "folders", Verdict.MISSING, reason)
    path = config.texts.get("MODPROBE_PATH", MODPROBE) if config is not None else MODPROBE
    if has_modules:
        lost = "the kernel would load no file system, RAID level or cipher"
        yield _row("the kernel's modprobe", path, programs.check(path), lost)
        folders = _searched(archive)
        if all(archive.resolve(f"{each}/{release}") is None for each in folders):
            where = " or ".join(folders)
            reason = f"libkmod looks for them in {where}, which does not lead to {release}: {lost}"
            yield Row(IMAGE, "modules at their place", Verdict.MISSING, reason)


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
