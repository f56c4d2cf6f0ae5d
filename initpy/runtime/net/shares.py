"""The tags of the folders that the hypervisor shares, as sysfs shows them."""

import errno
import glob

from initpy.core.network.shares import no_share

TAGS = {
    "9p": "/sys/bus/virtio/drivers/9pnet_virtio/*/mount_tag",
    "virtiofs": "/sys/fs/virtiofs/*/tag",  # since Linux 6.9
}
# p9_virtio_create() and virtio_fs_get_tree() of the kernel
NO_SUCH_TAG = {"9p": errno.ENOENT, "virtiofs": errno.EINVAL}


def explain(kind: str, number: int, tag: str) -> str:
    """Say why a share could not be mounted; "" if that is not for want of its tag."""
    if number != NO_SUCH_TAG.get(kind):
        return ""
    found = _tags(TAGS[kind])
    if kind == "virtiofs" and not found:
        return no_share(None)
    return "" if tag in found else no_share(found)


def _tags(pattern: str) -> list[str]:
    found = []
    for path in glob.glob(pattern):
        try:
            with open(path, encoding="utf-8", errors="replace") as file:
                found.append(file.read().strip("\0\n"))
        except OSError:
            continue  # it goes away
    return found
