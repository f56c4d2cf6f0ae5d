"""The names of mount options that NFS of Linux 6.1 knows (fs/nfs/fs_context.c)."""

from collections.abc import Iterable

# A word of the table may begin with "no" where that is a flag.
_FLAGS = "ac acl cto fg bg hard soft softerr softreval intr lock migration posix rdirplus rdma " \
    "resvport sharecache sloppy tcp udp v2 v3 v4 v4.0 v4.1 v4.2"  # fmt: skip
_VALUES = (
    "acdirmax acdirmin acregmax acregmin actimeo addr bsize clientaddr fsc local_lock "
    "lookupcache max_connect minorversion mountaddr mounthost mountport mountproto mountvers "
    "namlen nconnect nfsvers port proto retrans retry rsize sec source timeo vers write wsize"
)
# Of mount(2) itself, and those that the engine's mount drops (mount(8), fstab(5)).
_OTHERS = (
    "ro rw atime noatime relatime norelatime strictatime dev nodev exec noexec suid nosuid "
    "diratime nodiratime sync async dirsync lazytime defaults auto nofail _netdev user users "
    "owner group"
)
_KNOWN = {*_FLAGS.split(), *_VALUES.split(), *_OTHERS.split(), "trunkdiscovery"}
_COMMENTS = ("x-", "X-", "comment=")


def takes_all(options: Iterable[str]) -> bool:
    """Return whether the kernel knows the name of each option."""
    names = (each.partition("=")[0] for each in options if not each.startswith(_COMMENTS))
    return all(each in _KNOWN or each.removeprefix("no") in _KNOWN for each in names)
