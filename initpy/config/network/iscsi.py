"""iSCSI targets: `netroot=iscsi:…`, `rd.iscsi.*`, Debian's `iscsi_*` and iscsi.initramfs.

RFC 4173 and dracut.cmdline(7):
[USER:PASSWORD[:USER:PASSWORD]@][SERVER]:[PROTOCOL]:[PORT][:[IFACE]:[NETDEV]]:[LUN]:TARGET.
README.Debian of open-iscsi for the names that Debian reads.
"""

import re

from initpy.config.commandline import Parameter
from initpy.config.network import fields
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.netsettings import Chap, IscsiRoot
from initpy.core.secret import Secret

FORM = (
    "iscsi:[USER:PASSWORD[:USER:PASSWORD]@]SERVER:[6]:[PORT]:[LUN]:TARGET, "
    "an IPv6 server in brackets"
)
TCP = ("", "6", "TCP", "tcp")
# RFC 3720 and 3980: the names of targets and initiators.
IQN = re.compile(r"iqn\.[0-9]{4}-[0-9]{2}\.\S+|eui\.[0-9A-Fa-f]{16}|naa\.[0-9A-Fa-f]{16,32}", re.I)
NAME = "a name that begins with iqn., eui. or naa."
# The eight bytes of SAM, of which those to the right may be left out.
SAM_LUN = re.compile(r"(?:0x)?[0-9a-fA-F]{1,4}(-[0-9a-fA-F]{1,4}){1,3}")
LOGIN = ("username", "password", "username_in", "password_in")  # open-iscsi's words
FILE = "/etc/iscsi.initramfs"  # in the image, as Debian's hook calls it


def read(parameter: Parameter, text: str) -> IscsiRoot:
    """Return the target that the text after `iscsi:` names."""
    login, at, rest = text.rpartition("@")
    chap = credentials(parameter, login) if at and login else Chap()
    parts = fields.split(rest)
    # No field before the target's name begins so, and the name may have colons.
    start = next((n for n, each in enumerate(parts) if IQN.match(":".join(parts[n:]))), 4)
    before, target = parts[:start], ":".join(parts[start:])
    if not 4 <= len(before) <= 6 or (target and not IQN.fullmatch(target)):
        raise parameter.error(FORM)
    server, protocol, port = before[:3]
    lun = before[-1]
    interface, link = before[3:5] if len(before) == 6 else ("", "".join(before[3:-1]))
    if protocol not in TCP:
        raise parameter.error("6 (TCP) as the protocol of an iSCSI target")
    if not target:
        raise parameter.error(f"{FORM} (the target's name is missing)")
    return IscsiRoot(
        server=_server(parameter, server),
        port=_number(parameter, port, fields.PORTS, 3260, "a port"),
        target=target,
        lun=_lun(parameter, lun),
        login=chap,
        interface=interface,
        link=link,
    )


def credentials(parameter: Parameter, text: str) -> Chap:
    """USER:PASSWORD of this machine, then those by which the target shows who it is."""
    parts = text.split(":")
    if len(parts) not in (2, 4) or not all(parts):
        raise parameter.error("USER:PASSWORD or USER:PASSWORD:USER:PASSWORD before the @")
    own, back = parts[:2], parts[2:] or ["", ""]
    return Chap(own[0], _secret(own[1]), back[0], _secret(back[1]))


def _secret(text: str) -> Secret | None:
    return Secret(text.encode("utf-8", "surrogateescape")) if text else None


def _server(parameter: Parameter, text: str) -> str:
    if not text:
        return ""
    found = fields.server(text)
    if found is None:
        raise parameter.error(FORM)
    return found


def _number(parameter: Parameter, text: str, among: range, default: int, what: str) -> int:
    if not text:
        return default
    found = fields.number(text, among)
    if found is None:
        raise parameter.error(f"{what} from {among[0]} to {among[-1]}, not {text!r}")
    return found


def _lun(parameter: Parameter, text: str) -> int:
    """A decimal number, or the bytes as RFC 4173 has them: scsilun_to_int() of the kernel."""
    if SAM_LUN.fullmatch(text):
        first = text.removeprefix("0x").split("-")[0]
        return int(first, 16) & 0x3FFF
    return _number(parameter, text, range(16384), 0, "a LUN")


def device(target: IscsiRoot) -> DeviceSpec | None:
    """The name that udev gives the unit of a target; None if the server has no address yet.

    path_id of udev: the address is the portal's, as it was told when the session began.
    """
    address = fields.address(target.server)
    if address is None:
        return None
    # format_lun_number() of udev
    lun = str(target.lun) if target.lun < 256 else f"0x{target.lun:04x}000000000000"
    place = f"ip-{address}:{target.port}-iscsi-{target.target}-lun-{lun}"
    return DeviceSpec(Naming.PATH, f"/dev/disk/by-path/{place}")


def initiator(parameter: Parameter) -> str:
    """The name of this machine."""
    name = parameter.text(NAME)
    if not IQN.fullmatch(name):
        raise parameter.error(NAME)
    return name


def record(parameter: Parameter) -> tuple[str, str]:
    """`rd.iscsi.param=`: a record of open-iscsi and its value."""
    name, equals, value = (parameter.value or "").partition("=")
    if not equals or not re.fullmatch(r"[a-z][A-Za-z0-9_.\[\]]*", name) or not value:
        raise parameter.error("RECORD=VALUE, as in node.session.timeo.replacement_timeout=30")
    return name, value


def named(given: dict[str, Parameter]) -> tuple[IscsiRoot, ...]:
    """The targets of separate parameters (keys: name, ip, port, group and those of the login).

    Several addresses, with blanks between them, are portals of one target (README.Debian).
    """
    name = given.get("name")
    if name is None:
        return ()
    target = initiator(name)
    address = given.get("ip")
    words = (address.value or "").split() if address is not None else [""]
    port, group = given.get("port"), given.get("group")
    found = []
    for word in words or [""]:
        where = address or name
        server = fields.server(word) if word else ""
        if server is None:
            raise where.error("the address of an iSCSI server")
        found.append(
            IscsiRoot(
                server,
                _number(port, port.value or "", fields.PORTS, 3260, "a port") if port else 3260,
                target,
                group=_number(group, group.value or "", range(1, 65536), 1, "a portal group")
                if group
                else 1,
            )
        )
    return tuple(found)


def login(given: dict[str, Parameter]) -> Chap:
    """The login of separate parameters; half of one is an error."""
    found: dict[str, str] = {}
    for key in LOGIN:
        if key in given:
            found[key] = given[key].text("a name or password, not nothing")
    for user, password in (("username", "password"), ("username_in", "password_in")):
        if (user in found) != (password in found):
            half = given[user if user in found else password]
            raise half.error(f"it together with the {password if user in found else user}")
    if "username_in" in found and "username" not in found:
        raise given["username_in"].error("a login of this machine beside that of the target")
    return Chap(
        found.get("username", ""),
        _secret(found.get("password", "")),
        found.get("username_in", ""),
        _secret(found.get("password_in", "")),
    )


def file_parameters(path: str, text: str) -> list[Parameter]:
    """The settings of Debian's iscsi.initramfs, in the names of the command line.

    It is a piece of shell with assignments: quotes around values, comments. Anything else in it
    is no setting.
    """
    found = []
    for line in text.splitlines():
        match = re.fullmatch(r"\s*(ISCSI_[A-Z_]+)=(\"[^\"]*\"|'[^']*'|\S*)\s*(#.*)?", line)
        if match:
            found.append(Parameter(match[1].lower(), match[2].strip("\"'"), path))
    return found
