"""What makes arrays and volume groups this machine's own: its names, in the image (R36).

mdadm compares an array's homehost with the host name; LVM compares a group's system ID with one of
lvmsystemid(7)'s sources. An image without an identity is portable.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from initpy.config.hostname import EXPECTED, is_valid, of_file, written
from initpy.image.content.reduced import SETTING, lvm_lines

MACHINE_ID = "/etc/machine-id"
LVM_CONF = ("/etc/lvm/lvm.conf", "/etc/lvm/lvmlocal.conf")  # a later one overrides (lvm.conf(5))
BY_MACHINE_ID = ("machineid", "appmachineid")


@dataclass(frozen=True, slots=True)
class Identity:
    """The machine that an image is for."""

    hostname: str = ""  # "": it has none
    here: bool = True  # its configuration applies in full: it is this machine's, or is in `base`
    base: str = ""  # the folder where its system is mounted; "" for this machine's
    problem: str = ""  # why it has no name


def identity_of(text: str | None, *, here: bool = True, base: str = "") -> Identity:
    """Return the identity by the text of the machine's /etc/hostname.

    The name that the machine has now does not count: DHCP, a container or an installer may have
    given it, and the next boot may give another.
    """
    name = of_file(text or "")
    if not is_valid(name) and (line := written(text or "")):
        return Identity("", here, base, f"{base}/etc/hostname: {line!r}: expected {EXPECTED}")
    problem = "" if name else f"no {base}/etc/hostname names the machine"
    return Identity(name, here, base, problem)


def lvm_files(texts: dict[str, str]) -> Iterator[str]:
    """Yield the files from which LVM learns the machine's system ID, given its configuration."""
    settings = lvm_settings(texts)
    source = settings.get("system_id_source", "none")
    if source in BY_MACHINE_ID:
        yield MACHINE_ID
    elif source == "file" and (path := settings.get("system_id_file", "")):
        yield path


def lvm_settings(texts: dict[str, str]) -> dict[str, str]:
    """Return LVM's settings by name, without their section, given its configuration files."""
    settings: dict[str, str] = {}
    for path in LVM_CONF:
        for line in lvm_lines(texts.get(path, "")):
            if (setting := SETTING.match(line)) and not line.lstrip().startswith("#"):
                settings[setting[1]] = re.sub(r'^"(.*?)".*$', r"\1", setting[2].strip())
    return settings


def read_hostname(folder: str = "", mounts: str = "/proc/self/mountinfo") -> str | None:
    """Return the text of a system's /etc/hostname; None without one.

    Docker and podman mount a file there that names the container, not the machine.
    """
    try:
        if f" {folder}/etc/hostname " in Path(mounts).read_text(errors="replace"):
            return None
    except OSError:
        pass  # without /proc there are no mounts to see
    try:
        path = Path(f"{folder}/etc/hostname")
        return path.read_text("utf-8", "replace") if path.is_file() else None
    except OSError:
        return None
