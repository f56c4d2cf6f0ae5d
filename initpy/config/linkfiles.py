"""Reads what files of the real system's networkd are for: systemd.network(5), systemd.netdev(5).

They are networkd's to complain about: what is not understood counts as a further condition.
"""

from initpy.core.network.linkfiles import NETDEV, LinkFile, digits

# Types of links that no root stands on here (networkctl(1)).
NEVER = {"wlan", "wwan", "loopback", "tunnel", "none"}
MACS = ("MACAddress", "PermanentMACAddress")


def parse(name: str, text: str) -> LinkFile | None:
    """Return what a file of this name is for; None if that is no link that a root stands on."""
    if name.endswith(NETDEV):
        made = _section(text, "[NetDev]").get("Name", [])
        return LinkFile(name, tuple(made[-1:])) if made else None
    wanted = {key: words for key, words in _section(text, "[Match]").items() if words}
    types = wanted.pop("Type", [])
    if not (wanted or types) or (types and set(types) <= NEVER):
        return None
    names = tuple(wanted.pop("Name", ()))
    macs = tuple(digits(each) for key in MACS for each in wanted.pop(key, ()))
    return LinkFile(name, names, macs, bool(wanted) or types not in ([], ["ether"]))


def _section(text: str, wanted: str) -> dict[str, list[str]]:
    """Return the words of each key in a section; an empty value clears those before it."""
    found: dict[str, list[str]] = {}
    section = ""
    for line in text.replace("\\\n", " ").splitlines():
        line = line.strip()
        if line.startswith("["):
            section = line
        elif section == wanted and line and line[0] not in "#;":
            key, _, value = (part.strip() for part in line.partition("="))
            words = found.setdefault(key, [])
            if value:
                words += value.split()
            else:
                words.clear()
    return found
