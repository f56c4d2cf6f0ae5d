"""`ip=` and `nfsaddrs=`, in the grammars of the kernel and of dracut.

Documentation/admin-guide/nfs/nfsroot.rst, dracut.cmdline(7), ipconfig(8) of klibc. They agree in
the first seven fields, but for the second: the kernel's is the server, dracut's the other end of a
point-to-point link. It is taken for the latter if the link has no network, that is a prefix of full
length. What follows are name servers and a time server in one, an MTU and a MAC address in the
other; their form tells which.
"""

import re
from ipaddress import IPv4Address, IPv4Interface, IPv6Interface, ip_interface, ip_network
from typing import NamedTuple

from initpy.config.commandline import Parameter
from initpy.config.errors import InputError
from initpy.config.network import fields
from initpy.core.netsettings import IPAddress, IPInterface, LinkMatch, LinkRequest, Method

WORDS = {
    "off": Method.STATIC,
    "none": Method.STATIC,
    "static": Method.STATIC,  # ipconfig's word
    "on": Method.DHCP,
    "any": Method.DHCP,
    "all": Method.DHCP,
    "dhcp": Method.DHCP,
    "dhcp4": Method.DHCP,
    "bootp": Method.DHCP,  # its server answers DHCP, too
    "both": Method.DHCP,
    "single-dhcp": Method.SINGLE_DHCP,
    "dhcp6": Method.DHCP6,
    "auto6": Method.AUTO6,
    "either6": Method.EITHER6,
    "link6": Method.LINK6,
    "ibft": Method.IBFT,
}
NO_METHOD = ("off", "none", "static")
METHODS = "dhcp, dhcp6, auto6, either6, link6, ibft, none"
FORMS = (
    f"one of {METHODS}; INTERFACE:METHOD[:MTU[:MAC]]; or "
    "CLIENT:SERVER:GATEWAY:NETMASK:HOSTNAME:INTERFACE:METHOD[:DNS[:DNS[:NTP]]]"
)
CLIENT_ID = "dhcp,TYPE,VALUE with a type of 0 to 255"


class Asked(NamedTuple):
    """What one `ip=` says. `off`: no link is set up; `firmware`: links are as iBFT says."""

    links: tuple[LinkRequest, ...] = ()
    off: bool = False
    firmware: bool = False
    notes: tuple[InputError, ...] = ()  # what counts is less than what was written


def read(parameter: Parameter) -> Asked:
    """Return what an `ip=` asks for; an InputError if it is malformed."""
    text = parameter.text(FORMS)
    parts = fields.split(text)
    if len(parts) == 1:
        return _word(parameter, text)
    if len(parts) > 1 and _methods(parts[1]):
        return _of_link(parameter, parts)
    return _all_fields(parameter, parts)


def _word(parameter: Parameter, text: str) -> Asked:
    if text in NO_METHOD:
        return Asked(off=True)
    if text == "ibft":
        return Asked(firmware=True)
    return Asked(_requests(parameter, LinkRequest(), text))


def _of_link(parameter: Parameter, parts: list[str]) -> Asked:
    """INTERFACE:METHOD[:MTU[:MAC]]"""
    request = LinkRequest(match=_match(parameter, parts[0]))
    request = _sizes(parameter, request, parts[2:])
    if parts[1] in NO_METHOD:
        raise parameter.error("an address before the method none (CLIENT::GATEWAY:NETMASK:…)")
    return Asked(_requests(parameter, request, parts[1]))


def _all_fields(parameter: Parameter, parts: list[str]) -> Asked:
    client, second, gateway, mask, hostname, device, word = (*parts[:7], *[""] * 7)[:7]
    request = LinkRequest(match=_match(parameter, device) if device else LinkMatch())
    request = _rest(parameter, request, parts[7:])
    if hostname:
        if not fields.HOST.fullmatch(hostname):
            raise parameter.error(f"a host name in the fifth field, not {hostname!r}")
        request = request._replace(hostname=hostname)
    if gateway:
        request = request._replace(gateway=_address(parameter, gateway, "third"))
    notes: tuple[InputError, ...] = ()
    if client:
        request = request._replace(address=_interface(parameter, client, mask))
        if word in ("dhcp", "dhcp4", "dhcp6", "single-dhcp"):
            notes = (parameter.error(f"no address with {word}: the address counts"),)
            word = "none"
        elif not word or WORDS.get(word) is Method.DHCP:
            word = "none"
    if second:
        request = _second(parameter, request, second)
    if word in NO_METHOD and not client:
        # The kernel's ":::::eth0:off" and the like
        return Asked(off=True)
    if word == "ibft" and not client and request.match.any:
        return Asked(firmware=True)
    return Asked(_requests(parameter, request, word or "dhcp"), notes=notes)


