"""What sysfs and udev's rules say of an md array."""

from initpy.simulation.world.world import Array


def properties(array: Array, known: dict[str, str]) -> tuple[frozenset[str], bool]:
    """63-md-raid-arrays.rules: links, and whether the content is looked at."""
    plan = array.plan
    if array.state == "inactive" and plan.level != "container":
        known["SYSTEMD_READY"] = "0"
        return frozenset(), False
    known |= {"MD_LEVEL": plan.level, "MD_DEVICES": str(len(plan.on)), "MD_UUID": plan.spread}
    if plan.container is None:
        known["MD_METADATA"] = plan.metadata
    else:
        known["MD_MEMBER"] = str(plan.container.volumes.index(plan))
    links = {f"/dev/disk/by-id/md-uuid-{plan.spread}"}
    if not array.name.startswith("/"):  # Detail.c tells names below /dev/md only
        known["MD_DEVNAME"] = array.name
        links.add(f"/dev/md/{array.name}")
    if plan.metadata != "0.90" and plan.container is None and plan.level != "container":
        known["MD_NAME"] = plan.set_name
        links.add(f"/dev/disk/by-id/md-name-{plan.set_name}")
    return frozenset(links), plan.level != "container"


def array_links(array: Array, number: int) -> frozenset[str]:
    """The links of a partition of the array."""
    found = [f"/dev/disk/by-id/md-uuid-{array.plan.spread}-part{number}"]
    if not array.name.startswith("/"):
        joint = "p" if array.name[-1].isdigit() else ""
        found.append(f"/dev/md/{array.name}{joint}{number}")
    return frozenset(found)


def attributes(array: Array) -> dict[str, str]:
    """What sysfs says below md/; level and number are empty until the superblocks were read."""
    plan = array.plan
    inside = plan.container is not None or plan.level == "container"
    version = plan.metadata if not inside else f"external:{plan.metadata}"
    if plan.container is not None:
        version = version_of(array)
    running = array.state != "inactive"
    told = array.read or plan.container is not None  # mdadm writes it there (sysfs_set_array)
    found = {
        "md/array_state": array.state,
        "md/metadata_version": version,
        "md/level": plan.level if told else "",
        "md/raid_disks": str(len(plan.on)) if told else "",
        "md/resync_start": "0" if not array.read or plan.dirty else "none",
        "md/slots": " ".join(
            sorted(f"{name}:{slot if array.read else 'none'}" for name, slot in array.members)
        ),
    }
    if running and plan.level not in ("raid0", "linear"):
        found["md/degraded"] = str(array.degraded)
    return found


def version_of(array: Array) -> str:
    """md/metadata_version of a volume: its container and its number there."""
    box = array.plan.container
    number = box.volumes.index(array.plan) if box is not None else 0
    return f"external:/{array.container}/{number}"
