"""What is left to take down, and what stands on what."""

from collections.abc import Iterable, Iterator, Mapping

from initpy.core.shutdown.kinds import LOOP
from initpy.core.shutdown.layers import Steps, container_of, served, steps_for, takes_over
from initpy.core.shutdown.messages import Deed
from initpy.core.shutdown.mounts import OVERLAY, Mounts, key
from initpy.core.shutdown.present import BlockDevice, Daemon, MountPoint, Present
from initpy.core.tuples import NamedTuple


class Item(NamedTuple):
    """Something to take down."""

    key: str
    words: str  # for the user
    steps: Steps
    argument: str
    below: frozenset[str]  # keys of what it stands on
    run: tuple[str, ...] = ()  # the command that takes it down


def items(present: Present) -> dict[str, Item]:
    """Everything that is left, by key."""
    devices = {each.name: each for each in present.devices}
    active = {each.name: steps for each in present.devices if (steps := steps_for(each))}
    mounts = Mounts(present.mounts, present.devices)
    found = [*_mounted(mounts, devices, active)]
    for name, steps in active.items():
        device = devices[name]
        below = {*_lower(device, devices, active)}
        if name.startswith(LOOP):
            below.update(map(key, mounts.with_files(device)))
        if device.run:
            below = {*_below_declared(name, devices, active)}
        found.append(Item(name, name, steps, name, frozenset(below), device.run))
    for path, name in present.swaps:
        swapped = frozenset(_standing([name], devices, active))
        found.append(Item(f"swap {path}", path, (Deed.SWAP_OFF,), path, swapped))
    return _with_daemons({each.key: each for each in found}, present)


def free(left: Mapping[str, Item]) -> list[Item]:
    """The items on which nothing stands."""
    carrying = {lower for each in left.values() for lower in each.below}
    return [each for each in left.values() if each.key not in carrying]


def _lower(
    device: BlockDevice, devices: Mapping[str, BlockDevice], active: Mapping[str, Steps]
) -> Iterator[str]:
    yield from _standing(device.slaves, devices, active)
    # The kernel lists the disks as slaves of both.
    if (container := container_of(device)) in active:
        yield str(container)


def _below_declared(
    name: str, devices: Mapping[str, BlockDevice], active: Mapping[str, Steps]
) -> Iterator[str]:
    """The devices that a layer of a job file may stand on, such as a pool.

    The kernel does not tell on which: on all, but those that stand on it, other such layers, and
    loop devices of which nothing tells where their file is: it may be in this layer.
    """
    for each in active:
        device = devices[each]
        unknown = device.run or (each.startswith(LOOP) and not device.slaves)
        if not unknown and not _stands_on(each, name, devices):
            yield each


def _stands_on(name: str, lower: str, devices: Mapping[str, BlockDevice]) -> bool:
    pending, seen = [name], set[str]()
    while pending:
        each = pending.pop()
        if each == lower:
            return True
        if each not in seen and each in devices:
            seen.add(each)
            pending.extend(devices[each].slaves)
    return False


def _standing(
    names: Iterable[str], devices: Mapping[str, BlockDevice], active: Mapping[str, Steps]
) -> Iterator[str]:
    """The nearest devices at or below these that are taken down; partitions are passed over."""
    pending, seen = sorted(names), set[str]()
    while pending:
        name = pending.pop()
        if name in active:
            yield name
        elif name not in seen and name in devices:
            seen.add(name)
            pending.extend(sorted(devices[name].slaves))


def _mounted(
    mounts: Mounts, devices: Mapping[str, BlockDevice], active: Mapping[str, Steps]
) -> Iterator[Item]:
    """An overlay keeps its parts in use, whether they are still mounted or not.

    Nothing tells which parts those are, so it stands on all devices.
    """
    for mount in mounts:
        below = {*active} if mount.kind == OVERLAY else {*_standing(mount.devices, devices, active)}
        parent = mounts.parent(mount)
        if parent is not None:
            below.add(key(parent))
        words = f"{mount.target} ({mount.kind})"
        yield Item(key(mount), words, mounts.steps(mount), mount.target, frozenset(below))


def _with_daemons(left: dict[str, Item], present: Present) -> dict[str, Item]:
    """Add the daemons: each between what it serves and what stands on that."""
    for daemon in present.daemons:
        serves = served(daemon, present)
        name = f"daemon {daemon.pid}"
        for each in [*left.values()]:
            if serves is None or each.below & serves:
                left[each.key] = each._replace(below=each.below | {name})
        left[name] = _item(daemon, name, serves or frozenset())
        command, mount = takes_over(daemon), _mount_of(daemon.program, present.mounts)
        if command and mount is not None and key(mount) in left:
            words, below = left[name].words, frozenset({key(mount)})
            steps, pid = (Deed.TAKE_OVER,), str(daemon.pid)
            each = Item(f"{name} from {mount.target}", words, steps, pid, below, command)
            left[each.key] = each
    return left


def _mount_of(path: str, mounts: Iterable[MountPoint]) -> MountPoint | None:
    """The mount that has the file; None if that is not below a mount of the old system."""
    found = [each for each in mounts if each.target != "/" and path.startswith(f"{each.target}/")]
    return max(found, key=lambda each: len(each.target), default=None)


def _item(daemon: Daemon, name: str, serves: frozenset[str]) -> Item:
    words = f"{daemon.name} ({daemon.pid})"
    return Item(name, words, (Deed.TERMINATE, Deed.KILL), str(daemon.pid), serves)
