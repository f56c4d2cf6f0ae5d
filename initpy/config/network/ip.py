"""`ip=` and `nfsaddrs=`, in the grammars of the kernel and of dracut.

Documentation/admin-guide/nfs/nfsroot.rst, dracut.cmdline(7), ipconfig(8) of klibc. They agree in
the first seven fields, but for the second: the kernel's is the server, dracut's the other end of a
point-to-point link. It is taken for the latter if the link has no network, that is a prefix of full
length. What follows are name servers and a time server in one, an MTU and a MAC address in the
other; their form tells which.
"""

import re
from collections.abc import Sequence
from ipaddress import (
    IPv4Address,
    IPv4Interface,
    IPv6Address,
    IPv6Interface,
    ip_interface,
    ip_network,
)

from initpy.config.commandline import Parameter
from initpy.config.errors import InputError
from initpy.config.network import fields
from initpy.core.netsettings import IPAddress, IPInterface, LinkMatch, LinkRequest, Method
from initpy.core.tuples import NamedTuple

# Both versions of IP, as systemd-network-generator(8) and nm-initrd-generator(8) have it.
BOTH = (Method.DHCP, Method.EITHER6)
WORDS = {
    "off": (Method.STATIC,),
    "none": (Method.STATIC,),
    "static": (Method.STATIC,),  # ipconfig's word
    "on": BOTH,
    "any": BOTH,
    "all": BOTH,  # ipconfig's
    "auto": BOTH,  # NetworkManager's
    "dhcp": (Method.DHCP,),
    "dhcp4": (Method.DHCP,),
    "bootp": (Method.DHCP,),  # its server answers DHCP, too
    "both": (Method.DHCP,),  # the kernel's: BOOTP and RARP
    "single-dhcp": (Method.SINGLE_DHCP,),
    "dhcp6": (Method.DHCP6,),
    "auto6": (Method.AUTO6,),
    "either6": (Method.EITHER6,),
    "link6": (Method.LINK6,),
    "link-local": (Method.LINK6,),  # systemd-network-generator's; no address of 169.254.0.0/16
    "ibft": (Method.IBFT,),
    "nbft": (Method.NBFT,),
    "fw": (Method.IBFT,),  # NetworkManager's
}
# The kernel's words that a fixed address has an answer to: it is what they would look for.
ANSWERED = ("", "on", "any", "all", "both", "bootp")
NO_METHOD = ("off", "none", "static")
METHODS = "dhcp, dhcp6, auto6, either6, link6, ibft, nbft, none"
FORMS = (
    f"one of {METHODS}; INTERFACE:METHOD[:MTU[:MAC]]; or "
    "CLIENT:SERVER:GATEWAY:NETMASK:HOSTNAME:INTERFACE:METHOD[:DNS[:DNS[:NTP]]]"
)
BROADCAST = "255.255.255.255"
UNSET = ("0.0.0.0", "[::]")  # as an address of this machine: as if it were left out (ipconfig.c)
# For any interface, which BOOTIF= restricts: ipconfig's words; systemd-network-generator's.
EVERY = ("all", "any", "BOOTIF")
CLIENT_ID = "dhcp,TYPE,VALUE with a type of 0 to 255"


class Asked(NamedTuple):
    """What one `ip=` says. `off`: no link is set up; `firmware`: links are as iBFT says."""

    links: tuple[LinkRequest, ...] = ()
    off: bool = False
    firmware: bool = False
    notes: tuple[InputError, ...] = ()  # what counts is less than what was written


class Notes:
    """What of one `ip=` is left out. A field that the address can do without costs nothing else."""

    def __init__(self, parameter: Parameter) -> None:
        self._parameter = parameter
        self.found: list[InputError] = []

    def add(self, expected: str) -> None:
        """Note a field that is left out; the first is told."""
        if not self.found:
            self.found.append(self._parameter.error(f"{expected}; the rest counts"))


def read(parameter: Parameter) -> Asked:
    """Return what an `ip=` asks for; an InputError if it is malformed."""
    text = parameter.text(FORMS)
    parts = fields.split(text)
    if len(parts) == 1 and fields.address(text.partition("/")[0]) is None:
        return _word(parameter, text)
    if len(parts) > 1 and _methods(parts[1]):
        return _of_link(parameter, parts)
    _no_method(parameter, parts)
    return _all_fields(parameter, parts)


