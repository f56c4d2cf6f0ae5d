"""The machine's name as users write it: /etc/hostname (hostname(5)). PID 1 imports this module."""

from initpy.config.textlines import lines

IN_IMAGE = "/etc/hostname"
LONGEST = 64  # HOST_NAME_MAX
EXPECTED = f"a host name: at most {LONGEST} letters, digits, '-', '_' and '.'"


def is_valid(name: str) -> bool:
    """Return whether this can be the name of a host (hostname(7); the kernel takes `_` too)."""
    return (
        0 < len(name) <= LONGEST
        and name.isascii()
        and name[0].isalnum()
        and all(each.isalnum() or each in "-_." for each in name)
    )


def written(text: str) -> str:
    """Return the first line without a comment in the text of an /etc/hostname.

    A zero byte or carriage return ends a line, too: read_etc_hostname() of systemd.
    """
    text = text.replace("\0", "\n").replace("\r", "\n")
    words = (line.strip() for line in lines(text))
    return next((line for line in words if line and not line.startswith("#")), "")


def of_file(text: str) -> str:
    """Return the name that the real system takes from the text of an /etc/hostname, or ""."""
    return _cleaned(written(text))


def _cleaned(text: str) -> str:
    """Return what systemd makes of a name, by which mdadm then names arrays: `a_b ` is `ab`.

    Letters, digits, hyphens and dots stay; a dot follows neither a dot nor a hyphen, a hyphen
    follows no dot, and neither is at an end: hostname_cleanup().
    """
    found = ""
    for each in text:
        last = found[-1:] or "."
        known = each.isascii() and each.isalnum()
        if known or (each == "-" and last != ".") or (each == "." and last not in ".-"):
            found += each
        if len(found) == LONGEST:
            break
    return found.rstrip(".-")
