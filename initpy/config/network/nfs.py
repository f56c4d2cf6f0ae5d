"""NFS roots of the command line: `nfsroot=`, `root=nfs:…`, `root=SERVER:/PATH`, `rootflags=`."""

import re

from initpy.config.commandline import Parameter
from initpy.config.errors import InputError
from initpy.core.netsettings import NfsRoot
from initpy.core.network import nfswords
from initpy.core.network.nfsoptions import is_odd as is_odd
from initpy.core.network.nfswords import TYPES as TYPES
from initpy.core.network.nfswords import is_own as is_own
from initpy.core.tuples import NamedTuple

KERNELS_DEFAULT = "default"  # fs/nfs/nfsroot.c: the path is the lease's, or the default


class Export(NamedTuple):
    """An export, and `ro` or `rw` if its options say so."""

    root: NfsRoot
    writable: bool | None = None
    notes: tuple[InputError, ...] = ()


def is_one(text: str) -> bool:
    """True for a value of root= or netroot= that names an export."""
    kind = text.partition(":")[0]
    server = rf"(\[[0-9a-fA-F:.]+({nfswords.ZONE})?\]|[^/:=]+)"
    return kind in TYPES or bool(re.match(rf"{server}:/(?!/)", text))


def read(parameter: Parameter, text: str, version: str = "") -> Export:
    """Return the export that a text names: with `nfs:` before it, or not."""
    if text.partition(",")[0] == KERNELS_DEFAULT:
        text = text.removeprefix(KERNELS_DEFAULT)
    try:
        return _noted(parameter, nfswords.export(text, version))
    except nfswords.NfsNameError as error:
        raise parameter.error(str(error)) from None


def with_options(parameter: Parameter, root: NfsRoot, options: str) -> Export:
    """Return the export with more options, which are separated by commas."""
    try:
        return _noted(parameter, nfswords.options(root, options))
    except nfswords.NfsNameError as error:
        raise parameter.error(str(error)) from None


def _noted(parameter: Parameter, found: nfswords.Export) -> Export:
    notes = tuple(parameter.error(each) for each in found.notes)
    return Export(found.root, found.writable, notes)
