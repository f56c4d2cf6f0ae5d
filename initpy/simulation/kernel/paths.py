"""Which disks multipath(8) takes for paths, and the names of their maps.

Sources: 61-initpy-multipath.rules, multipath.conf(5).
"""

import re
from string import ascii_lowercase

from initpy.simulation.world.plans import DiskPlan
from initpy.simulation.world.world import World

CONFIGURATION, LIST = "/etc/multipath.conf", "/etc/multipath/wwids"
BINDINGS = "/etc/multipath/bindings"
FRIENDLY = re.compile(r"user_friendly_names\s+\"?yes")
SWITCHED_OFF = {f"rd.multipath={word}" for word in ("0", "no", "off")}
BLACKLIST = re.compile(r"^blacklist\s*\{([^}]*)\}", re.MULTILINE)
NAME = re.compile(r'wwid\s+"?([^"\s]+)')
GREEDY = re.compile(
    r"find_multipaths\s+\"?greedy"
)  # others need a list: none has two paths at once


def is_path(world: World, disk: DiskPlan) -> bool:
    """Whether the disk is reserved for its map. Of a blacklist, only whole names count."""
    files = dict(world.scenario.files)
    text = files.get(CONFIGURATION)
    if text is None or not disk.wwn or SWITCHED_OFF & {*world.scenario.cmdline.split()}:
        return False
    name = f"3{disk.wwn}"
    if any(name in NAME.findall(section) for section in BLACKLIST.findall(text)):
        return False
    return bool(GREEDY.search(text)) or f"/{name}/" in files.get(LIST, "").split()


def map_name(world: World, wwid: str) -> str:
    """Return the map's name: its wwid, or with user_friendly_names that of the bindings."""
    files = dict(world.scenario.files)
    if not FRIENDLY.search(files.get(CONFIGURATION, "")):
        return wwid
    lines = [line.split() for line in files.get(BINDINGS, "").splitlines()]
    bound = {fields[1]: fields[0] for fields in lines if len(fields) == 2}
    free = (f"mpath{letter}" for letter in ascii_lowercase)
    used = {*bound.values(), *(each.mapping.name for each in world.blocks.values() if each.mapping)}
    return bound.get(wwid) or next((each for each in free if each not in used), wwid)
