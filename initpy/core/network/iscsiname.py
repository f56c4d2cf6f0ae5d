"""The name of an iSCSI root: RFC 4173, as dracut.cmdline(7) has it, from the user or a lease.

[USER:PASSWORD[:USER:PASSWORD]@][SERVER]:[PROTOCOL]:[PORT][:[IFACE]:[NETDEV]]:[LUN]:TARGET
"""

import re

from initpy.core import netfields as fields
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.netsettings import Chap, IscsiRoot
from initpy.core.network.iscsilogin import divided
from initpy.core.secret import Secret

FORM = (
    "iscsi:[USER:PASSWORD[:USER:PASSWORD]@]SERVER:[6]:[PORT]:[LUN]:TARGET, "
    "an IPv6 server in brackets"
)
TCP = ("", "6", "TCP", "tcp")
# RFC 3720 and 3980: the names of targets and initiators.
# Some targets have no date in theirs.
IQN = re.compile(r"iqn\.\S+|eui\.[0-9A-Fa-f]{16}|naa\.[0-9A-Fa-f]{16,32}", re.I)
# The eight bytes of SAM, of which those to the right may be left out; one part alone is decimal, as
# dracut has it, unless it has a letter.
SAM_LUN = re.compile(
    r"(?:0x)?[0-9a-fA-F]{1,4}(-[0-9a-fA-F]{1,4}){1,3}|(?=.*[a-fA-F])[0-9a-fA-F]{1,4}"
)


class IscsiNameError(ValueError):
    """It is no name of an iSCSI root; the message says what was expected."""


def parse(text: str) -> IscsiRoot:
    """Return the target that the text after `iscsi:` names. Raises IscsiNameError."""
    login, rest = divided(text)
    chap = credentials(login) if login else Chap()
    parts = fields.split(rest)
    # No field before the target's name begins so, and the name may have colons.
    start = next((n for n, each in enumerate(parts) if IQN.match(":".join(parts[n:]))), 4)
    before, target = parts[:start], ":".join(parts[start:])
    if not 4 <= len(before) <= 6 or (target and not IQN.fullmatch(target)):
        raise IscsiNameError(FORM)
    server, protocol, port = before[:3]
    interface, link = before[3:5] if len(before) == 6 else ("", "".join(before[3:-1]))
    if len(before) == 6 and not (interface or link) and _is_bare_ipv6(before):
        raise IscsiNameError(FORM)
    if protocol not in TCP:
        raise IscsiNameError("6 (TCP) as the protocol of an iSCSI target")
    if not target:
        raise IscsiNameError(f"{FORM} (the target's name is missing)")
    found = fields.server(server) if server else ""
    if found is None:
        raise IscsiNameError(FORM)
    return IscsiRoot(
        server=found,
        port=_number(port, fields.PORTS, 3260, "a port"),
        target=target,
        lun=_lun(before[-1]),
        login=chap,
        interface=interface,
        link=link,
    )


def _is_bare_ipv6(parts: list[str]) -> bool:
    """Whether the first fields are an address with `::` and no brackets, as in fd00::1."""
    found = (fields.address(":".join(parts[:count])) for count in (3, 4, 5))
    return any(each is not None and each.version == 6 for each in found)


def credentials(text: str) -> Chap:
    """USER:PASSWORD of this machine, then those by which the target shows who it is."""
    parts = text.split(":")
    if len(parts) not in (2, 4) or not all(parts):
        raise IscsiNameError("USER:PASSWORD or USER:PASSWORD:USER:PASSWORD before the @")
    own, back = parts[:2], parts[2:] or ["", ""]
    return Chap(own[0], secret(own[1]), back[0], secret(back[1]))


def secret(text: str) -> Secret | None:
    """Return a password, None for an empty text."""
    return Secret(text.encode("utf-8", "surrogateescape")) if text else None


def _number(text: str, among: range, default: int, what: str) -> int:
    if not text:
        return default
    found = fields.number(text, among)
    if found is None:
        raise IscsiNameError(f"{what} from {among[0]} to {among[-1]}, not {text!r}")
    return found


def _lun(text: str) -> int:
    """A decimal number, or the bytes as RFC 4173 has them: scsilun_to_int() of the kernel."""
    if SAM_LUN.fullmatch(text):
        parts = text.removeprefix("0x").split("-")
        return sum(int(part, 16) << (16 * place) for place, part in enumerate(parts))
    return _number(text, range(1 << 16), 0, "a LUN")


def device(target: IscsiRoot) -> DeviceSpec | None:
    """The name that udev gives the unit of a target; None if the server is not known yet.

    path_id of udev: the address is the portal's, as it was told when the session began; so the
    name of a host stays one.
    """
    if not target.server or not target.target:
        return None
    # format_lun_number() of udev
    low, high = target.lun & 0xFFFF, target.lun >> 16 & 0xFFFF
    lun = str(target.lun) if target.lun < 256 else f"0x{low:04x}{high:04x}00000000"
    server = target.server.replace("%", "_")  # as udev does with what no link may have
    place = f"ip-{server}:{target.port}-iscsi-{target.target}-lun-{lun}"
    return DeviceSpec(Naming.PATH, f"/dev/disk/by-path/{place}")
