"""Finds the drivers that a device-mapper table needs (dmsetup(8), `table`)."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from initpy.image.stack.layers import Ask, Kind

# The kernel requests `dm-TARGET` (drivers/md/dm-target.c). A module that implements several targets
# has an alias for each, except dm-thin-pool.
SERVED_BY = {"thin": "dm-thin-pool"}

# Words of a cipher specification that name no algorithm: IV generators, and the prefix `capi`
# (Documentation/admin-guide/device-mapper/dm-crypt.rst).
NO_ALGORITHMS = frozenset({
    "capi", "plain", "plain64", "plain64be", "null", "benbi", "random", "lmk", "tcw", "eboiv",
    "elephant", "multikey", "aead", "none",
})  # fmt: skip
# What a mode or IV generator asks the kernel for by itself, when it is set up (crypto/*.c,
# drivers/md/dm-crypt.c).
IMPLIED = {
    "adiantum": ("nhpoly1305",), "ccm": ("ctr", "cbcmac"), "eboiv": ("ecb",), "elephant": ("ecb",),
    "gcm": ("ctr", "ghash"), "hctr2": ("xctr", "polyval"), "lmk": ("md5",), "lrw": ("ecb",),
    "tcw": ("crc32",), "xts": ("ecb",),
}  # fmt: skip
# Parameters of dm-integrity that name an algorithm, `internal_hash:hmac(sha256):KEY`.
OF_INTEGRITY = re.compile(r"(?:internal_hash|journal_crypt|journal_mac):([^:]+)")
# Parts of a volume, and what is no encrypted volume although cryptsetup's tools made it.
PARTS = ("CRYPT-SUBDEV", "CRYPT-INTEGRITY", "CRYPT-VERITY")
# The device of dm-integrity below a LUKS2 volume: its UUID has the volume's. cryptsetup before 2.8
# calls it CRYPT-INTEGRITY, as integritysetup calls its own, which have a name there.
BELOW_VOLUME = re.compile(r"CRYPT-SUBDEV-|CRYPT-INTEGRITY-[0-9a-f]{32}-")


@dataclass(frozen=True, slots=True)
class Target:
    """One line of a table: the target type and its parameters."""

    kind: str
    words: tuple[str, ...]


def parse_table(text: str) -> tuple[Target, ...]:
    """Parse lines of `START LENGTH TARGET PARAMETERS…`."""
    lines = [line.split() for line in text.splitlines()]
    return tuple(Target(words[2], tuple(words[3:])) for words in lines if len(words) >= 3)


def is_below_volume(uuid: str) -> bool:
    """Return whether a device is the part of a LUKS2 volume that keeps its integrity tags."""
    return BELOW_VOLUME.match(uuid) is not None


def kind_of(uuid: str, targets: tuple[Target, ...]) -> Kind:
    """Return the kind of a device: tools mark theirs in the first part of the UUID."""
    prefix = uuid.partition("-")[0]
    if uuid.startswith(PARTS):
        return Kind.MAPPER
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
    """Yield the drivers of all targets; a target without a module is part of dm-mod."""
    for target in targets:
        names = [f"dm-{target.kind}", SERVED_BY.get(target.kind, ""), "dm-mod"]
        yield Ask(tuple(filter(None, names)), f"target {target.kind}")
        yield from _in_parameters(target)


def _in_parameters(target: Target) -> Iterator[Ask]:
    """Yield the drivers that the parameters of a target name: ciphers, levels, logs, policies."""
    words = target.words
    if target.kind == "crypt" and words:
        yield from cipher_asks(words[0])
        for word in words:
            if found := re.fullmatch(r"integrity:\d+:(.+)", word):
                yield from cipher_asks(found[1])
    elif target.kind == "multipath":
        yield from _multipath(words)
    elif target.kind == "raid" and words:
        # raid5_ls, raid6_zr, raid10_near: the level comes first (dm-raid.rst).
        level = re.match(r"raid\d+", words[0])
        if level:
            yield Ask((f"md-{level[0]}",), f"RAID level {level[0]}")
    elif target.kind == "mirror" and words:
        yield Ask((f"dm-log-{words[0]}", "dm-log", "dm-mod"), f"log type {words[0]}")
    elif target.kind == "cache":
        yield from _cache(words)
    elif target.kind == "verity":
        # VERSION DEVICE DEVICE SIZE SIZE BLOCKS START ALGORITHM … (verity.rst)
        for word in words[7:8]:
            yield Ask((f"crypto-{word}",), f"hash {word}")
    elif target.kind == "integrity":
        for found in filter(None, map(OF_INTEGRITY.match, words)):
            yield from cipher_asks(found[1])


def _multipath(words: tuple[str, ...]) -> Iterator[Ask]:
    """Parse `FEATURES… HANDLERS… GROUPS FIRST (SELECTOR ARGUMENTS… PATHS …)…` (dm-mpath.c)."""
    rest = list(words)
    _counted(rest)  # features
    for handler in _counted(rest)[:1]:
        yield Ask((f"scsi_dh_{handler}",), f"hardware handler {handler}")
    # Of the remaining parameters, those that are not numbers are path selectors.
    for word in dict.fromkeys(rest):
        if re.fullmatch(r"[a-z][a-z-]+", word):
            yield Ask((f"dm-{word}",), f"path selector {word}")


def _counted(rest: list[str]) -> list[str]:
    count = int(rest[0]) if rest and rest[0].isdigit() else 0
    found = rest[1 : 1 + count]
    del rest[: 1 + count]
    return found


def _cache(words: tuple[str, ...]) -> Iterator[Ask]:
    """Parse `METADATA CACHE ORIGIN BLOCK FEATURES… POLICY …` (cache.rst)."""
    rest = list(words[4:])
    _counted(rest)
    for policy in rest[:1]:
        yield Ask((f"dm-cache-{policy}",), f"cache policy {policy}")


def of_plain(words: tuple[str, ...]) -> dict[str, str]:
    """Return facts of a dm-crypt target: `CIPHER KEY IV_OFFSET DEVICE OFFSET…` (dm-crypt.rst).

    A table has a key of the keyring as `:BYTES:KIND:NAME`, and zeros in place of another.
    """
    facts = {"ciphers": words[0]} if words else {}
    if len(words) < 5:
        return facts
    key = words[1]
    size = int(key.split(":")[1]) * 8 if re.match(r":\d+:", key) else len(key) * 4
    sector = next((each.partition(":")[2] for each in words if each.startswith("sector_size:")), "")
    return facts | {"key_bits": str(size), "skip": words[2], "offset": words[4], "sector": sector}


def cipher_asks(specification: str) -> Iterator[Ask]:
    """Yield the algorithms of `aes-xts-plain64`, `aes-cbc-essiv:sha256`, `capi:xts(aes)-plain64`….

    The kernel requests `crypto-NAME` for each algorithm and mode (crypto/api.c).
    """
    named = re.findall(r"[a-z0-9_]+", specification)
    implied = (each for word in named for each in IMPLIED.get(word, ()))
    for word in dict.fromkeys((*named, *implied)):
        if word not in NO_ALGORITHMS and not word.isdigit():
            yield Ask((f"crypto-{word}",), f"{word} of cipher {specification}")


def integrity_asks(kind: str) -> Iterator[Ask]:
    """Yield what authenticated encryption needs, by its type in the LUKS2 header.

    `aead`: the cipher does it; otherwise, as `hmac(sha256)`, dm-crypt joins both by `authenc`.
    """
    yield Ask(("dm-integrity",), f"integrity {kind}")
    if kind not in ("aead", "none"):
        yield Ask(("crypto-authenc",), f"authenc of integrity {kind}")
        yield from cipher_asks(kind)
