"""Makes the firmware's table for NVMe boot (NBFT) of a scenario, as ACPI has it.

Its layout: NVM Express Boot Specification, revision 1.0. Texts and transport descriptors are in a
heap behind the lists of descriptors.
"""

import struct
from ipaddress import ip_address, ip_interface

from initpy.scenario.ibft import FirmwarePath
from initpy.scenario.model import Scenario
from initpy.scenario.servers import Server

CONTROL, HOST, INTERFACE, SUBSYSTEM, TRANSPORT = 1, 2, 3, 4, 7
VALID, TCP, DHCP_GIVEN = 1, 3, 4
MANUAL, DHCP = 1, 3  # origins of an address
UUID = 3  # a kind of namespace identifier
HEADERS, CONTROL_SIZE, HOST_SIZE, INTERFACE_SIZE, SUBSYSTEM_SIZE = 64, 64, 32, 32, 128


def content(scenario: Scenario) -> bytes:
    """Return the whole table."""
    table = scenario.nbft
    assert table is not None
    count = len(table.paths)
    host = HEADERS + CONTROL_SIZE
    interfaces = host + HOST_SIZE
    subsystems = interfaces + INTERFACE_SIZE * count
    heap = _Heap(subsystems + SUBSYSTEM_SIZE * count)
    name = heap.text(table.initiator)
    cards, units = bytearray(), bytearray()
    for number, path in enumerate(table.paths, 1):
        place = next(n for n, each in enumerate(scenario.nics) if each.name == path.nic)
        server = next(each for each in scenario.servers if each.name == path.server)
        described = heap.add(_transport(number, place, path))
        cards += struct.pack("<BBBB12x6s10x", INTERFACE, number, VALID, TCP, described)
        units += _subsystem(number, server, path.unit, heap)
    lists = struct.pack("<IHBBIHBB", interfaces, INTERFACE_SIZE, 1, count,
                        subsystems, SUBSYSTEM_SIZE, 1, count)  # fmt: skip
    control = struct.pack("<BBBxHBx", CONTROL, 1, 0, CONTROL_SIZE, VALID)
    control += struct.pack("<IHBx", host, HOST_SIZE, 1) + lists
    body = control.ljust(CONTROL_SIZE, b"\0")
    body += struct.pack("<BB16s6s8x", HOST, VALID, _identifier(table.initiator), name)
    body += bytes(cards + units) + heap.data
    return _with_headers(body, heap)


class _Heap:
    """What the descriptors refer to, by its place in the table and its length."""

    def __init__(self, begins: int) -> None:
        self.begins, self.data = begins, b""

    def add(self, data: bytes) -> bytes:
        """Add bytes, with a zero byte behind them; return the reference to them."""
        place = struct.pack("<IH", self.begins + len(self.data), len(data))
        self.data += data + b"\0"
        return place

    def text(self, text: str) -> bytes:
        """Add a text; return the reference to it."""
        return self.add(text.encode())


def _with_headers(body: bytes, heap: _Heap) -> bytes:
    acpi = struct.pack("<4sIBB6s8sI4sI", b"NBFT", HEADERS + len(body), 1, 0, b"INITPY", b"LAB     ",
                       1, b"LAB ", 1)  # fmt: skip
    own = struct.pack("<II6xB13x", heap.begins, len(heap.data), 0)
    whole = bytearray(acpi + own + body)
    whole[9] = -sum(whole) % 256  # the sum of all bytes is zero
    return bytes(whole)


def _identifier(name: str) -> bytes:
    digits = name.rpartition(":")[2].replace("-", "")
    return bytes.fromhex(digits) if len(digits) == 32 else bytes(16)


def _address(text: str) -> bytes:
    """Return 16 bytes; an IPv4 address is one of IPv6 that stands for it (RFC 4291, 2.5.5.2)."""
    if not text:
        return bytes(16)
    found = ip_address(text)
    return found.packed if found.version == 6 else bytes(10) + b"\xff\xff" + found.packed


def _transport(number: int, place: int, path: FirmwarePath) -> bytes:
    own = ip_interface(path.address) if path.address else None
    flags = VALID if own is not None else VALID | DHCP_GIVEN
    address, bits = (_address(str(own.ip)), own.network.prefixlen) if own else (bytes(16), 0)
    card = bytes((0x52, 0x54, 0, 0, 0, place))
    origin = MANUAL if own is not None else DHCP
    found = struct.pack("<BBBBHB4x6sHB16sB", TRANSPORT, 1, TCP, 1, number, flags, card, path.vlan,
                        origin, address, bits)  # fmt: skip
    return found + struct.pack("<16s75x", _address(path.gateway))


def _subsystem(number: int, server: Server, unit: int, heap: _Heap) -> bytes:
    address, port = heap.add(_address(server.address)), heap.text(str(server.port))
    first = struct.pack("<BHHBHBx6s6sHI", SUBSYSTEM, number, VALID, TCP, 0, 0, address, port, 0,
                        unit + 1)  # fmt: skip
    name = heap.text(server.target)
    # libnvme passes over a subsystem without a list of further interfaces (read_ssns in nbft.c).
    also = heap.add(bytes((number,)))
    return first + struct.pack("<B16sBBx6s6s6x62x", UUID, bytes(16), 0, number, also, name)
