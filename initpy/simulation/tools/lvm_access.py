"""Which volume groups LVM lets this system use: lvmsystemid(7), vgexport(8), lvmlockd(8)."""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from initpy.simulation.world.plans import GroupPlan
from initpy.simulation.world.world import World

UNNAMED = "none"  # uname(2) says "(none)", of which LVM leaves out what it does not allow
_SOURCES = ("none", "lvmlocal", "uname", "machineid", "appmachineid", "file")


@dataclass(frozen=True, slots=True)
class System:
    """The system for which a command acts."""

    id: str
    complaints: tuple[str, ...] = ()  # of a source that gives no ID
    read_only: str = ""  # the group whose volumes are activated read-only
    plain: bool = False  # of which only those that are linear or striped
    imported: frozenset[str] = frozenset()  # groups that were exported


def system_of(world: World, words: Sequence[str], configured: bool) -> System:
    """The system that --config or the configuration names."""
    imported = frozenset(world.imported)
    given = next((word for word in words if "local/system_id=" in word), "")
    if found := given and re.search(r'local/system_id="([^"]*)"', given):
        listed = re.search(r'read_only_volume_list=\["([^"]*)"\]', given)
        return System(found[1], (), listed[1] if listed else "", "-S" in words, imported)
    files = dict(world.scenario.files) if configured else {}
    source = _setting(files.get("/etc/lvm/lvm.conf", ""), "system_id_source") or "none"
    if source == "uname":
        return System(UNNAMED, imported=imported)
    if source == "lvmlocal":
        name = _setting(files.get("/etc/lvm/lvmlocal.conf", ""), "system_id")
        return System(re.sub(r"[^A-Za-z0-9_+.-]", "", name), imported=imported)
    complaints = [] if source in _SOURCES else [f'Unrecognised system_id_source "{source}".']
    if source != "none":
        complaints.append(f"No system ID found from system_id_source {source}.")
    said = tuple(f"  WARNING: {each}" for each in complaints)
    return System("", said, imported=imported)


def _setting(text: str, key: str) -> str:
    found = re.search(rf'\b{key}\s*=\s*"([^"]*)"', text)
    return found[1] if found else ""


def ignored(group: GroupPlan, system: System) -> str:
    """Why pvscan leaves a group alone: what stands between "ignore" and "VG" in its words."""
    if group.left == "shared":
        return "shared"
    if group.system_id and system.id and group.system_id != system.id:
        return "foreign"
    return "exported" if _exported(group, system) else ""


def _exported(group: GroupPlan, system: System) -> bool:
    return group.left == "exported" and group.name not in system.imported


def refused(group: GroupPlan, system: System) -> str:
    """Why LVM does not let this system activate the group; empty if it does."""
    name = group.name
    if group.left == "clustered":
        return (
            f"  Cannot access clustered VG {name}.\n"
            "  See lvmlockd(8) for changing a clvm/clustered VG to a shared VG."
        )
    if group.left == "shared":
        return f"  Cannot access VG {name} with lock type sanlock that requires lvmlockd."
    if group.system_id not in ("", system.id):
        here = f"local system ID {system.id}" if system.id else "unknown local system ID"
        return f"  Cannot access VG {name} with system ID {group.system_id} with {here}."
    return f"  Volume group {name} is exported" if _exported(group, system) else ""


def chosen(groups: Sequence[GroupPlan], system: System) -> tuple[GroupPlan | None, str]:
    """Which of the groups of one name a command means, or what LVM says instead.

    Of those that it may use there must be one: the others do not count.
    """
    usable = [each for each in groups if not refused(each, system)]
    if len(usable) > 1:
        name = usable[0].name
        return None, (
            f"  Multiple VGs found with the same name: skipping {name}\n"
            "  Use --select vg_uuid=<uuid> in place of the VG name."
        )
    return (usable[0], "") if usable else (None, refused(groups[0], system))


def owner(group: GroupPlan) -> str:
    """What `lvm pvs --foreign --shared --nameprefixes --rows` says of a group."""
    if group.left == "clustered":
        return ""
    exported = "exported" if group.left == "exported" else ""
    lock = "sanlock" if group.left == "shared" else ""
    return (
        f"LVM2_VG_NAME='{group.name}'\nLVM2_VG_SYSTEMID='{group.system_id}'\n"
        f"LVM2_VG_EXPORTED='{exported}'\nLVM2_VG_LOCK_TYPE='{lock}'\n"
    )
