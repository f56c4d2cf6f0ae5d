"""What the errors of mount(2) say of a root that a server, or the hypervisor, offers."""

import errno

from initpy.core.events import JobEnded
from initpy.core.netsettings import MountedRoot, NfsRoot
from initpy.core.network.mountedroot import local
from initpy.core.network.nfsoptions import UDP

# Errors of mount(2) that another version of the protocol may not have.
OTHER_VERSION = (errno.EPROTONOSUPPORT, errno.ENODEV, errno.EOPNOTSUPP, errno.EPROTO)
# Errors that come from the way to the server; another link may have a better one.
UNREACHED = (
    errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.ETIMEDOUT,
    errno.EINTR, errno.EADDRNOTAVAIL,
)  # fmt: skip
WORDS = {
    errno.EHOSTUNREACH: "the server does not answer",
    errno.EHOSTDOWN: "the server does not answer",
    errno.ENETUNREACH: "no route leads to the server",
    errno.ENETDOWN: "no route leads to the server",
    errno.ETIMEDOUT: "the server does not answer",
    errno.EINTR: "the server does not answer",
    errno.ECONNREFUSED: "no NFS server runs there",
    errno.ECONNRESET: "the server has ended the connection",
    errno.ENOENT: "the server has no such export",
    errno.ENOTDIR: "the server has no such export",
    errno.EACCES: "the server does not allow it to this address",
    errno.EPERM: "the server does not allow it to this address",
    errno.ESTALE: "the server's export is stale: it has to export it anew",
    errno.EPROTONOSUPPORT: "the server speaks no version of NFS that was tried",
    errno.EOPNOTSUPP: "the server speaks no version of NFS that was tried",
    errno.EPROTO: "the server speaks no version of NFS that was tried",
    errno.EINVAL: "the kernel takes no such mount option",
    errno.ENODEV: "the kernel has no driver for it (is its module in the image?)",
}
OTHER_PATHS = (errno.ENOENT, errno.EPERM, errno.ESTALE)  # that version 3 may have
NOT_THERE = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM)  # as old servers say it, too
REFUSALS = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ESTALE, errno.EINVAL)
# Another link may lead to a server that does better.
ELSEWHERE = (*UNREACHED, errno.ECONNREFUSED, *REFUSALS)


def reason_of(root: MountedRoot | None, event: JobEnded) -> str:
    """Say what an errno means for the kind of root."""
    if local(root):
        return event.error
    options = root.options if isinstance(root, NfsRoot) else ()
    if event.status == errno.EINVAL and (udp := [each for each in options if each in UDP]):
        return f"the kernel takes no option {udp[0]}: it may have no NFS over UDP"
    if event.status == errno.EINVAL and options:
        return f"the kernel takes no such mount option: {','.join(options)}"
    return WORDS.get(event.status, event.error)
