"""Judges what a kernel's configuration file says of each boot, whatever its root is."""

from collections.abc import Iterator
from dataclasses import replace

from initpy.image.check.proof import Row, Verdict
from initpy.image.formats.archive import PLAIN, Archive
from initpy.image.kernel.kernelconfig import KernelConfig, unpacking
from initpy.image.stack.bootlines import CommandLine
from initpy.image.tree import File

IMAGE = "the image"
# What PID 1, udevd and Python need of a kernel (systemd's README, REQUIREMENTS). A kernel may have
# no such option: only one that is there and left out counts.
NEEDED = {
    "BINFMT_ELF": "it runs no programs",
    "DEVTMPFS": "it has no /dev",
    "EPOLL": "udevd and the engine wait for events by epoll(7)",
    "FUTEX": "the C library needs it",
    "INOTIFY_USER": "udevd needs it",
    "NET": "udevd gets no events",
    "PROC_FS": "it has no /proc",
    "SIGNALFD": "udevd needs it",
    "SYSFS": "it has no /sys",
    "TIMERFD": "udevd needs it",
    "TMPFS": "it has no file system for /run",
    "UNIX": "udevd's control socket needs it",
}
# Kernels with one of these take their own command line and no other (x86; ARM, RISC-V, MIPS).
OVERRIDING = ("CMDLINE_OVERRIDE", "CMDLINE_FORCE")
# They put theirs before that of the boot loader.
EXTENDING = ("CMDLINE_BOOL", "CMDLINE_EXTEND")
OWN = "CMDLINE"


def rows(archive: Archive, config: KernelConfig) -> Iterator[Row]:
    """Check that the kernel can unpack the image and run its programs."""
    streams = {each.compression for each in archive.segments} - {PLAIN}
    init = archive.get("/init")
    needed = {"BLK_DEV_INITRD": "it supports no initramfs"}
    needed |= {unpacking(each): f"it does not support {each}" for each in sorted(streams)}
    if isinstance(init, File) and init.read().startswith(b"#!"):
        needed["BINFMT_SCRIPT"] = "it runs no scripts, and /init is a script"
    lacks = [(option, why) for option, why in needed.items() if option not in config]
    lacks += [(option, why) for option, why in NEEDED.items() if option in config.left_out]
    for option, why in lacks:
        reason = f"{why}: no CONFIG_{option}=y in {config.path}"
        yield Row(IMAGE, "kernel", Verdict.MISSING, reason)
    if "INITRAMFS_FORCE" in config:
        reason = f"CONFIG_INITRAMFS_FORCE=y in {config.path}: it takes no image of a boot loader"
        yield Row(IMAGE, "kernel", Verdict.MISSING, reason)
    elif not lacks:
        how = " and ".join(sorted(streams)) or "a plain archive"
        yield Row(IMAGE, "kernel", Verdict.OK, f"unpacks {how}, by {config.path}")


def command_line(line: CommandLine | None, config: KernelConfig) -> CommandLine | None:
    """Return the command line that the kernel makes of the boot loader's and its own."""
    own = config.texts.get(OWN, "")
    where = f"CONFIG_{OWN} of {config.path}"
    if any(each in config for each in OVERRIDING):
        return CommandLine(own, where)
    if line is not None and own and any(each in config for each in EXTENDING):
        return replace(line, text=f"{own} {line.text}", origin=f"{line.origin}, behind {where}")
    return line
