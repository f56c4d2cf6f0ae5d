"""Files that tell the real system of a link that root stands on, so that it keeps it (R17).

What manages links there finds the addresses, routes and name servers as they are: systemd-networkd
(systemd.network(5)), NetworkManager (nm-initrd-generator(8), NetworkManager.conf(5)), ifupdown
(interfaces(5), the net-interface-handler of open-iscsi), cloud-init and shell scripts (the files of
klibc's ipconfig, as initramfs-tools leaves them). All are in /run: the next boot makes them anew.

What a server has said may be anything, and some of these files are read by a shell: values are
quoted, and control characters left out.
"""

from collections.abc import Iterable, Iterator
from ipaddress import ip_interface

from initpy.core.actions import Record
from initpy.core.network.keepnetworkd import (
    NETWORKD_UNIT,
    STOPS_AT_ONCE,
    carrier,
    client_of,
    drop_in,
    networkd,
    same_mac,
)
from initpy.core.network.keptlink import DEFAULT_ROUTE_6, NOTE, Kept, version_of
from initpy.core.network.linkfiles import LinkFile, for_link, making
from initpy.core.network.values import DEFAULT_ROUTE, is_domain, shown

NETWORKD = "/run/systemd/network"
# Files that the real system generates as it boots: netplan's, also of Debian's cloud images, and
# systemd-network-generator's for `ip=`, before systemd 254 and since then.
GENERATED = (
    "10-netplan-{}.network", "10-netplan-all-en.network", "10-netplan-all-eth.network",
    "70-{}.network", "71-default.network", "90-{}.network",
)  # fmt: skip
GENERATED_DEVICES = ("10-netplan-{}.netdev", "70-{}.netdev", "90-{}.netdev")
NETWORK_MANAGER = "/run/NetworkManager"
IFUPDOWN, RESOLVCONF = "/run/network", "/run/resolvconf/interface"
# The logical interface (interfaces(5)) as which ifupdown knows a link. No file defines it: ifup
# says that the link is configured already, and ifdown leaves it alone, also at the shutdown.
AS = "initpy"
# A UUID of version 8 (RFC 9562) but for the last twelve digits, which are the MAC address: the
# same for each boot of the machine.
UUID = "b7e1c0de-6e65-8000-8a6b-"
# As if iscsid.service were enabled. Debian starts it for a disk of a session (SYSTEMD_WANTS= in
# 70-open-iscsi.rules), but not for a path of multipath, which systemd takes for not ready.
WANTED_EARLY = "/run/systemd/system/sysinit.target.d"
# At a stop Debian's open-iscsi logs out of what it does not see root stand on.
OPEN_ISCSI = "/run/systemd/system/open-iscsi.service.d"
NO_LOGOUT = (
    "# Made by initpy: root stands on a session of iSCSI in a way that the programs of this unit\n"
    "# do not see. They would log out of it.\n[Service]\nExecStop=\n"
)
ISCSID = "# Made by initpy: root stands on a session of iSCSI.\n[Unit]\nWants=iscsid.service\n"


def files(
    kept: Iterable[Kept], there: tuple[LinkFile, ...] = (), stands: bool = True
) -> tuple[Record, ...]:
    """Return the files for these links; the first is the one that the root is reached by.

    `there`: the files of the real system's networkd. `stands` False: root is on a local disk, and
    the real system may set the links up anew.
    """
    links = [each for each in kept if each.addresses]
    if not links:
        return ()
    found = [record for each in links for record in _facts(each)]
    if text := resolver(links):
        found.append(Record("resolv.conf", text))
    return (*found, *_for_managers(links, there)) if stands else tuple(found)


def _for_managers(links: list[Kept], there: tuple[LinkFile, ...]) -> list[Record]:
    """Return the files that have what manages links in the real system keep these."""
    found = [record for each in links for record in _of_link(each, there)]
    found.append(
        Record("initpy.conf", _network_manager_devices(links), f"{NETWORK_MANAGER}/conf.d")
    )
    every = dict.fromkeys(name for each in links for name in (each.name, *each.below))
    lower = [name for name in every if name not in {each.name for each in links}]
    # Before the files of a user: one for all cards would take members out of a bond.
    found += [Record(f"00-initpy-{each}.network", carrier(each), NETWORKD) for each in lower]
    states = "".join(f"{each}={AS}\n" for each in every)
    found.append(Record("ifstate", f"lo=lo\n{states}", IFUPDOWN))
    found += [Record(f"ifstate.{each}", f"{AS}\n", IFUPDOWN) for each in every]
    names = " ".join(every)
    text = f"{NOTE}no-auto-down {names}\n"
    found.append(Record("initpy", text, f"{IFUPDOWN}/interfaces.d"))
    if any(each.leased_6 for each in links):
        found.append(Record("initpy.conf", STOPS_AT_ONCE, NETWORKD_UNIT))
    if session := next((each for each in links if each.iscsi), None):
        found.append(Record("open-iscsi.interface", f"{session.name}\n", "/run/initramfs"))
        found.append(Record("initpy-iscsid.conf", ISCSID, WANTED_EARLY))
        if session.hidden:
            found.append(Record("initpy.conf", NO_LOGOUT, OPEN_ISCSI))
    return found


