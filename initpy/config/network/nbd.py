"""NBD exports: dracut's `netroot=nbd:…`, Debian's `nbdroot=` (see initpy.core.network.nbdwords)."""

from initpy.config.commandline import Parameter
from initpy.core.netsettings import NbdRoot
from initpy.core.network import nbdwords
from initpy.core.network.nbdwords import Export, NbdNameError


def read(parameter: Parameter, text: str) -> Export:
    """Return the export that the text after `nbd:` names."""
    try:
        return nbdwords.export(text)
    except NbdNameError as error:
        raise parameter.error(str(error)) from None


def debian(parameter: Parameter, text: str) -> NbdRoot:
    """Return the export that `nbdroot=` names."""
    try:
        return nbdwords.debian(text)
    except NbdNameError as error:
        raise parameter.error(str(error)) from None
