"""Reduces this machine's configuration files for an image.

A generic image must not contain settings that hold for one machine only, such as LVM's device
filter or mdadm's ARRAY lines. A host-only image keeps the settings that concern its root.
"""

import re
from collections.abc import Collection, Iterator

from initpy.config.crypttab import MARKS
from initpy.image.kernel.kmod import canonical

# lvm.conf(5): settings that name devices or volumes of one machine.
OF_ONE_MACHINE = (
    "filter", "global_filter", "devicesfile", "volume_list", "auto_activation_volume_list",
    "read_only_volume_list", "host_id",
)  # fmt: skip
SETTING = re.compile(r"\s*(?:\w+/)?(\w+)\s*=\s*(.*)")
# mdadm.conf(5): settings of `mdadm --monitor`, which does not run in an initramfs.
MONITORING = ("MAILADDR", "MAILFROM", "PROGRAM", "MONITORDELAY")
SHORTEST = 3  # letters: mdadm accepts keywords abbreviated to this length
ATTACH = MARKS[1]
# modprobe.d(5): command -> position of its module among the words.
OF_MODULE = {"options": 1, "blacklist": 1, "softdep": 1, "install": 1, "remove": 1, "alias": 2}


def lvm_conf(text: str, *, own: bool) -> str:
    """Return lvm.conf without comments; unless `own` (host-only), without OF_ONE_MACHINE."""
    kept: list[str] = []
    depth = 0  # of brackets in an excluded value
    for line in text.splitlines():
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        setting = SETTING.match(line)
        if depth or (not own and setting and setting[1] in OF_ONE_MACHINE):
            value = _unquoted(setting[2] if setting and not depth else line)
            depth += value.count("[") - value.count("]")
        else:
            kept.append(bare)
    return "".join(f"{line}\n" for line in kept)


def _unquoted(text: str) -> str:
    """Return a line without strings and comment."""
    return re.sub(r'"(?:\\.|[^"\\])*"', "", text).partition("#")[0]


def mdadm_conf(text: str, arrays: Collection[str] | None) -> str:
    """Return mdadm.conf with ARRAY lines for these UUIDs only (None: without any).

    POLICY lines stay; settings of the monitor are dropped.
    """
    wanted = {_digits(uuid) for uuid in arrays or ()}
    kept: list[str] = []
    for words in _mdadm_lines(text):
        keyword = words[0].upper()
        if len(keyword) >= SHORTEST and "ARRAY".startswith(keyword):
            uuid = next((word[5:] for word in words if word.lower().startswith("uuid=")), "")
            if arrays is None or (uuid and _digits(uuid) not in wanted):
                continue
        elif len(keyword) >= SHORTEST and any(each.startswith(keyword) for each in MONITORING):
            continue
        kept.append(" ".join(words))
    return "".join(f"{line}\n" for line in kept)


def _mdadm_lines(text: str) -> Iterator[list[str]]:
    """Yield the words of each line; a line that starts with a blank continues the one before."""
    words: list[str] = []
    for line in text.splitlines():
        content = line.partition("#")[0]
        if line[:1] in (" ", "\t"):
            words += content.split()
            continue
        if words:
            yield words
        words = content.split()
    if words:
        yield words


def _digits(uuid: str) -> str:
    """Return only the digits of a UUID: separators may be colons, dashes or dots anywhere."""
    return re.sub("[^0-9a-f]", "", uuid.lower())


def modprobe_conf(text: str, modules: Collection[str]) -> str:
    """Return modprobe's settings for these modules (names as the kernel spells them)."""
    kept: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split()
        place = OF_MODULE.get(words[0]) if words else None
        if place is not None and len(words) > place and canonical(words[place]) in modules:
            kept.append(" ".join(words))
    return "".join(f"{line}\n" for line in kept)


def crypttab(text: str, needed: Collection[str], *, others: bool = False) -> str:
    """Return the crypttab lines that the initramfs needs, and with `others` the other lines too.

    Needed are the volumes of these names, and lines with a mark. The former get systemd's mark.
    Excluded lines become empty, so that line numbers in messages match the user's file.
    """
    return "\n".join(_crypttab_line(line, needed, others) for line in text.split("\n"))


def _crypttab_line(line: str, needed: Collection[str], others: bool) -> str:
    fields = line.split()
    if not fields or fields[0].startswith("#"):
        return ""
    options = fields[3].split(",") if len(fields) > 3 else []
    if any(mark in options for mark in MARKS):
        return line
    if len(fields) < 2 or fields[0] not in needed:
        return line if others else ""
    fields += ["none", ""][len(fields) - 2 :]
    return " ".join((*fields[:3], ",".join(filter(None, (fields[3], ATTACH))), *fields[4:]))
