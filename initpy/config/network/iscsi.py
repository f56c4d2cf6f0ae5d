"""iSCSI targets: `netroot=iscsi:…`, `rd.iscsi.*`, Debian's `iscsi_*` and iscsi.initramfs.

The grammar of `iscsi:…` is that of `core.network.iscsiname`; README.Debian of open-iscsi has
the names that Debian reads.
"""

import re

from initpy.config.commandline import Parameter
from initpy.config.network import fields
from initpy.core.netsettings import Chap, IscsiRoot
from initpy.core.network import iscsiname
from initpy.core.network.iscsiname import IQN as IQN
from initpy.core.network.iscsiname import device as device
from initpy.core.network.iscsiname import secret

NAME = "a name that begins with iqn., eui. or naa."
LOGIN = ("username", "password", "username_in", "password_in")  # open-iscsi's words
FILE = "/etc/iscsi.initramfs"  # in the image, as Debian's hook calls it


def read(parameter: Parameter, text: str) -> IscsiRoot:
    """Return the target that the text after `iscsi:` names."""
    try:
        return iscsiname.parse(text)
    except iscsiname.IscsiNameError as error:
        raise parameter.error(str(error)) from None


def _number(parameter: Parameter, text: str, among: range, default: int, what: str) -> int:
    if not text:
        return default
    found = fields.number(text, among)
    if found is None:
        raise parameter.error(f"{what} from {among[0]} to {among[-1]}, not {text!r}")
    return found


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

    Several addresses, with blanks between them, are portals of one target (README.Debian). Without
    a name all targets are meant that a portal names in its discovery.
    """
    name, address = given.get("name"), given.get("ip")
    said = name or address
    if said is None:
        return ()
    target = initiator(name) if name is not None else ""
    words = (address.value or "").split() if address is not None else [""]
    port, group = given.get("port"), given.get("group")
    found = []
    for word in words or [""]:
        where = address or said
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
        secret(found.get("password", "")),
        found.get("username_in", ""),
        secret(found.get("password_in", "")),
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
