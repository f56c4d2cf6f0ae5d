"""Name the machine before its first mdadm runs. PID 1 does this, so it imports next to nothing.

mdadm compares an array's homehost with all of gethostname(2) (mdadm.c, match_home1 in super1.c).
As in systemd's hostname-setup.c, `systemd.hostname=` goes before /etc/hostname. Without both the
name stays the kernel's: "(none)", or what its parameter `hostname=` says.
"""

from collections.abc import Callable

from initpy.config.hostname import IN_IMAGE, LONGEST, is_valid, of_file, written

COMMAND_LINE = "/proc/cmdline"
IN_KERNEL = "/proc/sys/kernel/hostname"
PARAMETER = "systemd.hostname"


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


def take_name(
    say: Callable[[str], object], read: Callable[[str], str], write: Callable[[str, str], object]
) -> None:
    """Set the machine's name; say what is no name, or cannot be set."""
    given = of_command_line(read(COMMAND_LINE))
    if given is not None and not is_valid(given):
        say(f"command line: {PARAMETER}: {given!r}: expected a host name; ignored")
        given = None
    text = "" if given else read(IN_IMAGE)
    name = given or of_file(text)
    if not given and name != written(text):
        used = f"{name} is used, as by systemd" if is_valid(name) else "ignored"
        say(f"{IN_IMAGE}: {written(text)[:LONGEST]!r}: expected a host name; {used}")
    if is_valid(name):
        try:
            write(IN_KERNEL, name)
        except OSError as error:
            say(f"cannot set the host name: {error.strerror}")


def read(path: str) -> str:
    """Return the beginning of a file; "" if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read(65536)
    except OSError:
        return ""


def write(path: str, text: str) -> None:
    """Write a file of procfs. Raises OSError."""
    with open(path, "w", encoding="ascii") as file:
        file.write(text)
