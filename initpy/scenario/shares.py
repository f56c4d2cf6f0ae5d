"""Reads the folders of the host that a scenario's hypervisor shares: [[share]]."""

from initpy.scenario.model import Disk
from initpy.scenario.reader import Table
from initpy.scenario.servers import Server, Share

KINDS = ("9p", "virtiofs")
LONGEST = 36  # struct virtio_fs_config


def read_shares(
    top: Table, disks: tuple[Disk, ...], servers: tuple[Server, ...]
) -> tuple[Share, ...]:
    """Read the tables. Raises InputError with the wrong key."""
    shares: list[Share] = []
    served = {name for each in servers for name in each.serves}
    for table in top.tables("share"):
        taken = served | {each.disk for each in shares}
        free = [each.name for each in disks if each == Disk(each.name, each.size)]
        kind, tag = table.choice("kind", KINDS), table.string("tag")
        if not 0 < len(tag) <= LONGEST or tag in {each.tag for each in shares}:
            raise table.wrong("tag", f"a unique tag of 1 to {LONGEST} characters")
        disk = table.choice("serves", [each for each in free if each not in taken])
        shares.append(Share(kind, tag, disk))
        table.end()
    return tuple(shares)
