"""The firmware's table for booting from NVMe over fabrics (NBFT), as ACPI has it.

Its layout: NVM Express Boot Specification, revision 1.0. Behind ACPI's header, a control block
tells where lists of descriptors are: of interfaces, subsystems and discovery controllers. They tell
the place and length of texts in a heap, counted from the start of the table. Numbers are
little-endian. A machine may have several tables, from several adapters.
"""

import re
import struct
from collections.abc import Iterator, Mapping
from ipaddress import IPv6Address, ip_address, ip_interface
from typing import Any
from uuid import UUID

from initpy.config.errors import InputError
from initpy.config.network import fields
from initpy.config.network.nvme import OF_UUID
from initpy.config.network.tablelinks import meant
from initpy.core.netfields import NVME_NAME
from initpy.core.netsettings import (
    IPAddress,
    LinkMatch,
    LinkRequest,
    Method,
    NetworkSettings,
    NvmeRoot,
)
from initpy.core.settings import Settings
from initpy.core.tuples import NamedTuple

FOLDER = "/sys/firmware/acpi/tables"
NAME = re.compile(r"NBFT[0-9]*")  # the kernel numbers further tables of one signature
EXPECTED = "an NVMe Boot Firmware Table of revision 1"
SIGNATURE, REVISION = b"NBFT", 1
CONTROL_AT = 64  # behind ACPI's header and the table's own
# Kinds of descriptors, and what of each is used; `6s` is a text's place (u32) and length (u16).
CONTROL, HOST, INTERFACE, SUBSYSTEM, DISCOVERY, TRANSPORT = 1, 2, 3, 4, 6, 7
VALID, TCP = 1, 3
DHCP_GIVEN = 4  # of an interface's flags
FROM_DHCP, FROM_ROUTER = 3, 4  # origins of an address: NL_PREFIX_ORIGIN of Windows
_PLACE = struct.Struct("<IH")
_CONTROL = struct.Struct("<B5xBx6s2xIHxBIHxBIHxBIHxB")
_HOST = struct.Struct("<BB16s6s")
_INTERFACE = struct.Struct("<BBBB12x6s")
_TRANSPORT = struct.Struct("<BxB3xB4x6sHB16sB16s3x16s16s16s6s")
_SUBSYSTEM = struct.Struct("<BHHB4x6s6sHIB16sBBx6s6s")
_DISCOVERY = struct.Struct("<BBBBBx6s6s")
WELL_KNOWN = "nqn.2014-08.org.nvmexpress.discovery"  # a discovery controller's name
URI = re.compile(r"nvme\+tcp://(\[[0-9A-Fa-f:.]+\]|[0-9.]+)(?::([0-9]+))?/?")


class Firmware(NamedTuple):
    """What a table says; `problems` are values in it that cannot be used."""

    links: tuple[LinkRequest, ...] = ()
    targets: tuple[NvmeRoot, ...] = ()
    host_nqn: str = ""
    host_id: str = ""
    problems: tuple[InputError, ...] = ()


class _Interface(NamedTuple):
    """A card, and the address to connect from; "" if that is not known beforehand."""

    number: int
    link: LinkRequest
    source: str


class _Control(NamedTuple):
    """Where the descriptors are: for each kind the place of the list, a length, and a count."""

    host: bytes
    interfaces: tuple[int, int, int]
    subsystems: tuple[int, int, int]
    discovery: tuple[int, int, int]


def read(name: str, data: bytes) -> Firmware:
    """Return what the table says that the kernel calls `name`."""
    table = _Table(name, data)
    try:
        control = table.control()
    except InputError as error:
        return Firmware(problems=(error,))
    nqn, number = table.host(control.host)
    interfaces = {each.number: each for each in table.interfaces(control.interfaces)}
    targets = list(table.subsystems(control.subsystems, interfaces))
    targets += table.controllers(control.discovery, interfaces)
    wanted = {each for _, each in targets}
    links = (_with_method(each, targets) for each in interfaces.values())
    found = dict.fromkeys(target for target, _ in targets)
    used = tuple(link for link, each in zip(links, interfaces, strict=True) if each in wanted)
    return Firmware(used, tuple(found), nqn, number, tuple(table.problems))


