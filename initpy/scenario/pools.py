"""Reads what a scenario file says of ZFS pools: a layer of kind `zfs` with its datasets."""

import re

from initpy.scenario.model import Dataset, Layer
from initpy.scenario.reader import Table

ZFS = "zfs"
# Fewest disks of each profile, without one a stripe; zpoolconcepts(7).
LEAST = {"": 1, "mirror": 2, "raidz": 2, "raidz2": 3, "raidz3": 4}
PROFILES = tuple(LEAST)
LEAST_SIZE = 64 << 20  # of a disk, zpool-create(8)
LEAST_PASSPHRASE = 8  # zfs-load-key(8), letters
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*(/[A-Za-z0-9][A-Za-z0-9_.:-]*)*")
_HOST_ID = re.compile(r"[0-9a-f]{8}")


def host_id(table: Table) -> str:
    """The id of the system that used the pool last, as hostid(1) prints it."""
    text = table.string("host-id", "")
    if text and not _HOST_ID.fullmatch(text):
        raise table.wrong("host-id", "eight hexadecimal digits, as hostid(1) prints them")
    return text


def datasets(table: Table, files: tuple[tuple[str, str], ...]) -> tuple[Dataset, ...]:
    """The datasets of a pool, each after those above it."""
    found: list[Dataset] = []
    for each in table.tables("dataset"):
        dataset = Dataset(
            each.string("name"),
            each.string("mountpoint", "legacy"),
            each.choice("canmount", ("on", "off", "noauto"), "on"),
            each.string("passphrase", ""),
            each.string("keyfile", ""),
            each.choice("holds", ("", "root", "usr"), ""),
            each.table("files").pairs(),
        )
        if not _NAME.fullmatch(dataset.name) or dataset.name in [one.name for one in found]:
            raise each.wrong("name", "a unique name such as ROOT/debian, without the pool's")
        if dataset.keyfile and dataset.keyfile not in dict(files):
            raise each.wrong("keyfile", "a path in [image.files]")
        if dataset.passphrase and len(dataset.passphrase) < LEAST_PASSPHRASE:
            raise each.wrong("passphrase", f"{LEAST_PASSPHRASE} letters or more")
        if dataset.passphrase and dataset.keyfile:
            raise each.wrong("keyfile", "a passphrase or a key file, not both")
        each.end()
        found.append(dataset)
    return tuple(found)


def volumes(table: Table, taken: set[str]) -> tuple[tuple[str, int], ...]:
    """The volumes of a pool, by names that no other layer has, with their sizes."""
    found = []
    for each in table.tables("volume"):
        name, size = each.string("name"), each.size("size")
        if not _NAME.fullmatch(name) or "/" in name or name in taken:
            raise each.wrong("name", "a unique name without a slash")
        if size is None:
            raise each.wrong("size", "a size")
        each.end()
        taken.add(name)
        found.append((name, size))
    return tuple(found)


def check_pool(table: Table, layer: Layer) -> None:
    """Reject a pool that zpool would not create."""
    if len(layer.on) - len(layer.log) < LEAST[layer.profile]:
        least = LEAST[layer.profile]
        raise table.wrong("on", f"{least} names or more for {layer.profile or 'a pool'}")
    if not layer.datasets and not layer.volumes:
        raise table.wrong("dataset", "tables [[layer.dataset]] or [[layer.volume]] with a name")
    if layer.bootfs and layer.bootfs not in [each.name for each in layer.datasets]:
        raise table.wrong("bootfs", "the name of one of the datasets")
