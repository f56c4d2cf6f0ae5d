"""The firmware's table for iSCSI boot (iBFT), as the kernel shows it in /sys/firmware/ibft.

Documentation/ABI/testing/sysfs-ibft of the kernel; the table itself is Microsoft's and IBM's. Of
the flags, bit 0 says that a block is valid, bit 1 that the firmware has booted from it.
"""

import re
from collections.abc import Mapping
from ipaddress import ip_interface

from initpy.config.errors import InputError
from initpy.config.network import fields, iscsi
from initpy.config.network.tablelinks import meant
from initpy.core.netsettings import Chap, IPAddress, IscsiRoot, LinkMatch, LinkRequest, Method
from initpy.core.secret import Secret
from initpy.core.settings import Settings
from initpy.core.tuples import NamedTuple

FOLDER = "/sys/firmware/ibft"
VALID, BOOTED_FROM = 1, 2
FROM_DHCP = "3"  # of `origin`
CHAP, MUTUAL_CHAP = "1", "2"
SECRETS = ("chap-secret", "rev-chap-name-secret")


class Firmware(NamedTuple):
    """What the table says; `problems` are values in it that cannot be used."""

    links: tuple[LinkRequest, ...] = ()
    targets: tuple[IscsiRoot, ...] = ()
    initiator: str = ""
    problems: tuple[InputError, ...] = ()


def read(files: Mapping[str, str], *, every_link: bool = False) -> Firmware:
    """Return what the table says, from its files by path below its folder (`ethernet0/mac`).

    Without `every_link` (rd.iscsi.mp) only links are taken that the firmware has booted from.
    """
    links: list[LinkRequest] = []
    targets: list[IscsiRoot] = []
    problems: list[InputError] = []
    for block in sorted({path.partition("/")[0] for path in files}):
        known = {
            path.partition("/")[2]: text.strip("\0\n ")
            for path, text in files.items()
            if path.startswith(f"{block}/")
        }
        flags = fields.number(known.get("flags", "0"), range(256)) or 0
        try:
            if block.startswith("ethernet") and flags & VALID:
                if every_link or flags & BOOTED_FROM:
                    links.append(_link(block, known))
            elif block.startswith("target") and flags & VALID:
                targets.append(_target(block, known))
        except InputError as error:
            problems.append(error)
    name = files.get("initiator/initiator-name", "").strip("\0\n ")
    if name and not iscsi.IQN.fullmatch(name):
        problems.append(_error("initiator", "initiator-name", name, iscsi.NAME))
        name = ""
    return Firmware(tuple(links), tuple(targets), name, tuple(problems))


def without_secrets(files: Mapping[str, str]) -> dict[str, str]:
    """Return the files that a journal may have."""
    return {path: text for path, text in files.items() if path.rpartition("/")[2] not in SECRETS}


def applied(
    settings: Settings, files: Mapping[str, str]
) -> tuple[Settings, tuple[InputError, ...]]:
    """Return the settings with what the table says, and what of it cannot be used."""
    network = settings.network
    if network is None or not network.may_need_firmware:
        return settings, ()
    table = read(files, every_link=network.iscsi.all_firmware_links)
    problems = list(table.problems)
    if not files:
        problems.append(InputError(FOLDER, "", "the firmware's table for iSCSI (iBFT)"))
    there = list(table.links)
    links = [each for each in network.links if each.method is not Method.IBFT]
    for each in network.links:
        if each.method is Method.IBFT:
            links += meant(each, there)
    if network.iscsi.firmware or network.iscsi.firmware_links:
        links += there
    defaulted = not links and network.root_needs_link
    iscsi_settings = network.iscsi
    if not iscsi_settings.initiator:
        iscsi_settings = iscsi_settings._replace(initiator=table.initiator)
    network = network._replace(
        links=(LinkRequest(),) if defaulted else tuple(dict.fromkeys(links)),
        defaulted=network.defaulted or defaulted,
        targets=(*network.targets, *(table.targets if network.iscsi.firmware else ())),
        iscsi=iscsi_settings,
    )
    return settings._replace(network=network), tuple(problems)


def _error(block: str, name: str, value: str, expected: str) -> InputError:
    return InputError(f"{FOLDER}/{block}/{name}", value, expected)


def _link(block: str, known: Mapping[str, str]) -> LinkRequest:
    mac = fields.mac(known.get("mac", ""))
    if mac is None:
        raise _error(block, "mac", known.get("mac", ""), "a MAC address")
    vlan = fields.number(known.get("vlan", "0"), range(4095))
    request = LinkRequest(LinkMatch(mac=mac), vlan=vlan or None)
    address = fields.address(known.get("ip-addr", ""))
    leased = known.get("origin") == FROM_DHCP or _given(known, "dhcp") is not None
    if leased or address is None or address.is_unspecified:
        six = ":" in known.get("ip-addr", "")
        return request._replace(method=Method.DHCP6 if six else Method.DHCP)
    prefix = known.get("prefix-len") or known.get("subnet-mask") or "64"
    try:
        interface = ip_interface(f"{address}/{prefix}")
    except ValueError:
        raise _error(block, "subnet-mask", prefix, "a netmask or prefix length") from None
    servers = (_given(known, "primary-dns"), _given(known, "secondary-dns"))
    host = known.get("hostname", "")
    return request._replace(
        method=Method.STATIC,
        address=interface,
        gateway=_given(known, "gateway"),
        dns=tuple(each for each in servers if each is not None),
        hostname=host if fields.HOST.fullmatch(host) else "",
    )


def _given(known: Mapping[str, str], name: str) -> IPAddress | None:
    """An address of the table, None for none: the firmware writes 0.0.0.0 then."""
    found = fields.address(known.get(name, ""))
    return None if found is None or found.is_unspecified else found


def _target(block: str, known: Mapping[str, str]) -> IscsiRoot:
    name, address = known.get("target-name", ""), _given(known, "ip-addr")
    if not iscsi.IQN.fullmatch(name):
        raise _error(block, "target-name", name, iscsi.NAME)
    if address is None:
        raise _error(block, "ip-addr", known.get("ip-addr", ""), "the address of the target")
    port = fields.number(known.get("port", "3260"), fields.PORTS)
    if port is None:
        raise _error(block, "port", known.get("port", ""), "a port from 1 to 65535")
    return IscsiRoot(str(address), port, name, _lun(known.get("lun", "")), login=_login(known))


def _lun(text: str) -> int:
    """The kernel writes the eight bytes of the LUN in hexadecimal, without leading zeros.

    The second is the number, as long as it has at most 255 units; all others are 0 then.
    """
    found = re.fullmatch("0([0-9a-f]{1,2})000000", text.lower())
    return int(found[1], 16) if found else 0


def _login(known: Mapping[str, str]) -> Chap:
    kind = known.get("chap-type", "")
    if kind not in (CHAP, MUTUAL_CHAP):
        return Chap()
    own = Chap(known.get("chap-name", ""), _secret(known.get("chap-secret", "")))
    if kind == CHAP:
        return own
    return own._replace(
        username_in=known.get("rev-chap-name", ""),
        password_in=_secret(known.get("rev-chap-name-secret", "")),
    )


def _secret(text: str) -> Secret | None:
    return Secret(text.encode("utf-8", "surrogateescape")) if text else None
