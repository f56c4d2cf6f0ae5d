"""Roots that the hypervisor shares: virtiofs and 9p.

dracut.cmdline(7): `root=virtiofs:TAG`, or `rootfstype=virtiofs root=TAG`; the same for 9p, which is
in Documentation/filesystems/9p.rst. A tag may look like a device, as in `root=/dev/root`.
"""

import re
from collections.abc import Iterable

from initpy.config.commandline import Parameter
from initpy.config.network import fields
from initpy.core.netsettings import NinePRoot, VirtioFsRoot

TYPES = ("virtiofs", "9p")
TAG = re.compile(r"[^\s\x00]{1,36}")  # struct virtio_fs_config
# What is best over virtio where rootflags= says nothing: 9p(5) has a fallback for old servers.
NINEP_FLAGS = {"trans": "virtio", "version": "9p2000.L"}


def read(
    parameter: Parameter, kind: str, tag: str, flags: Iterable[str]
) -> VirtioFsRoot | NinePRoot:
    """Return the share with this tag; FLAGS are those of its mount."""
    if not TAG.fullmatch(tag):
        raise parameter.error("the tag of a share: 1 to 36 characters without a blank")
    if kind == "virtiofs":
        return VirtioFsRoot(tag)
    transport = dict(each.partition("=")[::2] for each in flags).get("trans", "virtio")
    if transport in ("virtio", "xen"):
        return NinePRoot(tag)
    server = fields.server(tag.partition(":")[0])
    if transport != "tcp" or server is None:
        raise parameter.error("a tag for trans=virtio, or a server for trans=tcp")
    return NinePRoot(tag.partition(":")[2], server)


def missing_flags(flags: Iterable[str]) -> tuple[str, ...]:
    """Return the options that a 9p mount needs besides those that are given."""
    given = {each.partition("=")[0] for each in flags}
    return tuple(f"{key}={value}" for key, value in NINEP_FLAGS.items() if key not in given)
