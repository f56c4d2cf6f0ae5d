"""Takes another host's array for root if root= has its name, when nothing else is left (R9).

An array is called HOST:NAME in its superblock. Only on that host mdadm calls it /dev/md/NAME, or
/dev/mdN for the name N; on others it is /dev/md127 and /dev/md/HOST:NAME. So a root= that was right
on that host names no device where the image does not know the host.
"""

import re
from collections.abc import Iterable, Iterator

from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.explanation import Node
from initpy.core.goals import naming
from initpy.core.jobs.timers import Timer
from initpy.core.slots import dataclass
from initpy.core.state.context import Context
from initpy.core.storage.md import facts, foreign
from initpy.core.tuples import NamedTuple

# The node of a name that is a number, or mdadm's link to a named array.
_NODE, _LINK = re.compile(r"/dev/md(\d+)"), re.compile(r"/dev/md/([^/]+)")
# A partition's node, and its link: "p" stands after a name that ends in a digit.
_PARTITION = re.compile(r"(?:/dev/md(\d+)|/dev/md/([^/]*\d))p(\d+)")
_PARTITION_LINK = re.compile(r"/dev/md/([^/]*[^/\d])(\d+)")


class Array(NamedTuple):
    """An array by its superblock: HOST:NAME, and the UUID as udev tells it of members."""

    called: str
    uuid: str


@dataclass(slots=True)
class StandIn:
    """The array that was taken for root, while the marks are still to follow; "" for none."""

    unsettled: str = ""


def names(path: str) -> list[tuple[str, str]]:
    """The arrays that a path may name on their own hosts, and the partition's number or ""."""
    found = [(match[1], "") for form in (_NODE, _LINK) if (match := form.fullmatch(path))]
    if match := _PARTITION.fullmatch(path):
        found.append((match[1] or match[2], match[3]))
    if match := _PARTITION_LINK.fullmatch(path):
        found.append((match[1], match[2]))
    return found


def take(context: Context) -> bool:
    """Take the only array that has root's name on its host; False if there is none, or several."""
    goals, root = context.goals, context.settings.root
    if root is None or goals.root_mounted or goals.root_candidates or goals.stand_in:
        return False
    if any(root.names(each) for each in context.devices):
        return False  # the name is that of something here
    if len(found := _arrays(context)) != 1:
        return False
    ((array, number),) = found.items()
    if (device := _assembled(context, array)) is None:
        return False
    known = foreign.finding(context, context.devices.slaves(device.name))
    spec = _spec(array, number)
    if facts.lies_idle(device):
        if known is None or not known.named:
            return False
    elif not any(_fits(context, spec, each) for each in context.devices):
        return False
    host, colon, _ = array.called.partition(":")
    whose = f"an array of the host {host}" if colon else "an array whose name has no host"
    context.report(
        f"{device.node}: taken for root, as nothing else is {root}: it is {array.called}, {whose}"
    )
    by_host = f", or an image with the host name {host}" if colon else ""
    context.report(f"to have it taken at once: root={spec}{by_host}")
    goals.stand_in_for_root(spec)
    if facts.lies_idle(device) and known is not None:
        for uuid in sorted(foreign.identities(context, device)):
            foreign.note_finding(context, uuid, known._replace(root=True))
    context.technologies.own(StandIn).unsettled = device.name
    context.machine.timers.start(Timer.ALONE, "", context.now)  # root's marks are due
    return True


def settle(context: Context) -> list[str]:
    """Have the marks follow once an array was taken; the devices whose marks have changed."""
    stand_in = context.technologies.own(StandIn)
    name, stand_in.unsettled = stand_in.unsettled, ""
    if not name:
        return []
    marked = foreign.mark(context, name)
    return marked + naming.rename(context)


def is_named(context: Context, base: Device, upon: Iterable[Device]) -> bool:
    """True if the array that is looked into, or a partition of it, may be root by that name."""
    members = {each.properties.get("ID_FS_UUID") for each in context.devices.slaves(base.name)}
    specs = [_spec(array, number) for array, number in _named(context) if array.uuid in members]
    return any(_fits(context, spec, each) for spec in specs for each in upon)


def nodes(context: Context) -> Iterator[Node]:
    """What the tree says of arrays that have root's name on their hosts."""
    goals, root = context.goals, context.settings.root
    if root is None or goals.root_mounted or goals.root_candidates:
        return
    found = _arrays(context)
    if not found or any(root.names(each) for each in context.devices):
        return
    places = ((each, number, _assembled(context, each)) for each, number in found.items())
    words = "; ".join(
        f"{each.called} ({device.node if device is not None else 'not assembled'}): "
        f"root={_spec(each, number)}"
        for each, number, device in places
    )
    several = len(found) > 1
    if not several and not _runs_or_foreign(context, next(iter(found))):
        return  # this machine's own, and its own line tells what it lacks
    word = "several" if several else "of another host"
    how = "none is taken for root, name one" if several else "to have it taken at once"
    yield Node(f"{root} on the host that made it", word, reason=f"{how}: {words}")


def _runs_or_foreign(context: Context, array: Array) -> bool:
    device = _assembled(context, array)
    if device is None or not facts.lies_idle(device):
        return device is not None
    return foreign.is_foreign(context, device, context.devices.slaves(device.name))


def _named(context: Context) -> Iterator[tuple[Array, str]]:
    """The arrays that have root's name, with the partition that is meant, by their members."""
    root = context.settings.root
    meant = names(root.value) if root is not None and root.naming is Naming.PATH else []
    for each in context.devices if meant else ():
        known = each.properties
        if known.get("ID_FS_TYPE") != "linux_raid_member":
            continue
        if not known.get("ID_FS_VERSION", "").startswith("1."):
            continue
        called, uuid = known.get("ID_FS_LABEL", ""), known.get("ID_FS_UUID", "")
        for name, number in meant:
            if uuid and name in (called, called.partition(":")[2]):  # the name may have no host
                yield Array(called, uuid), number


def _arrays(context: Context) -> dict[Array, str]:
    return dict(_named(context))


def _assembled(context: Context, array: Array) -> Device | None:
    """The device of the array, which runs or lacks members."""
    for each in context.devices:
        if "md/array_state" not in each.properties:
            continue
        members = context.devices.slaves(each.name)
        if any(member.properties.get("ID_FS_UUID") == array.uuid for member in members):
            return each
    return None


def _spec(array: Array, number: str) -> DeviceSpec:
    """The name that udev gives the array, or its partition, on every host."""
    bare = array.uuid.replace("-", "").replace(":", "")
    uuid = ":".join(bare[at : at + 8] for at in range(0, len(bare), 8))  # as mdadm writes it
    part = f"-part{number}" if number else ""
    return DeviceSpec(Naming.PATH, f"/dev/disk/by-id/md-uuid-{uuid}{part}")


def _fits(context: Context, spec: DeviceSpec, device: Device) -> bool:
    """True for a file system: the name alone is no reason to write to anything else."""
    found = spec.names(device) and device.ready and device.usage == "filesystem"
    return found and naming.may_be_root(context, device)
