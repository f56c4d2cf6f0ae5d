"""Names, virtual links and routes: `ifname=`, `BOOTIF=`, `vlan=`, `bond=`, `bridge=`, `rd.route=`.

dracut.cmdline(7); Documentation/networking/bonding.rst; BOOTIF is PXELINUX's.
"""

import re
from collections.abc import Mapping
from ipaddress import IPv6Address, ip_network

from initpy.config.commandline import Parameter
from initpy.config.errors import InputError
from initpy.config.network import fields
from initpy.core.netsettings import Bond, Bridge, LinkMatch, Route, VirtualLink, Vlan

VLAN_IDS = range(4095)
BOND_MODES = (
    "balance-rr", "active-backup", "balance-xor", "broadcast", "802.3ad", "balance-tlb",
    "balance-alb",
)  # fmt: skip
# Options of the kernel's bonding module that the master takes while it has no member.
BOND_OPTIONS = frozenset(
    (
        "mode", "miimon", "updelay", "downdelay", "use_carrier", "xmit_hash_policy", "lacp_rate",
        "lacp_active", "ad_select", "ad_actor_sys_prio", "ad_actor_system", "ad_user_port_key",
        "arp_interval", "arp_ip_target", "arp_validate", "arp_all_targets", "ns_ip6_target",
        "fail_over_mac", "primary", "primary_reselect", "num_grat_arp", "num_unsol_na",
        "min_links", "resend_igmp", "packets_per_slave", "all_slaves_active", "lp_interval",
        "tlb_dynamic_lb", "peer_notif_delay", "missed_max",
    )
)  # fmt: skip
ROUTE = "NETWORK/LENGTH:GATEWAY[:INTERFACE], IPv6 in brackets"
BOOTIF = "a MAC address, as in 01-52-54-00-12-34-56"
CLIENT_ID = "INTERFACE:HH-HH-… (two bytes or more) or INTERFACE:@TEXT"
MOST_CLIENT_ID = 254
BOND = "NAME[:MEMBER,…[:OPTION=VALUE,…[:MTU]]]"


def interface_name(parameter: Parameter) -> tuple[str, str]:
    """`ifname=NAME:MAC`: the MAC address and the name."""
    name, _, hardware = (parameter.value or "").partition(":")
    found = fields.mac(hardware)
    if found is None or not fields.link_name(name):
        raise parameter.error("NAME:MAC, as in bootnet:52:54:00:12:34:56")
    return found, name


def boot_interface(parameter: Parameter) -> LinkMatch:
    """`BOOTIF=`: a MAC address, with the type of the hardware before it or without."""
    text = (parameter.value or "").lower().replace("-", ":")
    found = fields.mac(text) or fields.mac(text.partition(":")[2])
    if found is None:
        raise parameter.error(BOOTIF)
    return LinkMatch(mac=found)


def boot_device(parameter: Parameter) -> LinkMatch:
    """`bootdev=`: the name of a link, or its MAC address."""
    found = fields.link(parameter.text("the name or MAC address of a network interface"))
    if found is None:
        raise parameter.error("the name or MAC address of a network interface")
    return found


def client_id(parameter: Parameter) -> tuple[str, bytes]:
    """`rd.net.dhcp.client-id=` of NetworkManager: the interface, and option 61 with its type."""
    name, _, text = (parameter.value or "").partition(":")
    if not fields.link_name(name):
        raise parameter.error(CLIENT_ID)
    if text.startswith("@") and len(text) > 1 and text.isascii():
        found = b"\0" + text[1:].encode("ascii")  # RFC 2132, 9.14
    elif re.fullmatch("[0-9a-fA-F]{2}(-[0-9a-fA-F]{2})+", text):
        found = bytes.fromhex(text.replace("-", ""))
    else:
        raise parameter.error(CLIENT_ID)
    if len(found) > MOST_CLIENT_ID:
        raise parameter.error(f"at most {MOST_CLIENT_ID} bytes")
    return name, found


def vlan(parameter: Parameter, notes: list[InputError]) -> Vlan:
    """`vlan=NAME:PARENT`; the name has the number at its end, as in vlan5, vlan0005, eth0.5."""
    name, _, rest = (parameter.value or "").partition(":")
    parent, _, more = rest.partition(":")
    digits = re.search("[0-9]+$", name)
    number = int(digits[0]) if digits and len(digits[0]) < 6 else -1
    if not fields.link_name(name) or not fields.link_name(parent) or name == parent:
        raise parameter.error("NAME:PARENT, as in vlan5:eth0 or eth0.5:eth0")
    if number not in VLAN_IDS:
        raise parameter.error("a name that ends with the number of the VLAN, 0 to 4094")
    if more:
        notes.append(parameter.error(f"nothing after NAME:PARENT: {more!r} is left out"))
    return Vlan(name, parent, number)


