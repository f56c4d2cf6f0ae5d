"""Make VLANs, bonds and bridges, and have links join them. For child processes.

The messages are those of `ip link add` (rtnetlink(7), linux/if_link.h). They have three attributes:
pyroute2's class for them would load 59 modules. The options of a bond are files of its own
(Documentation/networking/bonding.rst), which take the names that users write.
"""

import os
import socket
import struct

from initpy.core.netsettings import Bond, Bridge, VirtualLink, Vlan
from initpy.runtime.net.kernel import (
    NLM_F_ACK,
    NLM_F_CREATE,
    NLM_F_EXCL,
    RTM_DELLINK,
    RTM_NEWLINK,
    Netlink,
    set_mac,
    set_mtu,
    switch,
)

FOLDER = "/sys/class/net"
# Attributes of a link; of its kind; of a VLAN's and a bridge's data.
IFLA_IFNAME, IFLA_LINK, IFLA_MASTER, IFLA_LINKINFO = 3, 5, 10, 18
IFLA_INFO_KIND, IFLA_INFO_DATA = 1, 2
IFLA_VLAN_ID, IFLA_BR_FORWARD_DELAY = 1, 1
# Of family, type, index, flags, change; the kernel takes numbers in its own byte order.
HEAD = struct.Struct("=BxHiII")
# Other options of a bond need these set before.
FIRST = ("mode", "miimon", "arp_interval")
MONITOR = ("miimon", "100")  # milliseconds
MONITORS = ("miimon", "arp_interval")
MONITORED = ("802.3ad", "balance-tlb", "balance-alb")  # by the module itself
GIVEN = "3"  # a MAC address: NET_ADDR_SET of linux/netdevice.h
LISTS = ("arp_ip_target", "ns_ip6_target")  # values are added one by one


def make(link: VirtualLink) -> None:
    """Make a link, down; set the options of one that is there. Raises OSError."""
    there = os.path.exists(f"{FOLDER}/{link.name}")
    match link:
        case Vlan(name, parent, number):
            if not there:
                data = _attribute(IFLA_VLAN_ID, struct.pack("=H", number))
                _add(name, "vlan", data, socket.if_nametoindex(parent))
        case Bond(name, _, options, mtu):
            if not there:
                _add(name, "bond")
            _set_options(name, dict(options))
            if mtu:
                set_mtu(name, mtu)
        case Bridge(name):
            if not there:
                # Without it a port forwards only after 15 s of listening, if STP is on.
                _add(name, "bridge", _attribute(IFLA_BR_FORWARD_DELAY, struct.pack("=I", 0)))


def _add(name: str, kind: str, data: bytes = b"", parent: int = 0) -> None:
    info = _attribute(IFLA_INFO_KIND, kind.encode())
    info += _attribute(IFLA_INFO_DATA, data) if data else b""
    body = HEAD.pack(0, 0, 0, 0, 0) + _attribute(IFLA_IFNAME, name.encode() + b"\0")
    body += _attribute(IFLA_LINK, struct.pack("=I", parent)) if parent else b""
    body += _attribute(IFLA_LINKINFO, info)
    _tell(RTM_NEWLINK, NLM_F_ACK | NLM_F_CREATE | NLM_F_EXCL, body)


def _set_options(name: str, options: dict[str, str]) -> None:
    """Set a bond's options unless it has members: then an engine before this one has."""
    folder = f"{FOLDER}/{name}/bonding"
    with open(f"{folder}/slaves", encoding="ascii") as file:
        if file.read().strip():
            return
    if options.get("mode") not in MONITORED and not options.keys() & set(MONITORS):
        # Else a member without carrier would be used all the same.
        options = {**options, MONITOR[0]: MONITOR[1]}
    order = [*FIRST, *(each for each in options if each not in FIRST)]
    for key in (each for each in order if each in options):
        for value in options[key].split(",") if key in LISTS else (options[key],):
            try:
                with open(f"{folder}/{key}", "w", encoding="ascii") as file:
                    file.write(f"+{value}" if key in LISTS else value)
            except OSError as error:
                why = f"{key}={value}: {error.strerror}"
                raise OSError(error.errno, why) from None


def join(name: str, master: str, bond: bool) -> None:
    """Make a link a member. Raises OSError."""
    if os.path.exists(f"{FOLDER}/{name}/master"):
        return
    if bond:
        switch(name, False)
    index = struct.pack("=I", socket.if_nametoindex(master))
    head = HEAD.pack(0, 0, socket.if_nametoindex(name), 0, 0)
    _tell(RTM_NEWLINK, NLM_F_ACK, head + _attribute(IFLA_MASTER, index))
    if not bond:
        _keep_address(name, master)


def _keep_address(name: str, bridge: str) -> None:
    """Give a bridge the MAC address of its first member for good. Raises OSError.

    The kernel would have it change with the members, and udev of the real system would give it
    another one (MACAddressPolicy= in systemd.link(5)): by that it gets another address from a
    server. A bond has that of its first member in any case.
    """
    with open(f"{FOLDER}/{bridge}/addr_assign_type", encoding="ascii") as file:
        if file.read().strip() == GIVEN:
            return
    with open(f"{FOLDER}/{name}/address", encoding="ascii") as file:
        set_mac(bridge, file.read().strip())


def remove(name: str) -> None:
    """Remove a link that was made. Raises OSError."""
    _tell(RTM_DELLINK, NLM_F_ACK, HEAD.pack(0, 0, socket.if_nametoindex(name), 0, 0))


def _attribute(kind: int, value: bytes) -> bytes:
    """One attribute, padded to four bytes."""
    size = 4 + len(value)
    return struct.pack("=HH", size, kind) + value + bytes(-size % 4)


def _tell(kind: int, flags: int, body: bytes) -> None:
    with Netlink() as netlink:
        netlink.tell(kind, flags, body)