def applied(
    settings: Settings, tables: Mapping[str, bytes]
) -> tuple[Settings, tuple[InputError, ...]]:
    """Return the settings with what the tables say, and what of them cannot be used.

    The interfaces of the table are set up beside those of `ip=`, which goes before it for a card
    that both mean.
    """
    network = settings.network or NetworkSettings()
    asked = any(each.method is Method.NBFT for each in network.links)
    if not network.nvme.on or not network.nvme.firmware:
        tables = {}
    elif not tables and not asked:
        return settings, ()
    known = [read(name, data) for name, data in sorted(tables.items())]
    problems = [error for each in known for error in each.problems]
    if asked and not tables:
        problems.append(
            InputError("ip", "nbft", "a table of the firmware (NBFT), and there is none")
        )
    there = [link for each in known for link in each.links]
    links = [each for each in network.links if each.method is not Method.NBFT]
    renamed = False
    for each in network.links:
        if each.method is Method.NBFT:
            found = meant(each, there)
            renamed = renamed or not set(found) <= set(there)  # the only one: by its name now
            links += found
    more = [] if renamed else there
    links = [*more, *links] if network.defaulted else [*links, *more]
    targets = [*network.targets, *(target for each in known for target in each.targets)]
    if settings.network is None and not targets:  # a bad table brings up no network
        return settings, tuple(problems)
    own = next((each for each in known if each.host_nqn), Firmware())
    nvme = network.nvme
    if not nvme.host_nqn:
        nvme = nvme._replace(host_nqn=own.host_nqn, host_id=nvme.host_id or own.host_id)
    network = network._replace(targets=tuple(dict.fromkeys(targets)), nvme=nvme)
    if not links and network.root_needs_link:
        links = [LinkRequest()]
        network = network._replace(defaulted=True)
    network = network._replace(links=tuple(dict.fromkeys(links)))
    return settings._replace(network=network), tuple(problems)