def _requests(parameter: Parameter, request: LinkRequest, text: str) -> tuple[LinkRequest, ...]:
    """The request with its method; several if there are several words, with commas."""
    word, comma, rest = text.partition(",")
    if comma and word == "dhcp" and not _methods(text):
        return (request._replace(method=Method.DHCP, client_id=_client_id(parameter, rest)),)
    methods = _methods(text)
    if word == "rarp":
        raise parameter.error(f"one of {METHODS} (RARP is not supported)")
    if not methods:
        raise parameter.error(FORMS)
    return tuple(request._replace(method=each) for each in methods)


def _methods(text: str) -> list[Method]:
    """The methods that words with commas between them stand for; none if one is no such word."""
    found = [WORDS.get(each) for each in text.split(",")]
    if text.partition(",")[0] == "rarp":
        return []
    return [each for each in found if each is not None] if None not in found else []


def _client_id(parameter: Parameter, text: str) -> bytes:
    """Option 61 as the kernel sends it: a byte with the type, and the text."""
    kind, comma, value = text.partition(",")
    number = fields.number(kind, range(256))
    if number is None or not comma or not value or not value.isascii() or len(value) > 253:
        raise parameter.error(CLIENT_ID)
    return bytes((number,)) + value.encode("ascii")


def _match(parameter: Parameter, text: str) -> LinkMatch:
    if text in ("all", "any"):  # ipconfig's words
        return LinkMatch()
    found = fields.link(text)
    if found is None:
        raise parameter.error(f"the name of a network interface, not {text!r}")
    return found


def _address(parameter: Parameter, text: str, place: str) -> IPAddress | None:
    found = fields.address(text)
    if found is None or (":" in text and not text.startswith("[")):
        raise parameter.error(f"an address (IPv6 in brackets) in the {place} field, not {text!r}")
    return None if found.is_unspecified else found


def _interface(parameter: Parameter, client: str, mask: str) -> IPInterface:
    """The client's address with its network: a mask, a length, or as the classes of old had it."""
    text, slash, length = fields.bare(client).partition("/")
    found = fields.address(text)
    if found is None or found.is_unspecified or found.is_multicast or (slash and mask):
        raise parameter.error(f"the address of this machine in the first field, not {client!r}")
    mask = length or fields.bare(mask)
    if not mask:
        mask = _class(found) if isinstance(found, IPv4Address) else "64"
    try:
        return ip_interface(f"{found}/{_length(mask)}")
    except ValueError:
        raise parameter.error(f"a netmask or prefix length, not {mask!r}") from None


def _length(mask: str) -> int:
    """The prefix length of a mask; ipaddress would take the inverse of one, too."""
    if re.fullmatch("[0-9]{1,3}", mask):
        return int(mask)
    network = ip_network(f"0.0.0.0/{mask}")
    if str(network.netmask) != mask:
        raise ValueError(mask)
    return network.prefixlen


def _class(found: IPv4Address) -> str:
    """RFC 790, as the kernel's ipconfig does."""
    first = found.packed[0]
    return "8" if first < 128 else "16" if first < 192 else "24"


def _second(parameter: Parameter, request: LinkRequest, text: str) -> LinkRequest:
    """The peer of a point-to-point link, else the server."""
    expected = f"the address of the server or peer in the second field, not {text!r}"
    plain, slash, length = fields.bare(text).partition("/")
    found = fields.address(plain)
    if found is None or (":" in text and not text.startswith("[")):
        raise parameter.error(expected)
    address = request.address
    whole = found.max_prefixlen
    if slash or (address is not None and address.network.prefixlen == whole):
        try:
            peer: IPv4Interface | IPv6Interface = ip_interface(f"{found}/{length or whole}")
        except ValueError:
            raise parameter.error(expected) from None
        return request._replace(peer=peer)
    return request if found.is_unspecified else request._replace(server=found)


def _rest(parameter: Parameter, request: LinkRequest, rest: list[str]) -> LinkRequest:
    """What follows the method."""
    if not any(rest):
        return request
    if fields.address(rest[0]) is None and (rest[0] or fields.address(rest[1]) is None):
        return _sizes(parameter, request, rest)
    if len(rest) > 3:
        raise parameter.error("at most two name servers and a time server at the end")
    dns = [_address(parameter, each, "eighth or ninth") for each in rest[:2] if each]
    ntp = [_address(parameter, each, "tenth") for each in rest[2:] if each]
    return request._replace(dns=tuple(filter(None, dns)), ntp=tuple(filter(None, ntp)))


def _sizes(parameter: Parameter, request: LinkRequest, rest: list[str]) -> LinkRequest:
    """[MTU][:MAC]"""
    text, hardware = (rest[0] if rest else ""), ":".join(rest[1:])
    if text:
        size = fields.mtu(text)
        if size is None:
            raise parameter.error(f"an MTU or the address of a name server, not {text!r}")
        request = request._replace(mtu=size)
    if hardware:
        found = fields.mac(hardware)
        if found is None:
            raise parameter.error(f"a MAC address at the end, not {hardware!r}")
        request = request._replace(mac=found)
    return request
