"""Tell the core of links: udev's properties, and what the kernel says of their carrier.

udev tells when it has finished with a link, and given it its name; the kernel tells of carriers
by rtnetlink(7). Either is only a reason to look: a link's state is read from sysfs.
"""

import asyncio
import contextlib
import ipaddress
import os
import socket
from collections.abc import Callable

import pyudev

from initpy.core.devices.graph import NET, Device
from initpy.core.events import DeviceChanged, DeviceRemoved
from initpy.core.network.properties import DOMAINS_RA, SERVERS_RA
from initpy.runtime.net import advertised

RTMGRP_LINK, RTMGRP_IPV6_IFADDR = 1, 0x100
ADDRESSES = "/proc/net/if_inet6"
# Flags and scopes of an address: linux/if_addr.h, net/ipv6.h
OPTIMISTIC, UNUSABLE = 0x04, 0x08 | 0x20 | 0x40  # failed, deprecated, tentative
OF_THE_LINK = 0x20
IFF_UP = 1
FOLDER = "/sys/class/net"
LEASES = "/run/initpy/lease."
ATTRIBUTES = ("address", "type", "mtu", "ifindex")
# AlternativeNamesPolicy= of systemd.link(5), which is "database onboard slot path mac" by default
ALTNAMES = (
    "ID_NET_NAME_FROM_DATABASE", "ID_NET_NAME_ONBOARD", "ID_NET_NAME_SLOT", "ID_NET_NAME_PATH",
    "ID_NET_NAME_MAC",
)  # fmt: skip
RENAMING = "ID_RENAMING"  # of udev's record from just before it renames a link to just after
LOOPBACK = "772"  # ARPHRD_LOOPBACK
Change = DeviceChanged | DeviceRemoved


class LinkMonitor:
    """Watches the links; `receive` gets each change."""

    def __init__(self, receive: Callable[[Change], None]) -> None:
        self._receive = receive
        self._known: dict[str, Device] = {}
        self._context = pyudev.Context()
        self._udev = pyudev.Monitor.from_netlink(self._context)
        self._udev.filter_by("net")
        self._udev.start()
        self._kernel = socket.socket(
            socket.AF_NETLINK, socket.SOCK_RAW | socket.SOCK_NONBLOCK, socket.NETLINK_ROUTE
        )
        groups = RTMGRP_LINK | RTMGRP_IPV6_IFADDR | advertised.RTMGRP_ND_USEROPT
        self._kernel.bind((0, groups))
        loop = asyncio.get_running_loop()
        loop.add_reader(self._udev.fileno(), self._udev_readable)
        loop.add_reader(self._kernel.fileno(), self._kernel_readable)

    def present(self) -> tuple[Device, ...]:
        """Return the links that udev has finished with so far."""
        self._known = {each.name: each for each in self._found()}
        return tuple(self._known.values())

    def has(self, subject: str | None) -> bool:
        """Return whether a subject is a link that was told of."""
        return subject in self._known

    def tell_again(self, name: str) -> None:
        """Tell a link anew, as if it had come just now: what was to be done with it has failed."""
        if self._known.pop(f"net/{name}", None) is not None:
            self._receive(DeviceRemoved(f"net/{name}"))

    def look(self) -> None:
        """Tell what has changed since the last look."""
        found = {each.name: each for each in self._found()}
        gone = [name for name in self._known if name not in found]
        news = [each for name, each in found.items() if self._known.get(name) != each]
        self._known = found
        for name in gone:
            self._receive(DeviceRemoved(name))
        for each in news:
            self._receive(DeviceChanged(each))

    def _found(self) -> list[Device]:
        listed = self._context.list_devices(subsystem="net").match_is_initialized()
        devices = (_as_device(each) for each in listed if RENAMING not in each.properties)
        return [each for each in devices if each.properties.get("type") != LOOPBACK]

    def _udev_readable(self) -> None:
        with contextlib.suppress(OSError):  # some were lost: the look finds what they told
            while self._udev.poll(timeout=0) is not None:
                pass
        self.look()

    def _kernel_readable(self) -> None:
        with contextlib.suppress(OSError):
            while data := self._kernel.recv(1 << 16):
                for told in advertised.read(data):
                    with contextlib.suppress(OSError):  # the link is gone
                        advertised.note(socket.if_indextoname(told.number), told)
        self.look()


def _as_device(found: "pyudev.Device") -> Device:
    name, path = found.sys_name, f"{FOLDER}/{found.sys_name}"
    properties = {"SUBSYSTEM": "net", "INTERFACE": name}
    for key in ("ID_NET_DRIVER", "ID_PATH", "ID_NET_NAME_PATH", "ID_BUS", "ID_MODEL"):
        if (value := found.properties.get(key)) is not None:
            properties[key] = value
    named = (found.properties.get(key) for key in ALTNAMES)
    if others := sorted({each for each in named if each and each != name}):
        properties["altnames"] = " ".join(others)
    for each in ATTRIBUTES:
        if (value := _read(f"{path}/{each}")) is not None:
            properties[each] = value
    flags = int(_read(f"{path}/flags") or "0", 16)
    properties["up"] = "1" if flags & IFF_UP else "0"
    properties["carrier"] = _read(f"{path}/carrier") or "0"  # cannot be read of a link that is down
    with contextlib.suppress(OSError):  # most are no members
        properties["master"] = os.path.basename(os.readlink(f"{path}/master"))
    if addresses := _addresses(name):
        properties["addresses6"] = " ".join(addresses)
    servers, domains = advertised.known(name)
    properties |= {SERVERS_RA: servers} if servers else {}
    properties |= {DOMAINS_RA: domains} if domains else {}
    if lease := _read(LEASES + name):
        properties["lease"] = lease
    return Device(f"net/{name}", properties, kind=NET)


def _addresses(name: str) -> list[str]:
    """Return the IPv6 addresses of a link that can be used, but those of the link itself."""
    found = []
    for line in (_read(ADDRESSES) or "").splitlines():
        digits, _, bits, scope, flags, link = line.split()
        usable = not int(flags, 16) & UNUSABLE or int(flags, 16) & OPTIMISTIC
        if link == name and usable and int(scope, 16) != OF_THE_LINK:
            found.append(f"{ipaddress.IPv6Address(bytes.fromhex(digits))}/{int(bits, 16)}")
    return sorted(found)


def _read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError:
        return None  # it is not there, or the link is gone