def _facts(link: Kept) -> Iterator[Record]:
    """Yield the files for programs that only look."""
    # cloud-init takes each of these for a card, and would rename the cards of this MAC address.
    # What routers give is no setting: it would keep that as a static address.
    if text := resolver((link,)):
        yield Record(f"{link.name}.initpy", text, RESOLVCONF)
    if link.of(4) and not link.made:
        yield Record(f"net-{link.name}.conf", klibc(link), "/run")
    if not set(link.of(6)) <= set(link.learned) and not link.made:
        yield Record(f"net6-{link.name}.conf", klibc_6(link), "/run")


def _of_link(link: Kept, there: tuple[LinkFile, ...]) -> Iterator[Record]:
    # After the files of a user, who may have more to say: they go before it, with a drop-in.
    own = f"90-initpy-{link.name}.network"
    yield Record(own, networkd(link), NETWORKD)
    users = (each for each in for_link(there, link.name, link.mac) if each < own)
    generated = (each.format(link.name) for each in GENERATED)
    for name in dict.fromkeys((*users, *generated)):
        yield Record("initpy.conf", drop_in(link), f"{NETWORKD}/{name}.d")
    for name, mac in _making(link, there).items():
        yield Record("initpy.conf", same_mac(mac), f"{NETWORKD}/{name}.d")
    folder = f"{NETWORK_MANAGER}/system-connections"
    if not link.made:
        yield Record(f"initpy-{link.name}.nmconnection", network_manager(link), folder, 0o600)
    if link.ifindex and not link.made:
        text = f"[device]\nmanaged=1\nconnection-uuid={uuid(link)}\nnm-owned=0\n"
        yield Record(str(link.ifindex), text, f"{NETWORK_MANAGER}/devices")


def _making(link: Kept, there: tuple[LinkFile, ...]) -> dict[str, str]:
    """Return files by which networkd would make the link, or what carries it, with the MACs."""
    if not link.made:
        return {}
    generated = {each.format(link.name): link.mac for each in GENERATED_DEVICES}
    every = ((link.name, link.mac), *link.macs)
    return generated | {file: mac for name, mac in every for file in making(there, name)}


def resolver(links: Iterable[Kept]) -> str:
    """Return the text of a resolv.conf(5), empty without a name server."""
    found = list(links)
    servers = dict.fromkeys(server for each in found for server in each.dns)
    search = dict.fromkeys(word for each in found for word in each.search if is_domain(word))
    lines = [f"nameserver {each}\n" for each in servers]
    if lines and search:
        lines.insert(0, f"search {' '.join(search)}\n")
    return "".join(lines)


# NetworkManager


def uuid(link: Kept) -> str:
    """Return the UUID of the connection for a link."""
    digits = "".join(each for each in link.mac.lower() if each in "0123456789abcdef")
    return UUID + digits[-12:].rjust(12, "0")


def network_manager(link: Kept) -> str:
    """Return a keyfile (nm-settings-keyfile(5)) with what the link has."""
    lines = [
        "[connection]", f"id=initpy-{link.name}", f"uuid={uuid(link)}", "type=ethernet",
        f"interface-name={link.name}", "autoconnect=true", "autoconnect-retries=0", "",
    ]  # fmt: skip
    if link.mtu:
        lines += ["[ethernet]", f"mtu={link.mtu}", ""]
    for version in (4, 6):
        lines += [f"[ipv{version}]", *_addressing(link, version), ""]
    origin = "org.freedesktop.NetworkManager.origin=initpy"
    return NOTE + "\n".join([*lines, "[user]", origin, ""])


