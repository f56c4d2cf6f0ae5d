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


def of_file(text: str) -> str:
    """Return the name in the text of an /etc/hostname: its first line without a comment."""
    words = (line.strip() for line in lines(text))
    return next((line for line in words if line and not line.startswith("#")), "")
