"""DHCP messages as bytes: encodes the core's requests, decodes servers' replies (RFC 2131, 2132).

pyroute2 can do this from version 0.9 on. Those of Debian 12 and 13 write numbers in the machine's
byte order and read no broken option as broken, so that the few fields needed are read here.
"""

import ipaddress
import struct
from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from initpy.core.network.values import DhcpKind, Reply, Request, Route

CLIENT_PORT, SERVER_PORT = 68, 67
KINDS = {
    DhcpKind.DISCOVER: 1, DhcpKind.OFFER: 2, DhcpKind.REQUEST: 3, DhcpKind.ACK: 5,
    DhcpKind.NAK: 6,
}  # fmt: skip
REPLIES = {KINDS[each]: each for each in (DhcpKind.OFFER, DhcpKind.ACK, DhcpKind.NAK)}
# What a root may need: mask, routers, name servers, host name, domain, root-path, MTU, NTP
# servers, lease times, search list, classless routes.
WANTED = (1, 121, 3, 6, 12, 15, 17, 26, 42, 51, 54, 58, 59, 119)
LEAST_SIZE = 300  # bytes; RFC 951, relays drop what is shorter
LARGEST = 1500  # bytes of a message that can be taken in
BOOT_REQUEST, BOOT_REPLY = 1, 2
ETHERNET, MAC_SIZE = 1, 6
# op, htype, hlen, hops, xid, secs, flags, ciaddr, yiaddr, siaddr, giaddr, chaddr, sname, file,
# and the number that says that options follow
HEAD = struct.Struct("!BBBBIHH4s4s4s4s16s64s128s4s")
MAGIC = bytes((99, 130, 83, 99))
PAD, END, OVERLOAD = 0, 255, 52
(
    MASK,
    ROUTERS,
    NAME_SERVERS,
    HOST,
    DOMAIN,
    ROOT_PATH,
    MTU,
    NTP_SERVERS,
    WANTED_ADDRESS,
    LEASE,
    KIND,
    SERVER,
    WISHES,
    MOST_BYTES,
    RENEWAL,
    REBINDING,
    CLIENT,
    SEARCH,
    ROUTES,
) = (
    1,
    3,
    6,
    12,
    15,
    17,
    26,
    42,
    50,
    51,
    53,
    54,
    55,
    57,
    58,
    59,
    61,
    119,
    121,
)
FOR_EVER = 0xFFFFFFFF  # RFC 2131, 3.3
MOST_NAME_BYTES = 255
IP_HEADER, UDP_HEADER = 20, 8
UDP = 17


_Read = TypeVar("_Read")


class MalformedError(ValueError):
    """The bytes are no DHCP reply; the message says what is wrong with them."""


def encode(request: Request, mac: str) -> bytes:
    """Return the message as a UDP payload."""
    hardware = bytes.fromhex(mac.replace(":", ""))
    options = [
        (KIND, bytes((KINDS[request.kind],))),
        (CLIENT, bytes.fromhex(request.identifier) or bytes((ETHERNET,)) + hardware),
        (MOST_BYTES, struct.pack("!H", LARGEST)),
        (WISHES, bytes(WANTED)),
    ]
    if request.wanted:
        options.append((WANTED_ADDRESS, ipaddress.IPv4Address(request.wanted).packed))
    if request.server:
        options.append((SERVER, ipaddress.IPv4Address(request.server).packed))
    if request.host:
        options.append((HOST, request.host.encode()))
    none = bytes(4)
    here = ipaddress.IPv4Address(request.client).packed if request.client else none
    head = HEAD.pack(
        BOOT_REQUEST, ETHERNET, MAC_SIZE, 0, request.xid, min(request.seconds, 0xFFFF), 0,
        here, none, none, none, hardware, b"", b"", MAGIC,
    )  # fmt: skip
    tail = b"".join(bytes((code, len(data[:255]))) + data[:255] for code, data in options)
    return (head + tail + bytes((END,))).ljust(LEAST_SIZE, b"\0")


