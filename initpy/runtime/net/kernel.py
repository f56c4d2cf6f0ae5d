"""Give links what the core wants of them: addresses, routes, flags. For child processes.

A call to the kernel waits while a driver holds its lock (rtnl_lock), for its firmware, say: so the
engine has children make them (`aside`).
"""

import contextlib
import errno
import fcntl
import os
import socket
import struct
from collections.abc import Iterator
from ipaddress import ip_interface, ip_network
from typing import Any

from initpy.runtime.net import library

library.prepare()

from pyroute2.netlink.rtnl.ifaddrmsg import ifaddrmsg  # noqa: E402
from pyroute2.netlink.rtnl.rtmsg import rtmsg  # noqa: E402

# netdevice(7)
SIOCGIFFLAGS, SIOCSIFFLAGS, SIOCSIFMTU, SIOCSIFNAME, IFF_UP = 0x8913, 0x8914, 0x8922, 0x8923, 1
SIOCSIFHWADDR, ARPHRD_ETHER = 0x8924, 1
# rtnetlink(7), netlink(7)
FOLDER = "/sys/class/net"
RTM_NEWLINK, RTM_DELLINK, RTM_DELLINKPROP = 16, 17, 109
IFLA_PROP_LIST, IFLA_ALT_IFNAME, NLA_F_NESTED = 52, 53, 0x8000  # linux/if_link.h
RTM_NEWADDR, RTM_DELADDR, RTM_GETADDR, RTM_NEWROUTE = 20, 21, 22, 24
NLM_F_REQUEST, NLM_F_ACK, NLM_F_DUMP, NLM_F_CREATE = 1, 4, 0x300, 0x400
NLM_F_REPLACE, NLM_F_EXCL = 0x100, 0x200
NLMSG_ERROR, NLMSG_DONE = 2, 3
HEADER = struct.Struct("=LHHLL")
RT_TABLE_MAIN, RTPROT_BOOT, RTN_UNICAST = 254, 3, 1
RT_SCOPE_UNIVERSE, RT_SCOPE_LINK = 0, 253
IFA_F_PERMANENT, IFA_F_NODAD, IFA_F_MANAGETEMPADDR = 0x80, 0x02, 0x100
IFA_F_FROM_ROUTER = IFA_F_MANAGETEMPADDR  # addrconf_prefix_rcv_add_addr() of the kernel
# Documentation/networking/ip-sysctl.rst
ROUTERS = (
    ("disable_ipv6", "0"), ("accept_ra", "1"), ("autoconf", "1"), ("optimistic_dad", "1"),
    ("use_optimistic", "1"), ("router_solicitation_delay", "0"),
)  # fmt: skip


def switch(name: str, up: bool, mac: str = "") -> str:
    """Set a link up or down, with another MAC address before; return why it has not got that one.

    Raises OSError.
    """
    problem = ""
    if mac:
        try:
            set_mac(name, mac)
        except OSError as error:
            problem = f"it keeps its MAC address, not {mac}: {error.strerror}"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sh14x", name.encode(), 0)
        flags = struct.unpack("16sh14x", fcntl.ioctl(any_socket, SIOCGIFFLAGS, asked))[1]
        wanted = flags | IFF_UP if up else flags & ~IFF_UP
        if wanted != flags:
            fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", name.encode(), wanted))
    return problem


def set_mac(name: str, mac: str) -> None:
    """Give a link another MAC address of six bytes; most have to be down. Raises OSError."""
    address = bytes.fromhex(mac.replace(":", ""))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        asked = struct.pack("16sH6s8x", name.encode(), ARPHRD_ETHER, address)
        fcntl.ioctl(any_socket, SIOCSIFHWADDR, asked)


def rename(name: str, wanted: str, otherwise: str = "") -> None:
    """Give a link another name; it is down afterwards. Raises OSError.

    `otherwise`: the name that it gets if another link has that one. The kernel refuses a name that
    udev has given the link beside its own (ip-link(8), altname), too: it loses that one.
    """
    switch(name, False)
    try:
        with contextlib.suppress(OSError):  # most have no such name
            _forget(name, wanted)
        _rename(name, wanted)
    except FileExistsError:
        if not otherwise:
            raise
        _rename(name, otherwise)


