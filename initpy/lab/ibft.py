"""Makes the firmware's table for iSCSI boot (iBFT), which QEMU shows to the guest by ACPI.

Its layout: drivers/firmware/iscsi_ibft.c of the kernel. Blocks lie behind the table's own header;
each tells where its texts are, counted from the start of the table.
"""

import struct
from ipaddress import ip_address, ip_interface

from initpy.lab.servermachine import mac
from initpy.scenario.ibft import FirmwarePath
from initpy.scenario.model import Scenario
from initpy.scenario.servers import Server

SIGNATURE = "iBFT"
ACPI_HEADER = 36  # which QEMU makes, with the checksum
RESERVED = 12
CONTROL, INITIATOR, NIC, TARGET = 1, 2, 3, 4  # kinds of blocks
VALID, BOOTED_FROM = 1, 2
STATIC, DHCP = 1, 3  # origins of an address
_CONTROL, _INITIATOR, _NIC, _TARGET = (
    "<HHHHHH",
    "<64sHH",
    "<16sBB16s16s16s16sH6sHHH",
    "<16sH8sBB10H",
)
_HEADER = "<BBHBB"
_TEXTS = 0x200  # where the texts begin, behind all blocks


def content(scenario: Scenario) -> bytes:
    """Return the table without the header that all tables of ACPI have."""
    table = scenario.ibft
    assert table is not None
    texts = _Texts()
    blocks: list[tuple[int, int, int, str, tuple[object, ...]]] = [
        (INITIATOR, 0, VALID | BOOTED_FROM, _INITIATOR, (b"", *texts.add(table.initiator)))
    ]
    for number, path in enumerate(table.paths):
        flags = VALID if number else VALID | BOOTED_FROM
        server = next(each for each in scenario.servers if each.name == path.server)
        place = next(n for n, each in enumerate(scenario.nics) if each.name == path.nic)
        blocks.append((NIC, number, flags, _NIC, _card(path, place, texts)))
        blocks.append((TARGET, number, flags, _TARGET, _target(server, number, path, texts)))
    at = ACPI_HEADER + RESERVED + struct.calcsize(_HEADER) + struct.calcsize(_CONTROL)
    body, places = bytearray(), list[int]()
    for kind, number, flags, form, values in blocks:
        at += -at % 8
        body += bytes(at - ACPI_HEADER - RESERVED - 18 - len(body))
        places.append(at)
        block = _block(kind, number, flags, form, values)
        body += block
        at += len(block)
    control = _block(CONTROL, 0, VALID, _CONTROL, (0, *places, *([0] * (5 - len(places)))))
    found = bytes(RESERVED) + control + body
    return found + bytes(_TEXTS - ACPI_HEADER - len(found)) + texts.bytes


class _Texts:
    """The texts, one behind the other, each with a zero byte at its end."""

    def __init__(self) -> None:
        self.bytes = b""

    def add(self, text: str) -> tuple[int, int]:
        """Add a text; its length and its place, both zero for none."""
        if not text:
            return 0, 0
        place = _TEXTS + len(self.bytes)
        self.bytes += text.encode() + b"\0"
        return len(text.encode()), place


def _block(kind: int, number: int, flags: int, form: str, values: tuple[object, ...]) -> bytes:
    length = struct.calcsize(_HEADER) + struct.calcsize(form)
    return struct.pack(_HEADER, kind, 1, length, number, flags) + struct.pack(form, *values)


def _address(text: str) -> bytes:
    """Return 16 bytes; an IPv4 address is one of IPv6 that stands for it (RFC 4291, 2.5.5.2)."""
    if not text:
        return bytes(16)
    found = ip_address(text)
    return found.packed if found.version == 6 else bytes(10) + b"\xff\xff" + found.packed


def _card(path: FirmwarePath, place: int, texts: _Texts) -> tuple[object, ...]:
    own = ip_interface(path.address) if path.address else None
    return (
        _address(str(own.ip) if own is not None else ""),
        own.network.prefixlen if own is not None else 0,
        STATIC if own is not None else DHCP,
        _address(path.gateway), bytes(16), bytes(16), bytes(16),
        path.vlan, bytes.fromhex(mac(place).replace(":", "")), 0, *texts.add(""),
    )  # fmt: skip


def _target(server: Server, number: int, path: FirmwarePath, texts: _Texts) -> tuple[object, ...]:
    kind = 2 if server.login_in else 1 if server.login else 0
    login = [*(server.login or ("", "")), *(server.login_in or ("", ""))]
    named = [value for text in (server.target, *login) for value in texts.add(text)]
    unit = bytes((0, path.unit, 0, 0, 0, 0, 0, 0))
    return _address(server.address), server.port, unit, kind, number, *named
