"""The API file systems, which /init mounts before all else: so this imports next to nothing."""

import errno
import os

from initpy.runtime import syscalls as sys

# The search path of all that PID 1 and the engine start: the kernel gives /init none, and execvp(3)
# without one looks in /bin and /usr/bin alone.
PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
# kind, target, flags, data. /run is passed on to the real system: its options are systemd's
# (INITRD_INTERFACE); noexec would keep it from running /run/initramfs/shutdown.
API_MOUNTS = (
    ("proc", "/proc", sys.MS_NOSUID | sys.MS_NOEXEC | sys.MS_NODEV, ""),
    ("sysfs", "/sys", sys.MS_NOSUID | sys.MS_NOEXEC | sys.MS_NODEV, ""),
    ("devtmpfs", "/dev", sys.MS_NOSUID | sys.MS_STRICTATIME, "mode=755"),
    ("tmpfs", "/run", sys.MS_NOSUID | sys.MS_NODEV | sys.MS_STRICTATIME, "mode=755"),
    ("devpts", "/dev/pts", sys.MS_NOSUID | sys.MS_NOEXEC, "mode=620,gid=5"),
)


def mount_api() -> list[str]:
    """Mount the API file systems; return a complaint for each that could not be."""
    problems = []
    for kind, target, flags, data in API_MOUNTS:
        try:
            os.makedirs(target, exist_ok=True)
            sys.mount(kind, target, kind, flags, data)
        except OSError as error:
            if error.errno != errno.EBUSY:  # already mounted, by the kernel or before us
                problems.append(f"{target} ({kind}): {error.strerror}")
    return problems
