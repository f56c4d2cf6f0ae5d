"""The image's files and the firmware's tables that change what is known of the network."""

import contextlib
import os
import re
from collections.abc import Callable

from initpy.config.errors import InputError
from initpy.config.network.machinefiles import IBFT, ISCSID, KINDS, NBFT, counts, without_secrets
from initpy.config.network.machinefiles import applied as one_applied
from initpy.core.settings import Settings
from initpy.runtime.aside import Aside

MOST_OF_TABLE = 1 << 20  # bytes


Read = Callable[[str], str | None]  # a file's text, None if there is none


async def applied(
    settings: Settings, aside: Aside, read: Read, tables: bool, problems: list[InputError]
) -> tuple[Settings, dict[str, dict[str, str]]]:
    """Return the settings with what all kinds of files say, and these for a journal, by kind.

    `tables`: the firmware has some for NVMe.
    """
    facts = {}
    for kind in KINDS:
        if not counts(kind, settings) and not (tables and kind == NBFT):
            continue
        files = await _files(kind, aside, read)
        settings, wrong = one_applied(settings, kind, files)
        problems += wrong
        if files:
            facts[kind] = without_secrets(kind, files)
    return settings, facts


async def _files(kind: str, aside: Aside, read: Read) -> dict[str, str]:
    """Return the files of a kind; few boots need more than one."""
    if kind == IBFT:
        from initpy.runtime import ibft

        return await ibft.files(aside)
    if kind == NBFT:
        from initpy.config.network import nbft

        return {name: data.hex() for name, data in nvme_tables(nbft.FOLDER, nbft.NAME).items()}
    if kind == ISCSID:
        from initpy.config.network import iscsidconf

        text = read(iscsidconf.PATH)
        return {} if text is None else {iscsidconf.PATH: text}
    from initpy.runtime import nvmehost

    return nvmehost.files(read)


def nvme_tables(folder: str, name: re.Pattern[str]) -> dict[str, bytes]:
    """Return the firmware's NVMe tables by name; the kernel has them in memory."""
    found = {}
    with contextlib.suppress(OSError):
        for each in filter(name.fullmatch, os.listdir(folder)):
            with contextlib.suppress(OSError), open(f"{folder}/{each}", "rb") as file:
                found[each] = file.read(MOST_OF_TABLE)
    return found
