"""Device-mapper tables: which drivers the targets of a device ask for (dmsetup(8), `table`)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from initpy.image.stack.layers import Ask, Kind

# The kernel asks for `dm-TARGET` (drivers/md/dm-target.c); a module that serves several targets
# says so in its aliases, except this one.
SERVED_BY = {"thin": "dm-thin-pool"}

# What names no algorithm in a cipher's specification: how initial vectors are made, and the
# prefix of the kernel's own notation (Documentation/admin-guide/device-mapper/dm-crypt.rst).
NO_ALGORITHMS = frozenset({
    "capi", "plain", "plain64", "plain64be", "null", "benbi", "random", "lmk", "tcw", "eboiv",
    "elephant", "multikey",
})  # fmt: skip


@dataclass(frozen=True, slots=True)
class Target:
    """One line of a table: what it maps to, and the target's own words."""

    kind: str
    words: tuple[str, ...]


def parse_table(text: str) -> tuple[Target, ...]:
    """`START LENGTH TARGET WORDS…`, one line each."""
    lines = [line.split() for line in text.splitlines()]
    return tuple(Target(words[2], tuple(words[3:])) for words in lines if len(words) >= 3)


def kind_of(uuid: str, targets: tuple[Target, ...]) -> Kind:
    """What a device is: who makes one marks it by the first part of its UUID."""
    prefix = uuid.partition("-")[0]
    if uuid.startswith("CRYPT-LUKS"):
        return Kind.LUKS
    if prefix == "CRYPT":
        return Kind.CRYPT
    if prefix == "LVM":
        return Kind.LVM
    if prefix == "mpath" or any(target.kind == "multipath" for target in targets):
        return Kind.MULTIPATH
    if re.fullmatch(r"part\d+", prefix):
        return Kind.PARTITION
    return Kind.MAPPER


def asks(targets: tuple[Target, ...]) -> Iterator[Ask]:
    """The drivers of all targets. What no module of the kernel bears is in dm-mod itself."""
    for target in targets:
        names = [f"dm-{target.kind}", SERVED_BY.get(target.kind, ""), "dm-mod"]
        yield Ask(tuple(filter(None, names)), f"target {target.kind}")
        yield from _further(target)


def _further(target: Target) -> Iterator[Ask]:
    words = target.words
    if target.kind == "crypt" and words:
        yield from cipher_asks(words[0])
        for word in words:
            if found := re.fullmatch(r"integrity:\d+:(.+)", word):
                yield from cipher_asks(found[1])
    elif target.kind == "multipath":
        yield from _multipath(words)
    elif target.kind == "raid" and words:
        # raid5_ls, raid6_zr, raid10_near: the level is in front (dm-raid.rst).
        level = re.match(r"raid\d+", words[0])
        if level:
            yield Ask((f"md-{level[0]}",), f"RAID level {level[0]}")
    elif target.kind == "mirror" and words:
        yield Ask((f"dm-log-{words[0]}", "dm-log", "dm-mod"), f"log type {words[0]}")
    elif target.kind == "cache":
        yield from _cache(words)
    elif target.kind in ("verity", "integrity"):
        for word in words:
            if re.fullmatch(r"[a-z]+\d[a-z0-9-]*", word):
                yield Ask((f"crypto-{word}",), f"hash {word}")


def _multipath(words: tuple[str, ...]) -> Iterator[Ask]:
    """`FEATURES… HANDLERS… GROUPS FIRST (SELECTOR ARGUMENTS… PATHS …)…`, see dm-mpath.c."""
    rest = list(words)
    _counted(rest)  # features
    for handler in _counted(rest)[:1]:
        yield Ask((f"scsi_dh_{handler}",), f"hardware handler {handler}")
    # What is a word and no number in what follows is a path selector.
    for word in dict.fromkeys(rest):
        if re.fullmatch(r"[a-z][a-z-]+", word):
            yield Ask((f"dm-{word}",), f"path selector {word}")


def _counted(rest: list[str]) -> list[str]:
    count = int(rest[0]) if rest and rest[0].isdigit() else 0
    found = rest[1 : 1 + count]
    del rest[: 1 + count]
    return found


def _cache(words: tuple[str, ...]) -> Iterator[Ask]:
    """`METADATA CACHE ORIGIN BLOCK FEATURES… POLICY …`, see cache.rst."""
    rest = list(words[4:])
    _counted(rest)
    for policy in rest[:1]:
        yield Ask((f"dm-cache-{policy}",), f"cache policy {policy}")


def cipher_asks(specification: str) -> Iterator[Ask]:
    """The algorithms of `aes-xts-plain64`, `aes-cbc-essiv:sha256`, `capi:xts(aes)-plain64`, ….

    The kernel asks for `crypto-NAME` with the name of each algorithm and mode (crypto/api.c).
    """
    for word in dict.fromkeys(re.findall(r"[a-z0-9_]+", specification)):
        if word not in NO_ALGORITHMS and not word.isdigit():
            yield Ask((f"crypto-{word}",), f"{word} of cipher {specification}")
