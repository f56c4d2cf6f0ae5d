"""Files of the image and tables of the firmware that change what is known of the network."""

from collections.abc import Mapping

from initpy.config.errors import InputError
from initpy.core.netsettings import Method
from initpy.core.settings import Settings

ISCSID, IBFT, NBFT, NVME = "iscsid", "ibft", "nbft", "nvme"
# As they are applied; each is also the name in a journal's first line.
KINDS = (ISCSID, IBFT, NBFT, NVME)


def counts(kind: str, settings: Settings) -> bool:
    """Return whether the files of a kind may change these settings; tables that are there do."""
    if (network := settings.network) is None:
        return False
    if kind == ISCSID:
        from initpy.config.network import iscsidconf

        return iscsidconf.may_count(settings)
    if kind == IBFT:
        return network.may_need_firmware
    if kind == NBFT:
        usual = network.nvme.on and network.nvme.firmware
        return not usual or any(each.method is Method.NBFT for each in network.links)
    from initpy.config.network import nvme

    return nvme.may_count(settings)


def applied(
    settings: Settings, kind: str, files: Mapping[str, str]
) -> tuple[Settings, tuple[InputError, ...]]:
    """Return the settings with what the files of a kind say, and what of them is malformed.

    `files`: texts by path, tables of the firmware in hexadecimal (NBFT); empty if there are none.
    Each kind has a module of its own, which few boots need.
    """
    if kind == ISCSID:
        from initpy.config.network import iscsidconf

        return iscsidconf.applied(settings, files)
    if kind == IBFT:
        from initpy.config.network import ibft

        return ibft.applied(settings, files)
    if kind == NBFT:
        from initpy.config.network import nbft

        return nbft.applied(settings, {name: bytes.fromhex(text) for name, text in files.items()})
    from initpy.config.network import nvme

    return nvme.applied(settings, files)


def without_secrets(kind: str, files: Mapping[str, str]) -> dict[str, str]:
    """Return the files of a kind as a journal may have them."""
    if kind == ISCSID:
        from initpy.config.network import iscsidconf

        return {path: iscsidconf.without_secrets(text) for path, text in files.items()}
    if kind == IBFT:
        from initpy.config.network import ibft

        return ibft.without_secrets(files)
    if kind == NVME:
        from initpy.config.network import nvme

        return nvme.without_secrets(files)
    return dict(files)