def _forget(name: str, other: str) -> None:
    """Take another name away that a link has beside its own. Raises OSError."""
    text = other.encode() + b"\0"
    inner = struct.pack("=HH", 4 + len(text), IFLA_ALT_IFNAME) + text + bytes(-len(text) % 4)
    outer = struct.pack("=HH", 4 + len(inner), IFLA_PROP_LIST | NLA_F_NESTED) + inner
    head = struct.pack("=BxHiII", 0, 0, socket.if_nametoindex(name), 0, 0)
    with Netlink() as netlink:
        netlink.tell(RTM_DELLINKPROP, NLM_F_ACK, head + outer)


def _rename(name: str, wanted: str) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(
            any_socket, SIOCSIFNAME, struct.pack("16s16s8x", name.encode(), wanted.encode())
        )


def set_mtu(name: str, mtu: int) -> None:
    """Set the size of a link's packets, and that of the links below it. Raises OSError."""
    for each in os.listdir(f"{FOLDER}/{name}"):
        if each.startswith("lower_"):
            with open(f"{FOLDER}/{name}/{each}/mtu", encoding="ascii") as file:
                if int(file.read()) < mtu:
                    set_mtu(each.removeprefix("lower_"), mtu)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFMTU, struct.pack("16si12x", name.encode(), mtu))


def configure(
    name: str,
    addresses: tuple[str, ...],
    routes: tuple[tuple[str, str], ...],
    mtu: int,
    version: int,
) -> list[str]:
    """Give a link just these addresses of a version of IP, and these routes (target, gateway).

    Return what it cannot have without being useless: an MTU, a route that a server has made up.
    Raises OSError if it cannot have an address.
    """
    index, problems = socket.if_nametoindex(name), []
    if any(":" in each for each in addresses):
        load_ipv6()
    try:
        if mtu:
            set_mtu(name, mtu)
    except OSError as error:
        problems.append(f"no MTU of {mtu}: {error.strerror}")
    with Netlink() as netlink:
        # In this order: the first is that of connections.
        wanted = tuple(str(ip_interface(each)) for each in addresses)
        every = netlink.addresses(index)
        there = {each for each in every if ip_interface(each).version == version}
        for each in sorted(there.difference(wanted)):
            netlink.change_address(RTM_DELADDR, index, each)
        for each in (found for found in wanted if found not in there):
            netlink.change_address(RTM_NEWADDR, index, each)
        for target, gateway in routes:
            try:
                netlink.add_route(index, target, gateway)
            except OSError as error:
                way = f" by {gateway}" if gateway else ""
                problems.append(f"no route to {target}{way}: {error.strerror}")
    return problems


