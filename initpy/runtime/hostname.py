"""Name the machine before its first mdadm runs: PID 1 does this, so it imports nothing.

mdadm compares an array's homehost with all of gethostname(2) (mdadm.c, match_home1 in super1.c).
As in systemd's hostname-setup.c, `systemd.hostname=` goes before /etc/hostname. Without both the
name stays the kernel's: "(none)", or what its parameter `hostname=` says.
"""

from collections.abc import Callable

IN_IMAGE = "/etc/hostname"
COMMAND_LINE = "/proc/cmdline"
IN_KERNEL = "/proc/sys/kernel/hostname"
PARAMETER = "systemd.hostname"
LONGEST = 64  # HOST_NAME_MAX


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
    lines = (line.strip() for line in text.splitlines())
    return next((line for line in lines if line and not line.startswith("#")), "")


def of_command_line(text: str) -> str | None:
    """Return the last value of the parameter; None without it."""
    found = None
    for word in text.replace('"', "").split():
        if word == "--":  # what follows is for the real init
            break
        key, equals, value = word.partition("=")
        if key == PARAMETER and equals:
            found = value
    return found


def take_name(say: Callable[[str], object]) -> None:
    """Set the machine's name; say what is no name, or cannot be set."""
    given = of_command_line(_read(COMMAND_LINE))
    if given is not None and not is_valid(given):
        say(f"command line: {PARAMETER}: got {given!r}, expected a host name; it is ignored")
        given = None
    name = given or of_file(_read(IN_IMAGE))
    if name and not is_valid(name):
        say(f"{IN_IMAGE}: got {name!r}, expected a host name; it is ignored")
    elif name:
        try:
            with open(IN_KERNEL, "w", encoding="ascii") as file:
                file.write(name)
        except OSError as error:
            say(f"cannot set the host name: {error.strerror}")


def _read(path: str) -> str:
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(65536)
    except OSError:
        return ""
