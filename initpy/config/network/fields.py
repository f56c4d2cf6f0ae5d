"""The parts that values of network parameters are made of: fields, addresses, names of links."""

import re

from initpy.core.netfields import HOST as HOST
from initpy.core.netfields import PORTS as PORTS
from initpy.core.netfields import address as address
from initpy.core.netfields import bare as bare
from initpy.core.netfields import number as number
from initpy.core.netfields import of_a_link as of_a_link
from initpy.core.netfields import server as server
from initpy.core.netfields import split as split
from initpy.core.netsettings import LinkMatch

# The kernel's dev_valid_name(): at most 15 bytes, no slash, colon or blank.
NAME = re.compile(r"[^/:\s\[\],]{1,15}")
# Of Ethernet, or of InfiniBand.
MAC = re.compile(r"[0-9a-f]{2}([:-][0-9a-f]{2}){5}(([:-][0-9a-f]{2}){14})?")
LEAST_MTU, MOST_MTU = 68, 65535  # RFC 791


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
