"""Where the login ends in the name of an iSCSI root; for those, too, who only hide it."""

import re

from initpy.core.secret import HIDDEN

# Where a target's name begins: RFC 3720 and 3980.
NAME = re.compile(r"(?<=:)(?:iqn|eui|naa)\.", re.I)
FIELDS_BEFORE = 4  # server, protocol, port, LUN


def divided(text: str) -> tuple[str, str]:
    """Return the login in `USER:PASSWORD@SERVER:…:TARGET` and what follows its `@`.

    A password may have an `@`, and so has the name of some targets.
    """
    for found in NAME.finditer(text):
        login, _, server = text[: found.start()].rpartition("@")
        if server.count(":") >= FIELDS_BEFORE:
            return login, server + text[found.start() :]
    login, _, rest = text.rpartition("@")
    return login, rest


def without_login(text: str) -> str:
    """Return `[USER:PASSWORD[:REVERSE:PASSWORD]@]SERVER:…` without the passwords."""
    login, rest = divided(text)
    fields = login.split(":")
    if not login:
        return text if "@" in text else _unfinished(text)
    if len(fields) == 1:
        return text
    kept = [fields[0], HIDDEN, *((fields[2], HIDDEN) if len(fields) == 4 else ())]
    return f"{':'.join(kept)}@{rest}"


def _unfinished(text: str) -> str:
    """`USER:PASSWORD` of which the rest is missing; the second field of a server is a number."""
    fields = text.split(":")
    second = fields[1] if 1 < len(fields) < 5 else ""
    if not second or second.isdigit() or second.lower() == "tcp":
        return text
    return f"{fields[0]}:{HIDDEN}"