def _no_method(parameter: Parameter, parts: list[str]) -> None:
    """Raise an error if the first field looks like an interface's, or like a part of an address."""
    first = parts[0]
    if len(parts) < 2 or not first or first.startswith("[") or "." in first or "/" in first:
        return
    if re.fullmatch("[0-9a-fA-F]{1,4}", first) and (len(parts) > 10 or not parts[1]):
        raise parameter.error(f"IPv6 addresses in brackets, as in [{first}::1]")
    if first in WORDS:
        raise parameter.error(f"nothing after the method {first}, or INTERFACE:{first}")
    if fields.link(first) is not None and len(parts) < 5:
        raise parameter.error(f"after the interface one of {METHODS}")


def _word(parameter: Parameter, text: str) -> Asked:
    _not_static(parameter, text)
    if text in NO_METHOD:
        return Asked(off=True)
    if text == "ibft":
        return Asked(firmware=True)
    return Asked(_requests(parameter, LinkRequest(), text))


def _not_static(parameter: Parameter, word: str) -> None:
    """Raise an error for the word that says that an address is there, where none is."""
    if word == "static":
        raise parameter.error("an address with static, as in ADDRESS::GATEWAY:NETMASK::INTERFACE")


def _of_link(parameter: Parameter, parts: list[str]) -> Asked:
    """INTERFACE:METHOD[:MTU[:MAC]]"""
    _not_static(parameter, parts[1])
    request = LinkRequest(match=_match(parameter, parts[0]) if parts[0] else LinkMatch())
    notes = Notes(parameter)
    request = _sizes(notes, request, parts[2:])
    if parts[1] in NO_METHOD:
        return _off(request)  # as in the form with all fields and no address
    return Asked(_requests(parameter, request, parts[1]), notes=tuple(notes.found))


def _off(request: LinkRequest) -> Asked:
    """Nothing for this link; the others may get what other parameters say."""
    down = LinkRequest(request.match, Method.OFF)
    return Asked(() if request.match.any else (down,), off=True)


def _all_fields(parameter: Parameter, parts: list[str]) -> Asked:
    client, second, gateway, mask, hostname, device, word = (*parts[:7], *[""] * 7)[:7]
    request = LinkRequest(match=_match(parameter, device) if device else LinkMatch())
    notes = Notes(parameter)
    if client in UNSET:
        client = ""
    if client:
        request = request._replace(address=_interface(parameter, client, mask))
        word = "none" if word in ANSWERED else word
    if gateway:
        request = _gateway(parameter, notes, request, gateway)
    request = _rest(notes, request, parts[7:])
    if hostname and fields.HOST.fullmatch(hostname):
        request = request._replace(hostname=hostname)
    elif hostname:
        notes.add(f"a host name in the fifth field, not {hostname!r}")
    if second:
        request = _second(notes, request, second)
    if not client:
        _not_static(parameter, word)
    if word in NO_METHOD and not client:
        # The kernel's ":::::eth0:off" and the like
        return _off(request)
    if word == "ibft" and not client and request.match.any:
        return Asked(firmware=True)
    found = _requests(parameter, request, word or "dhcp")
    if request.address is None:
        return Asked(found, notes=tuple(notes.found))
    asked = _beside_address(parameter, request, [each.method for each in found])
    return asked._replace(notes=asked.notes or tuple(notes.found))


def _beside_address(parameter: Parameter, request: LinkRequest, methods: Sequence[Method]) -> Asked:
    """The fixed address, and what the methods say of the other version of IP.

    Advertisements of routers come beside a fixed IPv6 address.
    """
    version = request.version
    fixed = request._replace(method=Method.STATIC)
    others = [each for each in methods if each is not Method.STATIC]
    same = [each for each in others if each.version == version and each is not Method.LINK6]
    if version == 6 and set(same) <= {Method.AUTO6, Method.EITHER6}:
        fixed = fixed._replace(routers=bool(same))
        same = []
    # All that is of the other version is the address's alone.
    bare = LinkRequest(request.match, hostname=request.hostname, mtu=request.mtu, mac=request.mac)
    more = (bare._replace(method=each) for each in others if each.version != version)
    words = ",".join(each.value for each in same)
    notes = (parameter.error(f"no address with {words}: the address counts"),) if words else ()
    return Asked((fixed, *more), notes=notes)


def _gateway(parameter: Parameter, notes: Notes, request: LinkRequest, text: str) -> LinkRequest:
    """The third field. Raises an error for a netmask there: other fields are displaced as well."""
    found = fields.address(text)
    if found is not None and str(found).startswith("255."):
        raise parameter.error("the gateway in the third field, the netmask in the fourth")
    if found is None or not _is_host(found) or not _in_brackets(text):
        if found is None or not found.is_unspecified:
            notes.add(f"an address (IPv6 in brackets) in the third field, not {text!r}")
        return request
    if request.address is not None and request.address.version != found.version:
        notes.add(f"an IPv{request.address.version} gateway in the third field")
        return request
    return request._replace(gateway=found)