class _Table:
    """The bytes of a table; what is wrong with a part of it goes to `problems`."""

    def __init__(self, name: str, data: bytes) -> None:
        self.name, self.data = f"{FOLDER}/{name}", data
        self.problems: list[InputError] = []

    def control(self) -> _Control:
        """Check the header, and read the control block. Raises InputError."""
        length = int.from_bytes(self.data[4:8], "little")
        whole = self.data[:4] == SIGNATURE and CONTROL_AT < length <= len(self.data)
        if not whole or self.data[8] != REVISION or sum(self.data[:length]) % 256:
            shown = f"{len(self.data)} bytes that begin with {self.data[:4]!r}"
            raise InputError(self.name, shown, EXPECTED)
        self.data = self.data[:length]
        block = self._unpack(_CONTROL, CONTROL_AT)
        if block is None or block[0] != CONTROL or not block[1] & VALID:
            raise InputError(self.name, "control descriptor", EXPECTED)
        return _Control(block[2], block[3:6], block[6:9], block[12:15])

    def host(self, place: bytes) -> tuple[str, str]:
        """Return name and identifier of this machine, "" for none."""
        block = self._unpack(_HOST, _PLACE.unpack(place)[0])
        if block is None or block[0] != HOST or not block[1] & VALID:
            return "", ""
        name = self._text(block[3])
        if not NVME_NAME.fullmatch(name):
            self._complain("host NQN", name, "the name of this machine")
            return "", ""
        return name, _identifier(block[2], name)

    def interfaces(self, place: tuple[int, int, int]) -> Iterator[_Interface]:
        """Yield the interfaces, which are TCP's."""
        for at in _each(place):
            block = self._unpack(_INTERFACE, at)
            if block is None or block[0] != INTERFACE or not block[2] & VALID or block[3] != TCP:
                continue
            found = self._interface(block[1], _PLACE.unpack(block[4])[0])
            if found is not None:
                yield found

    def _interface(self, index: int, at: int) -> _Interface | None:
        block = self._unpack(_TRANSPORT, at)
        if block is None or block[0] != TRANSPORT or not block[2] & VALID:
            self._complain(f"interface {index}", "no description", "its MAC address")
            return None
        flags, mac, vlan, origin, address, prefix, gateway, first, second = block[2:11]
        if not any(mac):
            self._complain(f"interface {index}", "no MAC address", "its MAC address")
            return None
        host = self._text(block[12])
        link = LinkRequest(
            LinkMatch(mac=mac.hex(":")),
            vlan=vlan if 0 < vlan < 4095 else None,
            hostname=host if fields.HOST.fullmatch(host) else "",
        )
        own = _address(address)
        if flags & DHCP_GIVEN or origin == FROM_DHCP or own is None:
            method = Method.DHCP6 if own is not None and own.version == 6 else Method.DHCP
            return _Interface(index, link._replace(method=method), "")
        if origin == FROM_ROUTER:
            return _Interface(index, link._replace(method=Method.AUTO6), "")
        if prefix > own.max_prefixlen:
            self._complain(f"interface {index}", f"{own}/{prefix}", "a prefix length")
            return None
        # Tables that were recorded leave out the prefix length of IPv6.
        bits = prefix or (64 if own.version == 6 else own.max_prefixlen)
        servers = (_address(first), _address(second))
        link = link._replace(
            method=Method.STATIC,
            address=ip_interface(f"{own}/{bits}"),
            gateway=_address(gateway),
            dns=tuple(each for each in servers if each is not None),
        )
        return _Interface(index, link, str(own))

    def subsystems(
        self, place: tuple[int, int, int], interfaces: Mapping[int, _Interface]
    ) -> Iterator[tuple[NvmeRoot, int]]:
        """Yield the subsystems, each for every interface that leads to it, with its index."""
        for at in _each(place):
            block = self._unpack(_SUBSYSTEM, at)
            if block is None or block[0] != SUBSYSTEM or not block[2] & VALID or block[3] != TCP:
                continue
            server = _address(self._bytes(block[4])[:16].ljust(16, b"\0"))
            service, name = self._text(block[5]) or "4420", self._text(block[13])
            if name == WELL_KNOWN:  # a placeholder for what a discovery controller has to tell
                continue
            port = fields.number(service, fields.PORTS)
            if server is None or port is None or not NVME_NAME.fullmatch(name):
                shown = f"{server or 'no address'} {service} {name}"
                self._complain(f"subsystem {block[1]}", shown, "address, port, and NQN")
                continue
            for index in dict.fromkeys((block[11], *self._bytes(block[12]))):
                if index in interfaces:
                    source = _source(interfaces[index], server)
                    yield NvmeRoot("tcp", str(server), source, port, name), index

    def controllers(
        self, place: tuple[int, int, int], interfaces: Mapping[int, _Interface]
    ) -> Iterator[tuple[NvmeRoot, int]]:
        """Yield the discovery controllers with the index of their interface."""
        for at in _each(place):
            block = self._unpack(_DISCOVERY, at)
            if block is None or block[0] != DISCOVERY or not block[1] & VALID:
                continue
            text, index = self._text(block[5]), block[3]
            found = URI.fullmatch(text)
            server = fields.address(found[1].strip("[]")) if found else None
            port = fields.number(found[2] or "8009", fields.PORTS) if found else None
            if server is None or port is None:
                self._complain(f"discovery {block[2]}", text, "nvme+tcp://ADDRESS:PORT/")
            elif index in interfaces:
                source = _source(interfaces[index], server)
                yield NvmeRoot("tcp", str(server), source, port), index

    def _unpack(self, form: struct.Struct, at: int) -> tuple[Any, ...] | None:
        if at < CONTROL_AT or at + form.size > len(self.data):
            return None
        return form.unpack_from(self.data, at)

    def _bytes(self, place: bytes) -> bytes:
        at, length = _PLACE.unpack(place)
        return self.data[at : at + length] if at >= CONTROL_AT else b""

    def _text(self, place: bytes) -> str:
        text = self._bytes(place).partition(b"\0")[0].decode("ascii", "replace")
        return "".join(each if each.isprintable() else "?" for each in text)

    def _complain(self, part: str, value: str, expected: str) -> None:
        self.problems.append(InputError(f"{self.name}: {part}", value, expected))


def _each(place: tuple[int, int, int]) -> Iterator[int]:
    """Yield where the descriptors of a list are."""
    at, length, count = place
    return (at + length * number for number in range(count if at and length else 0))


def _address(data: bytes) -> IPAddress | None:
    """Return an address of a table, which has IPv4 as RFC 4291, 2.5.5.2; None for none."""
    found = IPv6Address(data)
    if found.ipv4_mapped is not None:
        return None if found.ipv4_mapped.is_unspecified else found.ipv4_mapped
    return None if found.is_unspecified else found


def _source(interface: _Interface, server: IPAddress) -> str:
    """Return the address to connect from, if it is of the server's version of IP."""
    own = interface.source
    return own if own and ip_address(own).version == server.version else ""


def _with_method(interface: _Interface, targets: list[tuple[NvmeRoot, int]]) -> LinkRequest:
    """Return the link; one without an address has an IPv6 one if its servers have."""
    link = interface.link
    servers = [each.server for each, index in targets if index == interface.number]
    if link.method is Method.DHCP and servers and all(":" in each for each in servers):
        return link._replace(method=Method.EITHER6)
    return link


def _identifier(data: bytes, name: str) -> str:
    """Return the identifier of the machine. Some firmware has the UUID of the name as EFI does."""
    plain, swapped = str(UUID(bytes=data)), str(UUID(bytes_le=data))
    return swapped if name.lower() == OF_UUID + swapped else plain