def decode(payload: bytes, mac: str) -> Reply | None:
    """Return a server's message to this client; None for others. Raises MalformedError."""
    if len(payload) < HEAD.size:
        raise MalformedError(f"{len(payload)} bytes are no DHCP message")
    op, _, size, _, xid, _, _, _, mine, server, _, hardware, name, file, magic = HEAD.unpack_from(
        payload
    )
    if op != BOOT_REPLY or size != MAC_SIZE or hardware[:size].hex(":") != mac.lower():
        return None
    try:
        if magic != MAGIC:
            raise ValueError("it has no options")
        options = _options(payload[HEAD.size :])
        overloaded = options.get(OVERLOAD, b"\0")[0]
        if overloaded & 1:
            _options(file, options)
            file = b""
        if overloaded & 2:
            _options(name, options)
        kind = REPLIES.get(options.get(KIND, bytes((KINDS[DhcpKind.ACK],)))[0])
        return _reply(kind, xid, mine, server, file, options) if kind is not None else None
    except (ValueError, IndexError) as error:
        raise MalformedError(str(error)) from None


def _options(data: bytes, found: dict[int, bytes] | None = None) -> dict[int, bytes]:
    """Return the options by number; one in several pieces is joined (RFC 3396)."""
    found = {} if found is None else found
    place = 0
    while place < len(data) and (code := data[place]) != END:
        place += 1
        if code == PAD:
            continue
        if place >= len(data) or place + 1 + data[place] > len(data):
            raise ValueError(f"option {code} is cut off")
        found[code] = found.get(code, b"") + data[place + 1 : place + 1 + data[place]]
        place += 1 + data[place]
    return found


def _reply(
    kind: DhcpKind, xid: int, mine: bytes, server: bytes, file: bytes, options: Mapping[int, bytes]
) -> Reply:
    """Return what a message says. Raises ValueError for what no lease can do without."""
    ignored: list[str] = []

    def read(code: int, of: Callable[[bytes], _Read], without: _Read) -> _Read:
        """What an option says; a malformed one is left out, as other clients do."""
        if code not in options:
            return without
        try:
            return of(options[code])
        except ValueError as error:
            ignored.append(f"option {code}: {error}")
            return without

    return Reply(
        kind,
        xid,
        _address(mine),
        _address(options.get(SERVER, b"")),
        _prefix(options[MASK]) if MASK in options else None,
        read(ROUTERS, _addresses, ()),
        read(ROUTES, routes, None),
        _seconds(options[LEASE]) if LEASE in options else None,
        read(RENEWAL, _seconds, None),
        read(REBINDING, _seconds, None),
        read(ROOT_PATH, _text, ""),
        _address(server),
        _file(file),
        read(HOST, _text, ""),
        read(DOMAIN, _text, ""),
        read(SEARCH, search, ()),
        read(NAME_SERVERS, _addresses, ()),
        read(NTP_SERVERS, _addresses, ()),
        read(MTU, lambda raw: _number(raw, 2), 0),
        tuple(ignored),
    )


def _address(raw: bytes) -> str:
    """Return an address, "" for none or 0.0.0.0."""
    if len(raw) not in (0, 4):
        raise ValueError(f"an address of {len(raw)} bytes")
    return str(ipaddress.IPv4Address(raw)) if any(raw) else ""


def _addresses(raw: bytes) -> tuple[str, ...]:
    if len(raw) % 4:
        raise ValueError(f"addresses of {len(raw)} bytes")
    found = (_address(raw[place : place + 4]) for place in range(0, len(raw), 4))
    return tuple(filter(None, found))


def _prefix(mask: bytes) -> int:
    """Return the bits of a mask. Raises ValueError if it has gaps."""
    if len(mask) != 4:
        raise ValueError(f"a mask of {len(mask)} bytes")
    return ipaddress.IPv4Network(f"0.0.0.0/{ipaddress.IPv4Address(mask)}").prefixlen


def _number(raw: bytes, size: int) -> int:
    if len(raw) != size:
        raise ValueError(f"{len(raw)} bytes instead of {size}")
    return int.from_bytes(raw)


def _seconds(raw: bytes) -> float | None:
    """Return a time; None: for ever."""
    seconds = _number(raw, 4)
    return None if seconds == FOR_EVER else float(seconds)


def _text(raw: bytes) -> str:
    """Return what is before the first zero byte. Raises ValueError if that is no printable text."""
    plain = raw.split(b"\0")[0]
    text = plain.decode("utf-8", "replace")
    if not text.isprintable() or "\N{REPLACEMENT CHARACTER}" in text:
        raise ValueError(f"{plain[:80]!r} is no text")
    return text


