"""The firmware's tables of a scenario, for boots from iSCSI (iBFT) and NVMe (NBFT).

Each tells which card leads to which target.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address, ip_interface

from initpy.scenario.reader import Table

MOST_PATHS = 2  # the iBFT's control block has room for two cards and two targets


@dataclass(frozen=True, slots=True)
class FirmwarePath:
    """A card and the target that the firmware has reached by it."""

    nic: str
    server: str
    address: str = ""  # with its prefix length; "": from DHCP
    gateway: str = ""
    vlan: int = 0
    unit: int = 0


@dataclass(frozen=True, slots=True)
class FirmwareTable:
    """The table; the firmware has booted by the first path."""

    initiator: str  # the name of this machine, of the table's kind
    paths: tuple[FirmwarePath, ...]


def read_firmware(
    top: Table, kind: str, nics: Sequence[str], targets: Sequence[str]
) -> FirmwareTable | None:
    """Read the table [ibft] or [nbft]; `targets`: names of its servers. Raises InputError."""
    if not top.has(kind):
        return None
    table = top.table(kind)
    initiator = table.string("initiator", "")
    paths = tuple(_path(each, nics, targets) for each in table.tables("path"))
    if not 0 < len(paths) <= MOST_PATHS:
        raise table.wrong("path", f"one to {MOST_PATHS} tables [[{kind}.path]]")
    table.end()
    return FirmwareTable(initiator, paths)


def _path(table: Table, nics: Sequence[str], targets: Sequence[str]) -> FirmwarePath:
    nic, server = table.choice("nic", nics), table.choice("server", targets)
    address, gateway = table.string("address", ""), table.string("gateway", "")
    try:
        ip_interface(address or "10.0.0.1/8")
    except ValueError:
        raise table.wrong("address", "an address with its prefix length") from None
    try:
        ip_address(gateway or "10.0.0.1")
    except ValueError:
        raise table.wrong("gateway", "an address") from None
    vlan = table.integer("vlan") if table.has("vlan") else 0
    unit = table.integer("unit") if table.has("unit") else 0
    if not 0 <= vlan < 4095:
        raise table.wrong("vlan", "the number of a VLAN, 1 to 4094")
    if not 0 <= unit < 256:
        raise table.wrong("unit", "the number of a unit, 0 to 255")
    table.end()
    return FirmwarePath(nic, server, address, gateway, vlan, unit)
