"""Names, virtual links and routes: `ifname=`, `BOOTIF=`, `vlan=`, `bond=`, `bridge=`, `rd.route=`.

dracut.cmdline(7); Documentation/networking/bonding.rst; BOOTIF is PXELINUX's.
"""

import re
from ipaddress import IPv6Address, ip_network

from initpy.config.commandline import Parameter
from initpy.config.network import fields
from initpy.core.netsettings import Bond, Bridge, LinkMatch, Route, Vlan

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


def vlan(parameter: Parameter) -> Vlan:
    """`vlan=NAME:PARENT`; the name has the number at its end, as in vlan5, vlan0005, eth0.5."""
    name, _, parent = (parameter.value or "").partition(":")
    digits = re.search("[0-9]+$", name)
    number = int(digits[0]) if digits and len(digits[0]) < 6 else -1
    if not fields.link_name(name) or not fields.link_name(parent) or name == parent:
        raise parameter.error("NAME:PARENT, as in vlan5:eth0 or eth0.5:eth0")
    if number not in VLAN_IDS:
        raise parameter.error("a name that ends with the number of the VLAN, 0 to 4094")
    return Vlan(name, parent, number)


def bond(parameter: Parameter) -> Bond:
    """`bond=NAME[:MEMBERS[:OPTIONS[:MTU]]]`; dracut's default is bond0:eth0,eth1."""
    name, members, options, size = _bond_parts(parameter.value or "")
    name = name or "bond0"
    if not fields.link_name(name):
        raise parameter.error(BOND)
    names = _members(parameter, members or "eth0,eth1", BOND)
    return Bond(name, names, _bond_options(parameter, options), _mtu(parameter, size))


def _bond_parts(text: str) -> tuple[str, str, str, str]:
    """The fields. Among the options may be IPv6 addresses, with their colons."""
    name, _, rest = text.partition(":")
    members, _, rest = rest.partition(":")
    rest = rest.removeprefix(":")  # dracut's synopsis has two colons there
    found = re.fullmatch(r"(.*):([0-9]*)", rest)
    return (name, members, found[1], found[2]) if found else (name, members, rest, "")


def _bond_options(parameter: Parameter, text: str) -> tuple[tuple[str, str], ...]:
    """The options; several values of one have semicolons between them, the kernel's commas."""
    found: dict[str, str] = {}
    for each in filter(None, text.split(",")):
        key, _, value = each.partition("=")
        if key not in BOND_OPTIONS or not value:
            raise parameter.error(f"options of the bonding module with values, not {each!r}")
        if key == "mode":
            value = BOND_MODES[int(value)] if value in "0123456" and len(value) == 1 else value
            if value not in BOND_MODES:
                raise parameter.error(f"a mode among {', '.join(BOND_MODES)}, not {value!r}")
        found[key] = value.replace(";", ",")
    return tuple({"mode": found.pop("mode", "balance-rr"), **found}.items())


def bridge(parameter: Parameter) -> Bridge:
    """`bridge=NAME:MEMBERS`; without parameters br0:eth0 (dracut)."""
    expected = "NAME:MEMBER,…"
    text = "br0:eth0" if not parameter.value else parameter.value
    name, colon, members = text.partition(":")
    if not colon or not fields.link_name(name):
        raise parameter.error(expected)
    return Bridge(name, _members(parameter, members, expected))


def _members(parameter: Parameter, text: str, expected: str) -> tuple[str, ...]:
    names = tuple(text.split(","))
    if not all(map(fields.link_name, names)) or len(set(names)) != len(names):
        raise parameter.error(expected)
    return names


def _mtu(parameter: Parameter, text: str) -> int | None:
    if not text:
        return None
    found = fields.mtu(text)
    if found is None:
        raise parameter.error(f"an MTU, not {text!r}")
    return found


def route(parameter: Parameter) -> Route:
    """`rd.route=NETWORK/LENGTH:GATEWAY[:INTERFACE]`; without a gateway it is on the link."""
    parts = fields.split(parameter.text(ROUTE))
    network, gateway, name = (*parts, "", "")[:3]
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