def _file(raw: bytes) -> str:
    try:
        return _text(raw)
    except ValueError:
        return ""  # it may be anything, and nothing here needs it


def routes(raw: Sequence[int]) -> tuple[Route, ...]:
    """Return the routes of option 121 (RFC 3442). Raises ValueError if it is cut off."""
    found, rest = [], bytes(raw)
    while rest:
        bits = rest[0]
        octets = -(-bits // 8)
        if bits > 32 or len(rest) < 1 + octets + 4:
            raise ValueError("malformed routes")
        target = rest[1 : 1 + octets] + bytes(4 - octets)
        gateway = rest[1 + octets : 5 + octets]
        network = ipaddress.IPv4Network((target, bits), strict=False)
        found.append(Route(str(network), _address(gateway)))
        rest = rest[5 + octets :]
    return tuple(found)


def search(raw: Sequence[int]) -> tuple[str, ...]:
    """Return the domains of option 119 (RFC 3397), which has the pointers of RFC 1035, 4.1.4.

    A name that is none is left out. Raises ValueError if the names cannot be told apart.
    """
    data, names, place = bytes(raw), [], 0
    while place < len(data):
        labels, place = _name(data, place)
        if all(each.replace("-", "").replace("_", "").isalnum() for each in labels):
            names.append(".".join(labels))
    return tuple(filter(None, names))


def _name(data: bytes, place: int) -> tuple[list[str], int]:
    """Return the labels of the name at a place, and the place after it."""
    labels: list[str] = []
    after, size = -1, 0
    while True:
        if place >= len(data):
            raise ValueError("the domains are cut off")
        length = data[place]
        if length >= 0xC0:
            if place + 1 >= len(data):
                raise ValueError("the domains are cut off")
            target = (length & 0x3F) << 8 | data[place + 1]
            after = place + 2 if after < 0 else after
            if target >= place:  # only names before this one: no circle
                raise ValueError("a domain points ahead")
            place = target
            continue
        if not length:
            return labels, after if after >= 0 else place + 1
        label = data[place + 1 : place + 1 + length]
        size += length + 1
        if length > 63 or len(label) < length or size > MOST_NAME_BYTES:
            raise ValueError("malformed domains")
        labels.append(label.decode("ascii", "replace"))
        place += 1 + length


# IP and UDP, around the messages


def datagram(payload: bytes, source: str = "0.0.0.0", target: str = "255.255.255.255") -> bytes:
    """Return an IPv4 packet with a UDP datagram to a server (RFC 791, 768)."""
    size = UDP_HEADER + len(payload)
    addresses = ipaddress.IPv4Address(source).packed + ipaddress.IPv4Address(target).packed
    udp = struct.pack("!HHHH", CLIENT_PORT, SERVER_PORT, size, 0) + payload
    pseudo = addresses + struct.pack("!BBH", 0, UDP, size)
    udp = udp[:6] + struct.pack("!H", _checksum(pseudo + udp) or 0xFFFF) + udp[8:]
    head = struct.pack("!BBHHHBBH", 0x45, 0x10, IP_HEADER + size, 0, 0, 64, UDP, 0) + addresses
    head = head[:10] + struct.pack("!H", _checksum(head)) + head[12:]
    return head + udp


def payload_of(packet: bytes) -> bytes | None:
    """Return the UDP payload of an IPv4 packet to a DHCP client; None for other packets.

    The checksum of UDP is not compared: a virtual card leaves it to the hardware that is not there
    (VIRTIO_NET_HDR_F_NEEDS_CSUM).
    """
    if len(packet) < IP_HEADER + UDP_HEADER or packet[0] >> 4 != 4 or packet[9] != UDP:
        return None
    head = (packet[0] & 0x0F) * 4
    if head < IP_HEADER or int.from_bytes(packet[6:8]) & 0x1FFF or len(packet) < head + UDP_HEADER:
        return None
    target, size = struct.unpack("!HH", packet[head + 2 : head + 6])
    if target != CLIENT_PORT or size < UDP_HEADER:
        return None
    return packet[head + UDP_HEADER : head + size]


def _checksum(data: bytes) -> int:
    """Return the Internet checksum (RFC 1071)."""
    data += b"\0" * (len(data) % 2)
    total = sum(struct.unpack(f"!{len(data) // 2}H", data))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return int(~total & 0xFFFF)
