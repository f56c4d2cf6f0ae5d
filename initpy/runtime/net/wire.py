"""DHCP messages as bytes: encodes the core's requests, decodes servers' replies.

pyroute2 does most of it. Options 119 (RFC 3397) and 121 (RFC 3442) it leaves as bytes.
"""

import ipaddress
import struct
from collections.abc import Sequence
from typing import Any

from initpy.core.network.values import DhcpKind, Reply, Request, Route
from initpy.runtime.net import library

library.prepare()

from pyroute2.dhcp.dhcp4msg import dhcp4msg  # noqa: E402

CLIENT_PORT, SERVER_PORT = 68, 67
KINDS = {
    DhcpKind.DISCOVER: 1, DhcpKind.OFFER: 2, DhcpKind.REQUEST: 3, DhcpKind.ACK: 5,
    DhcpKind.NAK: 6,
}  # fmt: skip
REPLIES = {KINDS[each]: each for each in (DhcpKind.OFFER, DhcpKind.ACK, DhcpKind.NAK)}
# What a root may need: mask, routers, name servers, host name, domain, root-path, MTU, NTP
# servers, lease times, search list, classless routes.
WANTED = (1, 121, 3, 6, 12, 15, 17, 26, 42, 51, 54, 58, 59, 119)
LARGEST = 1500  # bytes of a message that can be taken in
BOOT_REPLY = 2
FOR_EVER = 0xFFFFFFFF  # RFC 2131, 3.3
MOST_NAME_BYTES = 255
IP_HEADER, UDP_HEADER = 20, 8
UDP = 17


class MalformedError(ValueError):
    """The bytes are no DHCP reply; the message says what is wrong with them."""


def encode(request: Request, mac: str) -> bytes:
    """Return the message as a UDP payload."""
    options: dict[str, Any] = {
        "message_type": KINDS[request.kind],
        "client_id": _client_id(bytes.fromhex(request.identifier), mac),
        "max_msg_size": LARGEST,
        "parameter_list": list(WANTED),
    }
    if request.wanted:
        options["requested_ip"] = request.wanted
    if request.server:
        options["server_id"] = request.server
    if request.host:
        options["host_name"] = request.host
    message = dhcp4msg({
        "xid": request.xid,
        "secs": min(request.seconds, 0xFFFF),
        "chaddr": mac,
        "ciaddr": request.client or "0.0.0.0",
        "options": options,
    })  # fmt: skip
    return bytes(message.encode().buf)


def _client_id(given: bytes, mac: str) -> dict[str, object]:
    if given and given[0] != 1:
        return {"type": given[0], "key": given[1:]}
    return {"type": 1, "key": mac}


def decode(payload: bytes, mac: str) -> Reply | None:
    """Return a server's message to this client; None for others. Raises MalformedError."""
    try:
        message = dhcp4msg(buf=payload)
        message.decode()
        if message["op"] != BOOT_REPLY or str(message["chaddr"]).lower() != mac.lower():
            return None
        kind = REPLIES.get(int(message["options"].get("message_type", KINDS[DhcpKind.ACK])))
        return _reply(kind, message) if kind is not None else None
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, struct.error,
            OSError) as error:  # fmt: skip
        raise MalformedError(str(error) or type(error).__name__) from None


def _reply(kind: DhcpKind, message: Any) -> Reply:
    options = message["options"]
    lease = _seconds(options.get("lease_time"))
    return Reply(
        kind,
        message["xid"],
        _address(message["yiaddr"]),
        _address(options.get("server_id")),
        _prefix(options.get("subnet_mask")),
        _addresses(options.get("router")),
        routes(options["classless_static_route"]) if "classless_static_route" in options else None,
        lease,
        _seconds(options.get("renewal_time")),
        _seconds(options.get("rebinding_time")),
        _text(options.get("root_path")),
        _address(message["siaddr"]),
        _text(message["file"]),
        _text(options.get("host_name")),
        _text(options.get("domain_name")),
        search(options["domain_search"]) if "domain_search" in options else (),
        _addresses(options.get("name_server")),
        _addresses(options.get("ntp_servers")),
        int(options.get("interface_mtu", 0)),
    )


def _address(value: object) -> str:
    text = value if isinstance(value, str) else ""
    return "" if text == "0.0.0.0" else text


def _addresses(value: object) -> tuple[str, ...]:
    return tuple(filter(None, map(_address, value))) if isinstance(value, list) else ()


def _prefix(mask: object) -> int | None:
    """Return the bits of a mask. Raises ValueError if it has gaps."""
    if not isinstance(mask, str):
        return None
    return ipaddress.IPv4Network(f"0.0.0.0/{mask}").prefixlen


def _seconds(value: object) -> float | None:
    """Return a time; None where there is none, or for ever. pyroute2 reads it with a sign."""
    if not isinstance(value, int):
        return None
    seconds = value & FOR_EVER
    return None if seconds == FOR_EVER else float(seconds)


def _text(value: object) -> str:
    """Return what is before the first zero byte. What is no printable text is no name or path."""
    raw = bytes(value) if isinstance(value, list | bytes) else str(value or "").encode()
    text = raw.split(b"\0")[0].decode("utf-8", "replace")
    return text if text.isprintable() else ""


def routes(raw: Sequence[int]) -> tuple[Route, ...]:
    """Return the routes of option 121 (RFC 3442). Raises ValueError if it is cut off."""
    found, rest = [], bytes(raw)
    while rest:
        bits = rest[0]
        octets = -(-bits // 8)
        if bits > 32 or len(rest) < 1 + octets + 4:
            raise ValueError("option 121 (classless routes) is malformed")
        target = rest[1 : 1 + octets] + bytes(4 - octets)
        gateway = rest[1 + octets : 5 + octets]
        network = ipaddress.IPv4Network((target, bits), strict=False)
        found.append(Route(str(network), _address(str(ipaddress.IPv4Address(gateway)))))
        rest = rest[5 + octets :]
    return tuple(found)


def search(raw: Sequence[int]) -> tuple[str, ...]:
    """Return the domains of option 119 (RFC 3397), which has the pointers of RFC 1035, 4.1.4.

    Raises ValueError if it is malformed.
    """
    data, names, place = bytes(raw), [], 0
    while place < len(data):
        labels, place = _name(data, place)
        names.append(".".join(labels))
    return tuple(filter(None, names))


def _name(data: bytes, place: int) -> tuple[list[str], int]:
    """Return the labels of the name at a place, and the place after it."""
    labels: list[str] = []
    after, size = -1, 0
    while True:
        if place >= len(data):
            raise ValueError("option 119 (domain search) is cut off")
        length = data[place]
        if length >= 0xC0:
            if place + 1 >= len(data):
                raise ValueError("option 119 (domain search) is cut off")
            target = (length & 0x3F) << 8 | data[place + 1]
            after = place + 2 if after < 0 else after
            if target >= place:  # only names before this one: no circle
                raise ValueError("option 119 (domain search) points ahead")
            place = target
            continue
        if not length:
            return labels, after if after >= 0 else place + 1
        label = data[place + 1 : place + 1 + length]
        size += length + 1
        if length > 63 or len(label) < length or size > MOST_NAME_BYTES:
            raise ValueError("option 119 (domain search) is malformed")
        text = label.decode("ascii", "replace")
        if not text.replace("-", "").replace("_", "").isalnum():
            raise ValueError("option 119 (domain search) has a name that is none")
        labels.append(text)
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
