"""Name servers and domains that routers advertise (RFC 8106), as the kernel passes them on.

The kernel takes addresses and routes of an advertisement itself, and tells programs of the other
options (RTM_NEWNDUSEROPT, linux/rtnetlink.h). It does so once: what was told stays in a file for an
engine after this one.
"""

import contextlib
import os
import struct
from collections.abc import Iterator
from ipaddress import IPv6Address

from initpy.core.network.values import is_domain
from initpy.core.tuples import NamedTuple

RTMGRP_ND_USEROPT = 1 << 19  # RTNLGRP_ND_USEROPT is 20
RTM_NEWNDUSEROPT = 68
FOLDER = "/run/initpy"
FILE = f"{FOLDER}/routers."
_HEADER = struct.Struct("=LHHLL")  # nlmsghdr
_MESSAGE = struct.Struct("=BxHiBB6x")  # nduseroptmsg
ADVERTISEMENT = 134  # of ICMPv6
RDNSS, DNSSL = 25, 31
MOST = 8  # of servers and of domains: a network must not fill a file


class Told(NamedTuple):
    """What an advertisement says on the link of this number; empty lists take nothing away."""

    number: int
    servers: tuple[str, ...] = ()
    domains: tuple[str, ...] = ()
    withdrawn: tuple[str, ...] = ()  # servers and domains whose lifetime is 0


def read(data: bytes) -> Iterator[Told]:
    """Yield what the messages of a netlink socket say; those of other kinds are passed over."""
    while len(data) >= _HEADER.size:
        length, kind, *_ = _HEADER.unpack_from(data)
        if not _HEADER.size <= length <= len(data):
            return
        body = data[_HEADER.size : length]
        if kind == RTM_NEWNDUSEROPT and len(body) >= _MESSAGE.size:
            _family, size, index, of, _code = _MESSAGE.unpack_from(body)
            if of == ADVERTISEMENT:
                yield _options(index, body[_MESSAGE.size : _MESSAGE.size + size])
        data = data[-(-length // 4) * 4 :]


def _options(index: int, data: bytes) -> Told:
    servers, domains, withdrawn = list[str](), list[str](), list[str]()
    while len(data) >= 8 and 0 < data[1] * 8 <= len(data):
        option, data = data[: data[1] * 8], data[data[1] * 8 :]
        lasting = any(option[4:8])
        if option[0] == RDNSS:
            found = (IPv6Address(option[at : at + 16]) for at in range(8, len(option) - 15, 16))
            names = [str(each) for each in found if not each.is_multicast]
            (servers if lasting else withdrawn).extend(names)
        elif option[0] == DNSSL:
            (domains if lasting else withdrawn).extend(_domains(option[8:]))
    return Told(index, tuple(servers), tuple(domains), tuple(withdrawn))


def _domains(data: bytes) -> Iterator[str]:
    """Yield the domains of an option, which are not compressed; zeros fill it up."""
    labels: list[str] = []
    while data and data[0] <= len(data) - 1:
        label, data = data[1 : 1 + data[0]], data[1 + data[0] :]
        if label:
            labels.append(label.decode("ascii", "replace"))
            continue
        if is_domain(name := ".".join(labels)):
            yield name
        labels.clear()


def note(name: str, told: Told) -> bool:
    """Add what a router says to the file of a link; True if that is news."""
    before = known(name)
    servers = [f"{each}%{name}" if IPv6Address(each).is_link_local else each
               for each in told.servers]  # fmt: skip
    gone = {*told.withdrawn, *(f"{each}%{name}" for each in told.withdrawn)}
    after = tuple(
        " ".join([each for each in dict.fromkeys((*old.split(), *new)) if each not in gone][:MOST])
        for old, new in zip(before, (servers, told.domains), strict=True)
    )
    if after == before:
        return False
    os.makedirs(FOLDER, exist_ok=True)
    with open(f"{FILE}{name}", "w", encoding="ascii") as file:
        file.write("\n".join(after) + "\n")
    return True


def known(name: str) -> tuple[str, ...]:
    """Return the name servers and the domains that routers have told, with blanks between them."""
    with contextlib.suppress(OSError), open(f"{FILE}{name}", encoding="ascii") as file:
        servers, domains = file.read().split("\n")[:2]
        return servers, domains
    return "", ""