def _is_host(found: IPAddress) -> bool:
    """True for an address that another host can have."""
    nobody = found.is_unspecified or found.is_multicast or found.is_loopback
    return not nobody and str(found) != BROADCAST


def _in_brackets(text: str) -> bool:
    """True unless the text has colons that would divide fields."""
    return ":" not in text or text.startswith("[")


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
    words = text.split(",")
    if not all(each in WORDS for each in words):
        return []
    return [*dict.fromkeys(method for each in words for method in WORDS[each])]


def _client_id(parameter: Parameter, text: str) -> bytes:
    """Option 61 as the kernel sends it: a byte with the type, and the text."""
    kind, comma, value = text.partition(",")
    number = fields.number(kind, range(256))
    if number is None or not comma or not value or not value.isascii() or len(value) > 253:
        raise parameter.error(CLIENT_ID)
    return bytes((number,)) + value.encode("ascii")


def _match(parameter: Parameter, text: str) -> LinkMatch:
    if text in EVERY:
        return LinkMatch()
    found = fields.link(text)
    if found is None:
        raise parameter.error(f"the name of a network interface, not {text!r}")
    return found


def _server(notes: Notes, text: str, place: str) -> IPAddress | None:
    found = fields.address(text)
    if found is None or not _in_brackets(text):
        notes.add(f"an address (IPv6 in brackets) in the {place} field, not {text!r}")
        return None
    return None if found.is_unspecified else found


def _interface(parameter: Parameter, client: str, mask: str) -> IPInterface:
    """The client's address with its network: a mask, a length, or as the classes of old had it."""
    text, slash, length = fields.bare(client).partition("/")
    found = fields.address(text)
    if found is None or not _is_host(found) or (slash and mask):
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
    if ":" in mask:  # ipaddress has no masks of IPv6
        ones = f"{int(IPv6Address(mask)):0128b}"
        if "01" in ones:
            raise ValueError(mask)
        return ones.count("1")
    network = ip_network(f"0.0.0.0/{mask}")
    if str(network.netmask) != mask:
        raise ValueError(mask)
    return network.prefixlen


def _class(found: IPv4Address) -> str:
    """RFC 790, as the kernel's ipconfig does."""
    first = found.packed[0]
    return "8" if first < 128 else "16" if first < 192 else "24"


def _second(notes: Notes, request: LinkRequest, text: str) -> LinkRequest:
    """The peer of a point-to-point link, else the server."""
    expected = f"the address of the server or peer in the second field, not {text!r}"
    plain, slash, length = fields.bare(text).partition("/")
    found = fields.address(plain)
    if found is None or not _in_brackets(text):
        notes.add(expected)
        return request
    address = request.address
    whole = found.max_prefixlen
    if slash or (address is not None and address.network.prefixlen == whole):
        try:
            peer: IPv4Interface | IPv6Interface = ip_interface(f"{found}/{length or whole}")
        except ValueError:
            notes.add(expected)
            return request
        return request._replace(peer=peer)
    return request if found.is_unspecified else request._replace(server=found)


def _rest(notes: Notes, request: LinkRequest, rest: list[str]) -> LinkRequest:
    """What follows the method."""
    if not any(rest):
        return request
    if not any(fields.address(each) for each in rest[:3]):
        return _sizes(notes, request, rest)
    if any(rest[3:]):
        notes.add("at most two name servers and a time server at the end")
    dns = [_server(notes, each, "eighth or ninth") for each in rest[:2] if each]
    ntp = [_server(notes, each, "tenth") for each in rest[2:3] if each]
    return request._replace(dns=tuple(filter(None, dns)), ntp=tuple(filter(None, ntp)))


def _sizes(notes: Notes, request: LinkRequest, rest: list[str]) -> LinkRequest:
    """[MTU][:MAC]"""
    text, hardware = (rest[0] if rest else ""), ":".join(rest[1:]).rstrip(":")
    if text:
        size = fields.mtu(text)
        if size is None:
            notes.add(f"an MTU or the address of a name server, not {text!r}")
        request = request._replace(mtu=size)
    if hardware:
        found = fields.mac(hardware)
        if found is None or len(found) != len("00:00:00:00:00:00"):  # InfiniBand's is not set
            notes.add(f"a MAC address at the end, not {hardware!r}")
        else:
            request = request._replace(mac=found)
    return request
