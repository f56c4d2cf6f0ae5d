"""Reduces this machine's configuration files for an image.

A portable image must not contain settings that hold for one machine only, such as LVM's system ID,
and a generic one no device filter. A host-only image keeps the settings that concern its root.
"""

import re
from collections.abc import Collection, Iterator

from initpy.config.crypttab import MARKS
from initpy.config.crypttablines import marked
from initpy.config.textlines import fields as fields_of
from initpy.config.textlines import lines, unescaped
from initpy.image.kernel.kmod import canonical, modprobe_words

# lvm.conf(5): settings that name devices or volumes of one machine.
OF_ONE_MACHINE = (
    "filter", "global_filter", "devicesfile", "volume_list", "auto_activation_volume_list",
    "read_only_volume_list", "host_id",
)  # fmt: skip
# lvmsystemid(7): settings that make volume groups one machine's.
OF_ONE_IDENTITY = ("system_id", "extra_system_ids", "system_id_source", "system_id_file")
# What of lvm.conf may hold a brace, and the braces.
TOKEN = re.compile(r'"(?:\\.|[^"\\])*(?:"|\\?\Z)|#[^\n]*|[{}]', re.DOTALL)
SETTING = re.compile(r"\s*(?:\w+/)?(\w+)\s*=\s*(.*)")
# modprobe.d(5): command -> position of its module among the words.
OF_MODULE = {
    "options": 1, "blacklist": 1, "softdep": 1, "weakdep": 1, "install": 1, "remove": 1, "alias": 2,
}  # fmt: skip


def lvm_conf(text: str, *, own: bool, portable: bool = False) -> str:
    """Return lvm.conf or lvmlocal.conf without comments.

    Unless `own` (host-only), drop OF_ONE_MACHINE; if `portable`, OF_ONE_IDENTITY too.
    """
    dropped = (*(() if own else OF_ONE_MACHINE), *(OF_ONE_IDENTITY if portable else ()))
    kept: list[str] = []
    depth = 0  # of brackets in an excluded value
    for line in lvm_lines(text):
        bare = line.strip()
        if not bare or bare.startswith("#"):
            continue
        setting = SETTING.match(line)
        if depth or (setting and setting[1] in dropped):
            value = _unquoted(setting[2] if setting and not depth else line)
            depth += value.count("[") - value.count("]")
        else:
            kept.append(bare)
    return "".join(f"{line}\n" for line in kept)


def lvm_lines(text: str) -> list[str]:
    """Return the lines of an lvm.conf; a section in one line, `devices { a = 1 }`, gets three."""
    broken = {"{": "{\n", "}": "\n}\n"}
    return lines(TOKEN.sub(lambda found: broken.get(found[0], found[0]), text))


def _unquoted(text: str) -> str:
    """Return a line without strings and comment."""
    return re.sub(r'"(?:\\.|[^"\\])*("|\\?$)', "", text).partition("#")[0]


def lvm_settings(before: str, after: str) -> tuple[str, ...]:
    """Return the names of the settings that a reduced lvm.conf has no more."""
    names = (set(_settings(text)) for text in (before, after))
    return tuple(sorted(set.difference(*names)))


def _settings(text: str) -> Iterator[str]:
    for line in lvm_lines(text):
        if (found := SETTING.match(line)) and not line.lstrip().startswith("#"):
            yield found[1]


# modprobe.d(5): commands that keep a module from being loaded.
FORBIDDING = ("blacklist", "install")


def modprobe_forbidden(text: str, needed: Collection[str]) -> tuple[str, ...]:
    """Return the lines that keep these modules from being loaded."""
    return tuple(
        " ".join(words)
        for words in modprobe_words(text)
        if len(words) > 1 and words[0] in FORBIDDING and canonical(words[1]) in needed
    )


def modprobe_conf(text: str, modules: Collection[str], needed: Collection[str] = ()) -> str:
    """Return modprobe's settings for these modules (names as the kernel spells them).

    Those that the root needs are loaded whatever the machine's configuration forbids.
    """
    forbidden = frozenset(modprobe_forbidden(text, needed))
    kept: list[str] = []
    for words in modprobe_words(text):
        place = OF_MODULE.get(words[0])
        concerns = place is not None and len(words) > place and canonical(words[place]) in modules
        if concerns and (line := " ".join(words)) not in forbidden:
            kept.append(line)
    return "".join(f"{line}\n" for line in kept)


def crypttab(text: str, needed: Collection[str], *, others: bool = False) -> str:
    """Return the crypttab lines that the initramfs needs, and with `others` the other lines too.

    Needed are the volumes of these names, and lines with a mark. The former get systemd's mark.
    Excluded lines become empty, so that line numbers in messages match the user's file.
    """
    return "\n".join(_crypttab_line(line, needed, others) for line in lines(text))


def _crypttab_line(line: str, needed: Collection[str], others: bool) -> str:
    fields = fields_of(line)
    if not fields or fields[0].startswith("#"):
        return ""
    options = fields[3].split(",") if len(fields) > 3 else []
    if any(mark in options for mark in MARKS):
        return line
    if len(fields) < 2 or unescaped(fields[0]) not in needed:
        return line if others else ""
    return marked(line)
