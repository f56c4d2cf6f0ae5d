"""This machine's configuration files, reduced to what an image is for.

An image that shall boot any machine must not carry what is true of one only: which disks LVM may
look at, which arrays there are. An image for one machine keeps what concerns its root.
"""

import re
from collections.abc import Collection, Iterator

from initpy.image.kernel.kmod import canonical

# lvm.conf(5): settings that name devices or volumes of one machine.
OF_ONE_MACHINE = (
    "filter", "global_filter", "devicesfile", "volume_list", "auto_activation_volume_list",
    "read_only_volume_list", "host_id",
)  # fmt: skip
SETTING = re.compile(r"\s*(?:\w+/)?(\w+)\s*=\s*(.*)")
# mdadm.conf(5): who is told, by what: nobody reads mail in an initramfs.
MONITORING = ("MAILADDR", "MAILFROM", "PROGRAM", "MONITORDELAY")
SHORTEST = 3  # letters of a keyword
# modprobe.d(5): commands whose second word is a module, or the third (alias).
OF_MODULE = {"options": 1, "blacklist": 1, "softdep": 1, "install": 1, "remove": 1, "alias": 2}


def lvm_conf(text: str, *, own: bool) -> str:
    """lvm.conf without comments; unless for its `own` machine, without devices and volumes."""
    kept: list[str] = []
    depth = 0  # of brackets in a value that is left out
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
    """The text without strings and without a comment."""
    return re.sub(r'"(?:\\.|[^"\\])*"', "", text).partition("#")[0]


def mdadm_conf(text: str, arrays: Collection[str] | None) -> str:
    """mdadm.conf with the lines of these arrays (UUIDs) only; None: of none.

    Policies stay, and who is told by mail goes.
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
    """Words by line; one that starts with a blank goes on with the line before."""
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
    """Written with colons, dashes or dots at any place, it is the same UUID."""
    return re.sub("[^0-9a-f]", "", uuid.lower())


def modprobe_conf(text: str, modules: Collection[str]) -> str:
    """modprobe's settings of these modules (names as the kernel spells them)."""
    kept: list[str] = []
    for line in text.replace("\\\n", " ").splitlines():
        words = line.split()
        place = OF_MODULE.get(words[0]) if words else None
        if place is not None and len(words) > place and canonical(words[place]) in modules:
            kept.append(" ".join(words))
    return "".join(f"{line}\n" for line in kept)


def crypttab(text: str, names: Collection[str], marks: Collection[str]) -> str:
    """The lines of a crypttab for these volumes, and of those whose options have a mark.

    Other lines are left empty, so that messages give the numbers of the lines people know.
    """
    kept: list[str] = []
    for line in text.split("\n"):
        fields = line.split()
        options = fields[3].split(",") if len(fields) > 3 else []
        named = len(fields) > 1 and fields[0] in names
        wanted = named or any(mark in options for mark in marks)
        kept.append(line if wanted and not line.lstrip().startswith("#") else "")
    return "\n".join(kept)
