"""The parts that names of servers are made of: fields, addresses, ports."""

import re
from ipaddress import IPv6Address, ip_address

from initpy.core.netsettings import IPAddress

# RFC 1123, with the "_" that users write.
HOST = re.compile(r"[0-9A-Za-z]([0-9A-Za-z_.-]{0,252}[0-9A-Za-z_.])?")
ZONE = re.compile(r"[^\[\]/:,%\s]{1,15}")  # the name of a link
PORTS = range(1, 65536)
# NVMF_NQN_SIZE of the kernel, which takes any name, as its server nvmet does.
NVME_NAME = re.compile(r"[0-9A-Za-z][!-~]{0,222}")


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


def number(text: str, among: range) -> int | None:
    """Return a decimal number of this range, else None."""
    if not re.fullmatch("[0-9]{1,9}", text):
        return None
    found = int(text)
    return found if found in among else None


def of_a_link(text: str) -> str | None:
    """Return an IPv6 address of a link with that link, without brackets, else None (RFC 4007)."""
    plain, _, zone = bare(text).partition("%")
    found = address(plain)
    right = found is not None and found.version == 6 and found.is_link_local
    return f"{found}%{zone}" if right and ZONE.fullmatch(zone) else None


def server(text: str) -> str | None:
    """Return an address without brackets, or the name of a host; None if it is neither.

    An address of a link has that link.
    """
    if (zoned := of_a_link(text)) is not None:
        return zoned
    found = address(text)
    if found is not None:
        return str(found)
    numeric = re.fullmatch(r"[0-9.]+", text)  # an address with a typing error
    return text if HOST.fullmatch(text) and not numeric else None