class Netlink:
    """A route netlink socket; each request waits for the kernel's answer."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE)
        self._socket.bind((0, 0))
        self._number = 0

    def __enter__(self) -> "Netlink":
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def addresses(self, index: int) -> Iterator[str]:
        """Yield the lasting addresses of a link, but those of the link itself."""
        for kind, body in self._ask(RTM_GETADDR, NLM_F_DUMP, bytes(8)):
            if kind != RTM_NEWADDR:
                continue
            message = ifaddrmsg(HEADER.pack(16 + len(body), kind, 0, 0, 0) + body)
            message.decode()
            if message["index"] != index or message["scope"] == RT_SCOPE_LINK:
                continue
            flags = message.get_attr("IFA_FLAGS") or message["flags"]
            if message["family"] == socket.AF_INET6 and (
                flags & IFA_F_FROM_ROUTER or not flags & IFA_F_PERMANENT
            ):
                continue
            address = message.get_attr("IFA_LOCAL") or message.get_attr("IFA_ADDRESS")
            yield f"{address}/{message['prefixlen']}"

    def change_address(self, kind: int, index: int, address: str) -> None:
        """Add or delete an address."""
        found = ip_interface(address)
        message = ifaddrmsg()
        message["family"] = _family(found.version)
        message["index"], message["prefixlen"] = index, found.network.prefixlen
        attributes: list[Any] = [("IFA_LOCAL", str(found.ip)), ("IFA_ADDRESS", str(found.ip))]
        if found.version == 4 and found.network.prefixlen < 31:
            attributes.append(("IFA_BROADCAST", str(found.network.broadcast_address)))
        if found.version == 6:
            message["flags"] = IFA_F_NODAD  # probing for another host takes two seconds
        message["attrs"] = attributes
        flags = NLM_F_ACK | (NLM_F_CREATE | NLM_F_REPLACE if kind == RTM_NEWADDR else 0)
        self._tell(kind, flags, message)

    def add_route(self, index: int, target: str, gateway: str) -> None:
        """Add a route over a link, or replace that of the same target."""
        network = ip_network(target)
        message = rtmsg()
        message["family"], message["table"] = _family(network.version), RT_TABLE_MAIN
        message["proto"], message["type"] = RTPROT_BOOT, RTN_UNICAST
        message["scope"] = RT_SCOPE_UNIVERSE if gateway else RT_SCOPE_LINK
        message["dst_len"] = network.prefixlen
        attributes: list[Any] = [("RTA_OIF", index)]
        if network.prefixlen:
            attributes.append(("RTA_DST", str(network.network_address)))
        if gateway:
            attributes.append(("RTA_GATEWAY", gateway))
        message["attrs"] = attributes
        self._tell(RTM_NEWROUTE, NLM_F_ACK | NLM_F_CREATE | NLM_F_REPLACE, message)

    def _tell(self, kind: int, flags: int, message: Any) -> None:
        message["header"]["type"], message["header"]["flags"] = kind, flags
        message.encode()
        self.tell(kind, flags, bytes(message.data[HEADER.size :]))

    def tell(self, kind: int, flags: int, body: bytes) -> None:
        """Have the kernel carry a request out. Raises OSError."""
        for _ in self._ask(kind, flags, body):
            pass

    def _ask(self, kind: int, flags: int, body: bytes) -> Iterator[tuple[int, bytes]]:
        """Send a request; yield the type and body of each answer. Raises OSError."""
        self._number += 1
        size = HEADER.size + len(body)
        head = HEADER.pack(size, kind, flags | NLM_F_REQUEST, self._number, 0)
        self._socket.send(head + body)
        while True:
            answer = self._socket.recv(1 << 16)
            while len(answer) >= HEADER.size:
                length, found, _, number, _ = HEADER.unpack(answer[: HEADER.size])
                inside, answer = answer[HEADER.size : length], answer[-(-length // 4) * 4 :]
                if number != self._number:
                    continue
                if found == NLMSG_DONE:
                    return
                if found == NLMSG_ERROR:
                    code = -int.from_bytes(inside[:4], "little", signed=True)
                    if code:
                        raise OSError(code, os.strerror(code))
                    return
                yield found, inside
                if length < HEADER.size:
                    raise OSError(errno.EPROTO, os.strerror(errno.EPROTO))


def _family(version: int) -> int:
    return socket.AF_INET6 if version == 6 else socket.AF_INET


def accept_routers(name: str) -> None:
    """Have the kernel take router advertisements on a link. Raises OSError.

    An address of theirs is used while the kernel looks for another host with it (RFC 4429), which
    takes a second, and a router is asked for without the usual pause of up to a second.
    """
    load_ipv6()
    folder = f"/proc/sys/net/ipv6/conf/{name}"
    for key, value in ROUTERS:
        try:
            with open(f"{folder}/{key}", "w", encoding="ascii") as file:
                file.write(value)
        except FileNotFoundError:
            if key == ROUTERS[0][0]:
                raise OSError(errno.EAFNOSUPPORT, "the kernel has no IPv6") from None


def load_ipv6() -> None:
    """Have the kernel load IPv6 where it is a module."""
    with contextlib.suppress(OSError):
        socket.socket(socket.AF_INET6, socket.SOCK_DGRAM).close()


def name_host(name: str) -> None:
    """Name the machine, unless it has a name. Raises OSError."""
    if socket.gethostname() in ("", "(none)", "localhost"):
        socket.sethostname(name)


def resolve(host: str) -> list[str]:
    """Return the addresses of a host, those of IPv4 before those of IPv6. Raises OSError."""
    # As bytes: Python encodes text with its codec idna, which the image does not have.
    name, flags = host.encode(), socket.AI_ADDRCONFIG
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=flags)
    found.sort(key=lambda each: each[0] != socket.AF_INET)  # else in the order of RFC 6724
    return list(dict.fromkeys(str(each[4][0]) for each in found))