def bond(parameter: Parameter, notes: list[InputError]) -> Bond:
    """`bond=NAME[:MEMBERS[:OPTIONS[:MTU]]]`; dracut's default is bond0:eth0,eth1.

    A wrong option or MTU is left out: the bond may be of use without it.
    """
    name, members, options, size = _bond_parts(parameter.value or "")
    name = name or "bond0"
    if not fields.link_name(name):
        raise parameter.error(BOND)
    names = _members(parameter, name, members or "eth0,eth1", BOND)
    wrong: list[str] = []
    found = Bond(name, names, _bond_options(wrong, options), _mtu(wrong, size))
    if wrong:
        notes.append(parameter.error(f"{wrong[0]}; it is left out"))
    return found


def _bond_parts(text: str) -> tuple[str, str, str, str]:
    """The fields. Among the options may be IPv6 addresses, with their colons."""
    name, _, rest = text.partition(":")
    members, _, rest = rest.partition(":")
    if rest.startswith(":") and not rest[1:].isdigit():
        rest = rest[1:]  # dracut's synopsis has two colons there; before an MTU, no options
    found = re.fullmatch(r"(.*):([0-9]*)", rest)
    return (name, members, found[1], found[2]) if found else (name, members, rest, "")


def _bond_options(wrong: list[str], text: str) -> tuple[tuple[str, str], ...]:
    """The options; several values of one have semicolons between them, the kernel's commas.

    WRONG gets what would have been right for those that are none.
    """
    found: dict[str, str] = {}
    for each in filter(None, text.split(",")):
        key, _, value = each.partition("=")
        if key not in BOND_OPTIONS or not value:
            wrong.append(f"options of the bonding module with values, not {each!r}")
            continue
        if key == "mode":
            value = BOND_MODES[int(value)] if value in "0123456" and len(value) == 1 else value
            if value not in BOND_MODES:
                wrong.append(f"a mode among {', '.join(BOND_MODES)}, not {value!r}")
                continue
        found[key] = ",".join(fields.bare(one) for one in value.split(";"))
    return tuple({"mode": found.pop("mode", "balance-rr"), **found}.items())


def bridge(parameter: Parameter, notes: list[InputError]) -> Bridge:
    """`bridge=NAME:MEMBERS`; without parameters br0:eth0 (dracut)."""
    expected = "NAME:MEMBER,…"
    text = "br0:eth0" if not parameter.value else parameter.value
    name, colon, rest = text.partition(":")
    members, _, more = rest.partition(":")
    if not colon or not fields.link_name(name):
        raise parameter.error(expected)
    if more:
        notes.append(parameter.error(f"nothing after NAME:MEMBERS: {more!r} is left out"))
    return Bridge(name, _members(parameter, name, members, expected))


def _members(parameter: Parameter, name: str, text: str, expected: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not all(map(fields.link_name, names)) or len(set(names)) != len(names):
        raise parameter.error(expected)
    if name in names:
        raise parameter.error(f"other interfaces than {name} as its members")
    return names


def in_circles(made: Mapping[str, VirtualLink]) -> list[str]:
    """Return the names of links that would be made of themselves, by way of others."""

    def reached(name: str, seen: frozenset[str]) -> frozenset[str]:
        link = made.get(name)
        parts = () if link is None else (link.parent,) if isinstance(link, Vlan) else link.members
        for each in parts:
            if each not in seen:
                seen = reached(each, seen | {each})
        return seen

    return [name for name in made if name in reached(name, frozenset())]


def _mtu(wrong: list[str], text: str) -> int | None:
    found = fields.mtu(text)
    if text and found is None:
        wrong.append(f"an MTU, not {text!r}")
    return found


def route(parameter: Parameter) -> Route:
    """`rd.route=NETWORK/LENGTH:GATEWAY[:INTERFACE]`; without a gateway it is on the link."""
    parts = fields.split(parameter.text(ROUTE))
    network, gateway, name = (*parts, "", "")[:3]
    network = re.sub(r"^\[([^/\]]*)\](/[0-9]+)$", r"\1\2", network)  # the length after the bracket
    through = fields.address(gateway) if gateway else None
    if network == "default":
        network = "::/0" if isinstance(through, IPv6Address) else "0.0.0.0/0"
    try:
        destination = ip_network(fields.bare(network), strict=False)
    except ValueError:
        raise parameter.error(ROUTE) from None
    bad_gateway = bool(gateway) and (through is None or through.version != destination.version)
    if len(parts) > 3 or bad_gateway or (name and not fields.link_name(name)):
        raise parameter.error(ROUTE)
    if through is None and not name:
        raise parameter.error(f"{ROUTE}; a gateway, an interface, or both")
    return Route(destination, through, name)
