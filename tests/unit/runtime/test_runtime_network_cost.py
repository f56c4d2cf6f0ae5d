"""A boot with a local root pays nothing for the network: no module of it is imported."""

import subprocess
import sys

import pytest

from initpy.config.network import machinefiles, nbft
from initpy.config.settings import read_settings

BOOT = """
import sys
import initpy.runtime.start
from initpy.config.settings import read_settings
from initpy.core.boot import Boot
from initpy.core.events import BootStarted, Enumerated
settings, _ = read_settings(sys.argv[1])
boot = Boot(settings, ())
boot.handle(BootStarted(), 0.0)
boot.handle(Enumerated(()), 0.1)
rooms = ("initpy.core.net", "initpy.config.network.", "initpy.runtime.net", "pyroute2")
print(*(each for each in sys.modules if each.startswith(rooms)))
"""


def imported(command_line: str) -> list[str]:
    """The modules of the network that such a boot has imported at its start."""
    command = [sys.executable, "-c", BOOT, command_line]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()


def test_a_local_root_imports_nothing_of_the_network() -> None:
    assert imported("root=UUID=7a0c1f7e-52b5-4d0c-9a53-0d3c6e1f0004 rw") == []


def test_a_root_on_the_network_imports_what_decides_of_it() -> None:
    assert "initpy.core.network.exports" in imported("root=dhcp ip=dhcp")


@pytest.mark.parametrize(
    ("words", "asked"),
    [
        ("root=LABEL=system", False),
        ("root=dhcp ip=dhcp", False),
        ("root=nfs4:10.0.2.1:/srv ip=10.0.2.9::10.0.2.1:24::eth0:none", False),
        ("root=LABEL=system ip=nbft", True),
        ("root=dhcp ip=eth0:nbft ip=eth1:dhcp", True),
        ("root=dhcp rd.nvmf.nonbft", True),
        ("root=dhcp rd.nonvmf", True),
    ],
)
def test_without_a_table_its_module_is_imported_only_if_it_is_asked_for(
    words: str, asked: bool
) -> None:
    """Where it is not imported, it would change nothing."""
    settings, _ = read_settings(words)
    assert machinefiles.counts(machinefiles.NBFT, settings) is asked
    assert asked or nbft.applied(settings, {}) == (settings, ())
