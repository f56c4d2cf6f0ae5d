"""Read the firmware's table for iSCSI boot. The driver that shows it finds it in memory or ACPI."""

import os
import subprocess
from contextlib import suppress

from initpy.config.network.ibft import FOLDER
from initpy.runtime.api import PATH
from initpy.runtime.aside import Aside, answered_within

DRIVER_SECONDS, LIMIT = 10.0, 15.0


async def files(aside: Aside) -> dict[str, str]:
    """Return the table's files by their path below its folder, none if there is no table."""
    answer = aside.ask("iBFT", read_table, LIMIT)
    if not await answered_within(LIMIT + 5.0, answer):
        return {}
    found = answer.result().value
    return dict(found) if isinstance(found, dict) else {}


def read_table(folder: str = FOLDER) -> dict[str, str]:
    """Load the driver and read its files. For child processes: firmware may be slow."""
    if not os.path.isdir(folder):
        with suppress(OSError, subprocess.TimeoutExpired):
            subprocess.run(
                ["modprobe", "--quiet", "iscsi_ibft"],
                check=False,
                timeout=DRIVER_SECONDS,
                env={"PATH": PATH},
            )
    found = {}
    with suppress(OSError):
        for block in os.listdir(folder):
            for name in os.listdir(f"{folder}/{block}"):
                with suppress(OSError), open(f"{folder}/{block}/{name}", errors="replace") as file:
                    found[f"{block}/{name}"] = file.read()
    return found
