"""Which structures of a disk an overwritten range hits. Offsets are those of the formats."""

from initpy.scenario.acts import Damage
from initpy.simulation.world.plans import FileSystem, Header, Member, PhysicalPlan, Place, Table

SECTOR = 512
# struct swsusp_header in kernel/power/swap.c: the signature ends the first page. The kernel refuses
# a system without the rest of the header.
SUSPENDED = 4096 - 10, b"S1SUSPEND\0"
LUKS2_HEADER = 16 << 10  # of one copy, LUKS2 on-disk format 2.1


def damaged(place: Place, damage: Damage) -> list[str]:
    """Names of what cannot be read any more: "header", "second-header", "superblock", …"""
    begin = damage.at if damage.at >= 0 else place.size + damage.at
    end = begin + len(damage.data)
    content = place.content or place.stale

    def hits(first: int, behind: int) -> bool:
        return begin < behind and end > first

    if isinstance(content, Header):
        # The binary header and the JSON text behind it have one checksum.
        places = (("header", 0), ("second-header", LUKS2_HEADER))
        return [name for name, at in places if hits(at, at + LUKS2_HEADER)]
    if isinstance(content, Member):
        # struct mdp_superblock_1 in linux/raid/md_p.h, version 1.2 at 4 KiB; the magic is first.
        if hits(4096, 4100):
            return ["magic"]
        return ["superblock"] if hits(4100, 4096 + 256 + 2 * len(content.array.on)) else []
    if isinstance(content, Table):
        first = hits(SECTOR, 34 * SECTOR)
        backup = hits(place.size - 33 * SECTOR, place.size)
        return ["table"] * first + ["backup-table"] * backup
    if isinstance(content, FileSystem) and content.kind == "swap":
        return ["hibernated"] if (begin, damage.data) == SUSPENDED else []
    if isinstance(content, PhysicalPlan):
        return ["label"] * hits(SECTOR, 2 * SECTOR) + ["metadata"] * hits(4096, 1 << 20)
    return []
