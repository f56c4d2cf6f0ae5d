"""The parts that values of network parameters are made of: fields, addresses, names of links."""

import re
from ipaddress import IPv4Address, IPv6Address, ip_address

from initpy.core.netsettings import IPAddress, LinkMatch

# The kernel's dev_valid_name(): at most 15 bytes, no slash, colon or blank.
NAME = re.compile(r"[^/:\s\[\],]{1,15}")
# Of Ethernet, or of InfiniBand.
MAC = re.compile(r"[0-9a-f]{2}([:-][0-9a-f]{2}){5}(([:-][0-9a-f]{2}){14})?")
# RFC 1123, with the "_" that users write.
HOST = re.compile(r"[0-9A-Za-z]([0-9A-Za-z_.-]{0,252}[0-9A-Za-z_.])?")
LEAST_MTU, MOST_MTU = 68, 65535  # RFC 791
PORTS = range(1, 65536)


def split(text: str) -> list[str]:
    """Split at colons; those between brackets are part of an IPv6 address, which stays in them."""
    return re.findall(r"(?:^|:)((?:\[[^\]]*\]|[^:])*)", text)


def bare(text: str) -> str:
    """Take the brackets off an IPv6 address."""
    return text[1:-1] if text.startswith("[") and text.endswith("]") else text


def address(text: str) -> IPAddress | None:
    """Return the address, None if it is none. IPv6 has brackets where fields are divided."""
    try:
        found = ip_address(bare(text))
    except ValueError:
        return None
    # A zone is a matter of one machine's links, which are named elsewhere.
    return None if isinstance(found, IPv6Address) and found.scope_id else found


def link_name(text: str) -> str | None:
    """Return the name of a link, None if no link can be called so."""
    return text if NAME.fullmatch(text) and text not in (".", "..") else None


def mac(text: str) -> str | None:
    """Return a MAC address in lower case with colons, None if it is none."""
    found = text.lower()
    return found.replace("-", ":") if MAC.fullmatch(found) else None


def link(text: str) -> LinkMatch | None:
    """Return the link that is named or has this MAC address; None: it is neither."""
    if (found := mac(text)) is not None:
        return LinkMatch(mac=found)
    name = link_name(text)
    return LinkMatch(name=name) if name else None


def mtu(text: str) -> int | None:
    """Return the size of a link's packets, None if it is out of range."""
    return number(text, range(LEAST_MTU, MOST_MTU + 1))


def number(text: str, among: range) -> int | None:
    """Return a decimal number of this range, else None."""
    if not re.fullmatch("[0-9]{1,9}", text):
        return None
    found = int(text)
    return found if found in among else None


def server(text: str) -> str | None:
    """Return an address without brackets, or the name of a host; None if it is neither."""
    found = address(text)
    if found is not None:
        return str(found)
    numeric = re.fullmatch(r"[0-9.]+", text)  # an address with a typing error
    return text if HOST.fullmatch(text) and not numeric else None


def is_v4(found: IPAddress | None) -> bool:
    """True for an IPv4 address."""
    return isinstance(found, IPv4Address)
