"""What /etc/iscsi/iscsid.conf of the image says of sessions: logins, timeouts, digests.

iscsiadm has it in the records that it makes itself (idbm_sync_config() of open-iscsi's idbm.c). The
engine leaves it records, so it reads the file. The command line and the firmware go before it.
"""

import re
from collections.abc import Mapping

from initpy.config.errors import InputError
from initpy.core.netsettings import Chap, Iscsi, IscsiRoot
from initpy.core.network.iscsiname import secret
from initpy.core.settings import Settings

PATH = "/etc/iscsi/iscsid.conf"
PREFIX, LOGIN = "node.", "node.session.auth."
WAYS = (("username", "password"), ("username_in", "password_in"))
# When and how often a session is begun is the engine's; a unit that is not scanned is none.
OWN = ("node.startup", "node.leading_login", "node.session.scan", "node.session.nr_sessions")
EXPECTED = "NAME = VALUE, with a blank before the sign"
ENDED = "a line of less than 2048 letters, none of them a zero byte, that ends with a newline"
# The letter after a name is skipped, be it a blank or a sign: NAME=VALUE has none, NAME==VALUE has.
LINE = re.compile(r"\s*([^\s=#][^\s=]*)[\s=]\s*=\s*(\S|\S.*\S)\s*", re.ASCII)
LONGEST = 2046


def records(text: str) -> tuple[dict[str, str], list[InputError]]:
    """Return the names and values; lines are divided as idbm_recinfo_config() does it."""
    found, problems = dict[str, str](), list[InputError]()
    *lines, rest = text.split("\n")
    for number, line in enumerate((*lines, rest), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        cut = number > len(lines) or len(line) > LONGEST or "\0" in line
        if cut or (words := LINE.fullmatch(line)) is None:
            name = re.split(r"[\s=]", line.strip(), maxsplit=1)[0]
            shown = name if "auth" not in name else "…"
            expected = f"{ENDED}; it is ignored" if cut else EXPECTED
            problems.append(InputError(f"{PATH}:{number}", shown[:60], expected))
        else:
            found[words[1]] = words[2][:255]
    return found, problems


def without_secrets(text: str) -> str:
    """Return the lines that count, without the passwords: what a journal needs."""
    found, _ = records(text)
    kept = {name: value for name, value in found.items() if name.startswith(PREFIX)}
    hidden = (f"{LOGIN}{word}" for _, word in WAYS)
    kept |= {name: "…" for name in hidden if name in kept}
    return "".join(f"{name} = {value}\n" for name, value in kept.items())


def may_count(settings: Settings) -> bool:
    """Return whether there may be a session."""
    network = settings.network
    if network is None:
        return False
    named = any(isinstance(each, IscsiRoot) for each in network.targets)
    return named or network.from_dhcp or network.iscsi.firmware


def applied(
    settings: Settings, files: Mapping[str, str]
) -> tuple[Settings, tuple[InputError, ...]]:
    """Return the settings with what the file says, if it is among `files`, and what is malformed.

    A login is for targets that the command line gives none.
    """
    network, text = settings.network, files.get(PATH)
    if network is None or text is None or not may_count(settings):
        return settings, ()
    found, problems = records(text)
    login = _login(found, network.iscsi, problems)
    more = tuple(
        (name, value)
        for name, value in found.items()
        if name.startswith(PREFIX) and not name.startswith(LOGIN) and name not in OWN
    )
    targets = tuple(
        each._replace(login=login)
        if isinstance(each, IscsiRoot) and not each.login.username
        else each
        for each in network.targets
    )
    iscsi = network.iscsi._replace(login=login, of_file=more)
    network = network._replace(iscsi=iscsi, targets=targets)
    return settings._replace(network=network), tuple(problems)


def _login(found: Mapping[str, str], given: Iscsi, problems: list[InputError]) -> Chap:
    """The login of the command line, else that of the file; without CHAP it says of none."""
    if given.login.username or found.get(f"{LOGIN}authmethod", "None") != "CHAP":
        return given.login
    words = [found.get(f"{LOGIN}{word}", "") for way in WAYS for word in way]
    user, password, user_in, password_in = words
    if bool(user) != bool(password) or bool(user_in) != bool(password_in) or not user:
        told = "username and password together, with authmethod = CHAP"
        problems.append(InputError(f"{PATH}: {LOGIN}…", "", told))
        return given.login
    return Chap(user, secret(password), user_in, secret(password_in))