def _addressing(link: Kept, version: int) -> list[str]:
    addresses = tuple(each for each in link.of(version) if each not in link.learned)
    if version == 4 and link.lease is not None:
        lines = ["method=auto", "may-fail=false"]
        lines += [f"dhcp-hostname={link.hostname}"] if link.hostname else []
        return [*lines, "dhcp-client-id=mac"] if client_of(link) == "mac" else lines
    if not addresses:
        return ["method=auto" if version == 6 else "method=disabled"]
    lines = ["method=manual"]
    if version == 6 and link.leased_6:
        # Its routes are a router's, which `manual` would not renew. Should NetworkManager ask for
        # DHCPv6 then, it is the same client, and gets the same address.
        duid, iaid = "ll", "mac"
        if link.duid and link.iaid:
            duid, iaid = bytes.fromhex(link.duid).hex(":"), str(int(link.iaid, 16))
        lines = ["method=auto", f"dhcp-duid={duid}", f"dhcp-iaid={iaid}"]
    gateway = link.gateway(version)
    for number, each in enumerate(addresses, start=1):
        more = f",{gateway}" if gateway and number == 1 else ""
        lines.append(f"address{number}={each}{more}")
    default = (DEFAULT_ROUTE, DEFAULT_ROUTE_6)
    routes = [each for each in link.routes if version_of(each.target) == version]
    others = [each for each in routes if each.target not in default]
    for number, route in enumerate(others, start=1):
        lines.append(f"route{number}={route.target}" + (f",{route.gateway}" * bool(route.gateway)))
    if servers := [each for each in link.dns if version_of(each) == version and "%" not in each]:
        lines.append("dns=" + "".join(f"{each};" for each in servers))
    if names := [each for each in link.search if is_domain(each)]:
        lines.append("dns-search=" + "".join(f"{each};" for each in names))
    return lines


def _network_manager_devices(links: Iterable[Kept]) -> str:
    """Return NetworkManager.conf(5) that has it keep what a link has when it starts."""
    parts = []
    for each in links:
        # A connection for such a link would have it made anew, and its members joined again.
        keep = "managed=0" if each.made else "keep-configuration=yes"
        parts.append(_device_part(each.name, keep))
        parts += [_device_part(name, "managed=0") for name in each.below]
    return NOTE + "\n".join(dict.fromkeys(parts))


def _device_part(name: str, line: str) -> str:
    return f"[device-initpy-{name}]\nmatch-device=interface-name:={name}\n{line}\n"


# klibc's ipconfig, for cloud-init and scripts


def klibc(link: Kept) -> str:
    """Return the file that klibc's ipconfig leaves: assignments for a shell."""
    interface = ip_interface(link.of(4)[0])
    lease = link.lease
    servers = [each for each in link.dns if version_of(each) == 4]
    first, second = (*servers, "0.0.0.0", "0.0.0.0")[:2]
    seconds = 0 if lease is None or link.seconds is None else int(link.seconds)
    values = {
        "DEVICE": link.name,
        "PROTO": "none" if lease is None else "dhcp",  # cloud-init accepts no other word
        "IPV4ADDR": str(interface.ip),
        "IPV4BROADCAST": str(interface.network.broadcast_address),
        "IPV4NETMASK": str(interface.netmask),
        "IPV4GATEWAY": link.gateway(4),
        "IPV4DNS0": first,
        "IPV4DNS1": second,
        "HOSTNAME": link.hostname or (lease.host if lease is not None else ""),
        "DNSDOMAIN": lease.domain if lease is not None else "",
        "NISDOMAIN": "",
        "ROOTSERVER": (lease.next_server or lease.server) if lease is not None else "0.0.0.0",
        "ROOTPATH": shown(lease.root_path) if lease is not None else "",
        "filename": lease.file if lease is not None else "",
        "UPTIME": "0",
        "DHCPLEASETIME": str(seconds),
        "DOMAINSEARCH": " ".join(filter(is_domain, link.search)),
    }
    return _assignments(values)


def klibc_6(link: Kept) -> str:
    """Return the same for IPv6, as initramfs-tools of Ubuntu and cloud-init know it."""
    fixed = [each for each in link.of(6) if each not in link.learned]
    interface = ip_interface(fixed[0])
    servers = [each for each in link.dns if version_of(each) == 6 and "%" not in each]
    first, second = (*servers, "", "")[:2]
    values = {
        "DEVICE6": link.name,
        # Also of a DHCPv6 server: another client would get a second address (see network.md).
        "IPV6PROTO": "none",
        "IPV6ADDR": str(interface.ip),
        "IPV6NETMASK": str(interface.network.prefixlen),
        "IPV6GATEWAY": link.gateway(6),
        "IPV6DNS0": first,
        "IPV6DNS1": second,
        "IPV6DOMAINSEARCH": " ".join(filter(is_domain, link.search)),
        "HOSTNAME": link.hostname,
    }
    return _assignments(values)


def _assignments(values: dict[str, str]) -> str:
    # cloud-init would take an empty gateway, or 0.0.0.0, for one.
    given = {name: value for name, value in values.items() if value or "GATEWAY" not in name}
    return "".join(f"{name}={_quoted(value)}\n" for name, value in given.items())


def _quoted(text: str) -> str:
    """The text as one word of a shell: nothing in it has a meaning there."""
    plain = "".join(each for each in text if each.isprintable())
    return "'" + plain.replace("'", "'\\''") + "'"
