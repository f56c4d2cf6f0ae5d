"""Mount file systems: split options into flags and data, read mountinfo and fstab."""

import errno
import os
from collections.abc import Callable, Container
from contextlib import suppress

from initpy.config.errors import InputError
from initpy.config.secretfields import mount_options
from initpy.core.settings import ExtraMount
from initpy.runtime import syscalls as sys
from initpy.runtime.handover import resolve

# Options that are flags of mount(2), not data for the file system: see mount(8),
# FILESYSTEM-INDEPENDENT MOUNT OPTIONS. The second value says that the flag is cleared.
FLAGS: dict[str, tuple[int, bool]] = {
    "ro": (sys.MS_RDONLY, False),
    "rw": (sys.MS_RDONLY, True),
    "nosuid": (sys.MS_NOSUID, False),
    "suid": (sys.MS_NOSUID, True),
    "nodev": (sys.MS_NODEV, False),
    "dev": (sys.MS_NODEV, True),
    "noexec": (sys.MS_NOEXEC, False),
    "exec": (sys.MS_NOEXEC, True),
    "sync": (sys.MS_SYNCHRONOUS, False),
    "async": (sys.MS_SYNCHRONOUS, True),
    "dirsync": (sys.MS_DIRSYNC, False),
    "noatime": (sys.MS_NOATIME, False),
    "atime": (sys.MS_NOATIME, True),
    "nodiratime": (sys.MS_NODIRATIME, False),
    "diratime": (sys.MS_NODIRATIME, True),
    "relatime": (sys.MS_RELATIME, False),
    "norelatime": (sys.MS_RELATIME, True),
    "strictatime": (sys.MS_STRICTATIME, False),
    "nostrictatime": (sys.MS_STRICTATIME, True),
    "lazytime": (sys.MS_LAZYTIME, False),
    "nolazytime": (sys.MS_LAZYTIME, True),
    "silent": (sys.MS_SILENT, False),
    "loud": (sys.MS_SILENT, True),
    "mand": (sys.MS_MANDLOCK, False),
    "nomand": (sys.MS_MANDLOCK, True),
    "iversion": (sys.MS_I_VERSION, False),
    "noiversion": (sys.MS_I_VERSION, True),
    "nosymfollow": (sys.MS_NOSYMFOLLOW, False),
    "symfollow": (sys.MS_NOSYMFOLLOW, True),
}
# Options for mount(8) that mean flags where users may mount something: exec, suid and dev after
# them take these back.
OF_USERS = {
    **dict.fromkeys(("user", "users"), sys.MS_NOEXEC | sys.MS_NOSUID | sys.MS_NODEV),
    **dict.fromkeys(("owner", "group"), sys.MS_NOSUID | sys.MS_NODEV),
}
FLAGS |= {option: (bits, False) for option, bits in OF_USERS.items()}
# Options for mount(8) that the kernel rejects; x-… are comments for other programs
# (x-systemd.device-timeout=0 is a common cure for time-outs of other initramfs).
IGNORED = (
    "defaults", "auto", "noauto", "nofail", "fail", "_netdev", "nouser", "nousers", "noowner",
    "nogroup", "loop",
    # The real system shares all mounts, whatever they were.
    "shared", "rshared", "private", "rprivate", "slave", "rslave", "unbindable", "runbindable",
)  # fmt: skip
COMMENTS = ("x-", "X-", "comment=", "helper=", "uhelper=")
# mount(8) leaves them out as long as SELinux has no policy, which the real system loads.
CONTEXTS = ("context=", "fscontext=", "defcontext=", "rootcontext=", "seclabel")


MAPPER = "/dev/mapper"
SHARED = ("9p", "virtiofs")  # folders of the hypervisor


def flags_and_data(options: tuple[str, ...]) -> tuple[int, str]:
    """Split mount options into mount(2)'s flags and the data for the file system."""
    flags, data = 0, []
    quoted = False  # within a context in quotes, which may have commas
    for option in options:
        if quoted or option.startswith(CONTEXTS):
            quoted ^= option.count('"') % 2 == 1
        elif option in FLAGS:
            bits, taken_away = FLAGS[option]
            flags = flags & ~bits if taken_away else flags | bits
        elif option and option not in IGNORED and not option.startswith(COMMENTS):
            data.append(option)
    return flags, ",".join(data)


