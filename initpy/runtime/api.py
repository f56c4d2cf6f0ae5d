"""Mount the API file systems. /init does this first, so this module imports next to nothing."""

import errno
import os

from initpy.runtime import syscalls as sys

# The search path of every program that PID 1 and the engine start. The kernel gives /init none, and
# execvp(3) without a path searches /bin and /usr/bin only.
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# kind, target, flags, data. The real system inherits /run, so its options are systemd's
# (INITRD_INTERFACE): with noexec it could not run /run/initramfs/shutdown.
API_MOUNTS = (
    ("proc", "/proc", sys.MS_NOSUID | sys.MS_NOEXEC | sys.MS_NODEV, ""),
    ("sysfs", "/sys", sys.MS_NOSUID | sys.MS_NOEXEC | sys.MS_NODEV, ""),
    ("devtmpfs", "/dev", sys.MS_NOSUID | sys.MS_STRICTATIME, "mode=755"),
    ("tmpfs", "/run", sys.MS_NOSUID | sys.MS_NODEV | sys.MS_STRICTATIME, "mode=755"),
    ("devpts", "/dev/pts", sys.MS_NOSUID | sys.MS_NOEXEC, "mode=620,gid=5"),
)


def mount_api() -> list[str]:
    """Mount the API file systems; return a message for each failure."""
    problems = []
    for kind, target, flags, data in API_MOUNTS:
        try:
            os.makedirs(target, exist_ok=True)
            sys.mount(kind, target, kind, flags, data)
        except OSError as error:
            if error.errno != errno.EBUSY:  # the kernel or an earlier process has mounted it
                problems.append(f"{target} ({kind}): {error.strerror}")
    return problems
