"""What systemd-networkd of the real system is told of a link that root stands on.

A lease goes on as the same client, and so with the same address: by its identifier for DHCPv4
(RFC 2131), by its DUID and the IAID of the link for DHCPv6 (RFC 8415). They differ in what becomes
of the address. `KeepConfiguration=` keeps one of DHCPv4 when networkd ends and when the lease does.
One of DHCPv6 is taken away then (systemd 252; since 257 at the end of the lease alone). So networkd
does not own it where the file is ours: it renews the lease and leaves the address, which is a fixed
one (`UseAddress=no`). It asks for an address then only if it asks for no prefix.

A file of a user has networkd give the address, also to other links that the file is for. There
networkd is ended by SIGKILL, after which nothing is taken away: a root that loses its address as
networkd is started again can no longer read networkd.
"""

from initpy.core.network.keptlink import NOTE, Kept, version_of
from initpy.core.network.values import is_domain

# How networkd calls the types of a DUID (RFC 8415, 11.1; DUIDType= of networkd.conf(5)).
DUID_TYPES = {1: "link-layer-time", 2: "vendor", 3: "link-layer", 4: "uuid"}
ETHERNET = "0001"  # hardware type
NETWORKD_UNIT = "/run/systemd/system/systemd-networkd.service.d"
STOPS_AT_ONCE = f"""{NOTE}# networkd would take its DHCPv6 address away at a stop or restart.
[Service]
KillSignal=SIGKILL
RestartKillSignal=SIGKILL
SuccessExitStatus=SIGKILL
"""


def networkd(link: Kept) -> str:
    """Return a systemd.network(5) that adopts what the link has, and goes on with its lease."""
    lines = ["[Match]", f"Name={link.name}"]
    if link.mtu:
        lines += ["", "[Link]", f"MTUBytes={link.mtu}"]
    leased = link.lease is not None
    lines += ["", "[Network]", "KeepConfiguration=yes", f"DHCP={'ipv4' if leased else 'no'}"]
    lines += ["IPv6AcceptRA=yes"] if link.learned or link.leased_6 else []
    lines += [f"DNS={each}" for each in link.dns]
    if names := [each for each in link.search if is_domain(each)]:
        lines.append(f"Domains={' '.join(names)}")
    lines += [f"NTP={each}" for each in link.ntp]
    if leased:
        # The same client to the server, and so the same address.
        lines += ["", "[DHCPv4]", f"ClientIdentifier={client_of(link)}", "UseDomains=yes"]
        if link.hostname:
            lines.append(f"Hostname={link.hostname}")
    if identity := dhcp6_client(link):
        lines += ["", *identity, "UseAddress=no", "UseDelegatedPrefix=no"]
    own = link.addresses if not leased else link.of(6)
    for address in (each for each in own if each not in link.learned):
        lines += ["", "[Address]", f"Address={address}"]
    for route in link.routes:
        if leased and version_of(route.target) == 4:
            continue  # the lease's own
        lines += ["", "[Route]", f"Destination={route.target}"]
        lines += [f"Gateway={route.gateway}"] if route.gateway else ["Scope=link"]
    return NOTE + "\n".join(lines) + "\n"


def drop_in(link: Kept) -> str:
    """Return what another file needs that may be for the link: its address stays the only one."""
    text = f"{NOTE}[Network]\nKeepConfiguration=yes\n"
    if link.lease is not None:
        text += f"\n[DHCPv4]\nClientIdentifier={client_of(link)}\n"
    if identity := dhcp6_client(link):
        text += "\n" + "\n".join(identity) + "\n"
    return text


def dhcp6_client(link: Kept) -> list[str]:
    """Return the section that has networkd ask for DHCPv6 as the client that got the address."""
    kind, rest = link.duid[:4], link.duid[4:]
    name = DUID_TYPES.get(int(kind, 16)) if rest and link.iaid and link.leased_6 else None
    if name is None:
        return []
    lines = ["[DHCPv6]", f"DUIDType={name}"]
    # That of the card, which networkd makes itself: a file may be for other cards as well.
    if rest != ETHERNET + link.mac.lower().replace(":", ""):
        lines.append(f"DUIDRawData={bytes.fromhex(rest).hex(':')}")
    return [*lines, f"IAID={int(link.iaid, 16)}"]


def same_mac(mac: str) -> str:
    """Return what a systemd.netdev(5) needs that makes a link: its present MAC address.

    Since version 257 networkd gives an existing bridge a new one, and with that a second lease.
    """
    return f"{NOTE}[NetDev]\nMACAddress={mac}\n"


def carrier(name: str) -> str:
    """Return a systemd.network(5) for a link to leave alone: else its bond would lose it."""
    return f"{NOTE}[Match]\nName={name}\n\n[Link]\nUnmanaged=yes\n"


def client_of(link: Kept) -> str:
    """networkd's word for the identifier that the lease was got with."""
    return "mac" if not link.identifier or link.identifier.startswith("01") else "duid"