def mount_first(
    source: str, target: str, types: tuple[str, ...], options: tuple[str, ...]
) -> tuple[int, str]:
    """Mount with the first type that works; return (0, "") or the last errno and its meaning."""
    flags, data = flags_and_data(options)
    os.makedirs(target, exist_ok=True)
    number, message = errno.ENODEV, "no known file system on it; rootfstype= may name one"
    for kind in filter(None, types):
        try:
            _mount(name_of(source), target, kind, flags, data)
        except OSError as error:
            number = error.errno or errno.EIO
            message = f"{kind}: {explain_failure(number, kind, data)}"
            if kind in SHARED:
                from initpy.runtime.net import shares  # few roots are shared folders

                message = shares.explain(kind, number, source) or message
        else:
            return 0, ""
    return number, message


def name_of(node: str) -> str:
    """Return the path by which users know a device: /dev/mapper/NAME instead of /dev/dm-0.

    The mount table shows it, and programs of the real system compare it with fstab.
    """
    if node.startswith("/dev/dm-"):
        with suppress(OSError):
            for each in os.scandir(MAPPER):
                if each.is_symlink() and os.path.realpath(each.path) == node:
                    return each.path
    return node


def _node_of(source: str) -> str:
    """Return the device's own path for a source in mountinfo (proc(5))."""
    path = source.replace("\\134", "\\").replace("\\040", " ")
    return os.path.realpath(path) if path.startswith(f"{MAPPER}/") else source


def _mount(source: str, target: str, kind: str, flags: int, data: str) -> None:
    """Call mount(2), and again read-only if the device is, as mount(8) does."""
    try:
        sys.mount(source, target, kind, flags, data)
    except OSError as error:
        if error.errno not in (errno.EROFS, errno.EACCES) or flags & sys.MS_RDONLY:
            raise
        sys.mount(source, target, kind, flags | sys.MS_RDONLY, data)


def explain_failure(number: int, kind: str, data: str) -> str:
    """Say what an errno of mount(2) usually means."""
    if number == errno.ENODEV:
        return f"the kernel has no driver for {kind} (is its module in the image?)"
    if number == errno.EINVAL:
        options = mount_options(data)
        what = f"or an option it does not know among {options!r}" if data else "(see dmesg)"
        return f"not a valid {kind} file system {what}"
    if number == errno.EBUSY:
        return "the device is in use by another layer"
    if number == errno.ENOENT and "subvol" in data:
        return f"there is no such subvolume: {mount_options(data)!r}"
    return os.strerror(number)


def mounted_below(root: str) -> list[tuple[str, str]]:
    """Return targets and sources of the mounts at `root` and below it."""
    found: dict[str, str] = {}
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            before, _, after = line.partition(" - ")
            target = before.split()[4]
            if target == root or target.startswith(f"{root}/"):
                found[target] = _node_of(after.split()[1])
    return sorted(found.items())


def read_fstab(root: str) -> str | None:
    """Return the root's own fstab, None if it has none. Reads the root's device, so it may hang."""
    try:
        with open(resolve(root, "/etc/fstab"), "rb") as file:
            return file.read().decode("utf-8", "surrogateescape")
    except OSError:
        return None


def extra_mounts(
    fstab: str, complain: Callable[[InputError], None], listed: Container[str] = ()
) -> tuple[ExtraMount, ...]:
    """Return what an fstab wants mounted before the real system starts (R18)."""
    if "/usr" not in fstab and "x-initrd.mount" not in fstab:
        return ()
    from initpy.config.fstab import parse_fstab  # most roots do not need it

    wanted, problems = parse_fstab(fstab, listed)
    for problem in problems:
        complain(problem)
    return wanted


def has_root_mounts(fstab: str) -> bool:
    """Return whether an fstab wants mounts without a device before the real system starts."""
    if "/usr" not in fstab and "x-initrd.mount" not in fstab:
        return False
    from initpy.config.fstab import parse_root_mounts

    return bool(parse_root_mounts(fstab))


def mounted_at(target: str) -> str | None:
    """Return the source of the topmost mount at `target`, None if there is none."""
    source = None
    with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            # See proc(5): … (5) mount point … - type source options
            before, _, after = line.partition(" - ")
            if before.split()[4] == target:
                source = after.split()[1]
    return source
