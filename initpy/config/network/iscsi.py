"""iSCSI targets: `netroot=iscsi:…`, `rd.iscsi.*`, Debian's `iscsi_*` and iscsi.initramfs.

The grammar of `iscsi:…` is that of `core.network.iscsiname`; README.Debian of open-iscsi has
the names that Debian reads.
"""

import re

from initpy.config.commandline import Parameter
from initpy.config.errors import InputError
from initpy.config.network import fields
from initpy.core.netsettings import Chap, IscsiRoot
from initpy.core.network import iscsiname
from initpy.core.network.iscsiname import IQN as IQN
from initpy.core.network.iscsiname import device as device
from initpy.core.network.iscsiname import secret

NAME = "a name that begins with iqn., eui. or naa."
LOGIN = ("username", "password", "username_in", "password_in")  # open-iscsi's words
FILE = "/etc/iscsi/iscsi.initramfs"
GROUPS = range(1, 65536)


def read(parameter: Parameter, text: str) -> IscsiRoot:
    """Return the target that the text after `iscsi:` names."""
    try:
        return iscsiname.parse(text)
    except iscsiname.IscsiNameError as error:
        raise parameter.error(str(error)) from None


def _or_default(
    parameter: Parameter | None, among: range, default: int, what: str, problems: list[InputError]
) -> int:
    if parameter is None or not parameter.value:
        return default
    found = fields.number(parameter.value, among)
    if found is None:
        told = f"{what} from {among[0]} to {among[-1]}; {default} is tried"
        problems.append(parameter.error(told))
        return default
    return found


def target_name(parameter: Parameter) -> str:
    """The name of a target."""
    name = parameter.text(NAME)
    if not IQN.fullmatch(name):
        raise parameter.error(NAME)
    return name


def own_name(parameter: Parameter) -> tuple[str, InputError | None]:
    """The name of this machine, and a note if it is not of the form; many targets take any."""
    name = parameter.text(NAME)
    if IQN.fullmatch(name):
        return name, None
    if not re.fullmatch(r"[0-9A-Za-z][0-9A-Za-z.:_-]{0,222}", name):
        raise parameter.error(NAME)
    return name, parameter.error(f"{NAME}; it is used all the same")


def record(parameter: Parameter) -> tuple[str, str]:
    """`rd.iscsi.param=`: a record of open-iscsi and its value."""
    name, equals, value = (parameter.value or "").partition("=")
    if not equals or not re.fullmatch(r"[a-z][A-Za-z0-9_.\[\]]*", name) or not value:
        raise parameter.error("RECORD=VALUE, as in node.session.timeo.replacement_timeout=30")
    return name, value


def named(given: dict[str, Parameter], problems: list[InputError]) -> tuple[IscsiRoot, ...]:
    """The targets of separate parameters (keys: name, ip, port, group and those of the login).

    Several addresses, with blanks between them, are portals of one target (README.Debian). Without
    a name all targets are meant that a portal names in its discovery. A port or group that is not
    understood is a problem; its default counts.
    """
    name, address = given.get("name"), given.get("ip")
    said = name or address
    if said is None:
        return ()
    target = target_name(name) if name is not None else ""
    words = (address.value or "").split() if address is not None else [""]
    port = _or_default(given.get("port"), fields.PORTS, 3260, "a port", problems)
    group = _or_default(given.get("group"), GROUPS, 1, "a portal group", problems)
    found = []
    for word in words or [""]:
        where = address or said
        server = fields.server(word) if word else ""
        if server is None:
            raise where.error("the address of an iSCSI server")
        found.append(IscsiRoot(server, port, target, group=group))
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
            names = ("username", "password") if user in found else ("password", "username")
            raise half.error(f"it together with {half.key.replace(*names)}=")
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
        match = re.fullmatch(
            r"\s*(?:export\s+)?(ISCSI_[A-Z_]+)=(\"[^\"]*\"|'[^']*'|[^\s;#]*)[\s;]*(#.*)?", line
        )
        if match:
            found.append(Parameter(match[1].lower(), match[2].strip("\"'"), path))
    return found


def default_parameters(text: str) -> str:
    """Return the settings of Debian's iscsi.initramfs as a piece of a command line.

    A value with a double quote cannot be written there, and is left out. So is $InitiatorName, with
    which some take the name of this machine from open-iscsi's own file: the image has it.
    """
    words = []
    for each in file_parameters(FILE, text):
        if each.key == "iscsi_auto":  # any value is a yes
            words.extend(["iscsi_auto"] if each.value else [])
        elif each.value and '"' not in each.value and "$InitiatorName" not in each.value:
            words.append(f'{each.key}="{each.value}"')
    return "".join(f"{word}\n" for word in words)
