"""What is left to take down, and what stands on what."""

from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from initpy.core.shutdown.kinds import LOOP
from initpy.core.shutdown.layers import Steps, container_of, served, steps_for
from initpy.core.shutdown.messages import Deed
from initpy.core.shutdown.present import BlockDevice, Daemon, MountPoint, Present

OVERLAY = "overlay"


class Item(NamedTuple):
    """Something to take down."""

    key: str
    words: str  # for the user
    steps: Steps
    argument: str
    below: frozenset[str]  # keys of what it stands on


def items(present: Present) -> dict[str, Item]:
    """Everything that is left, by key."""
    devices = {each.name: each for each in present.devices}
    active = {each.name: steps for each in present.devices if (steps := steps_for(each))}
    found = [
        Item(name, name, steps, name, frozenset(_lower(devices[name], devices, active)))
        for name, steps in active.items()
    ]
    found = [_on_files(each, devices, present) for each in found]
    found += _mounts(present.mounts, devices, active)
    for path, name in present.swaps:
        below = frozenset(_standing([name], devices, active))
        found.append(Item(f"swap {path}", path, (Deed.SWAP_OFF,), path, below))
    return _with_daemons({each.key: each for each in found}, present)


def free(left: Mapping[str, Item]) -> list[Item]:
    """The items on which nothing stands."""
    carrying = {lower for each in left.values() for lower in each.below}
    return [each for each in left.values() if each.key not in carrying]


def _on_files(item: Item, devices: Mapping[str, BlockDevice], present: Present) -> Item:
    """A loop device stands on the mounts of the file system that has its file."""
    if not item.key.startswith(LOOP):
        return item
    below = devices[item.key].slaves
    mounts = {_key(each) for each in present.mounts if each.devices & below}
    return item._replace(below=item.below | mounts)


def _lower(
    device: BlockDevice, devices: Mapping[str, BlockDevice], active: Mapping[str, Steps]
) -> Iterator[str]:
    yield from _standing(device.slaves, devices, active)
    # The kernel lists the disks as slaves of both.
    if (container := container_of(device)) in active:
        yield str(container)


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


def _mounts(
    mounts: Iterable[MountPoint], devices: Mapping[str, BlockDevice], active: Mapping[str, Steps]
) -> Iterator[Item]:
    """File systems on disks, and all that is mounted on such.

    An overlay keeps its parts in use, whether they are still mounted or not: nobody tells which
    those are, so it stands on all devices.
    """
    known = {each.number: each for each in mounts}
    for mount in known.values():
        on_disk = bool(mount.devices) or mount.kind == OVERLAY
        if not (on_disk or any(_on_disk(each) for each in _ancestors(mount, known))):
            continue
        below = set(_standing(mount.devices, devices, active))
        if mount.kind == OVERLAY:
            below.update(active)
        parent = known.get(mount.parent)
        if parent is not None and any(map(_on_disk, (parent, *_ancestors(parent, known)))):
            below.add(_key(parent))
        steps: Steps = (Deed.UNMOUNT, Deed.READ_ONLY)
        if not on_disk:
            steps = (Deed.DETACH,)  # a storage daemon may have files of /sys or /run open
        elif mount.read_only:
            steps = (Deed.UNMOUNT,)
        words = f"{mount.target} ({mount.kind})"
        yield Item(_key(mount), words, steps, mount.target, frozenset(below))


def _key(mount: MountPoint) -> str:
    return f"mount {mount.number}"


def _on_disk(mount: MountPoint) -> bool:
    return bool(mount.devices) or mount.kind == OVERLAY


def _ancestors(mount: MountPoint, known: Mapping[int, MountPoint]) -> Iterator[MountPoint]:
    seen = {mount.number}
    while (parent := known.get(mount.parent)) is not None and parent.number not in seen:
        seen.add(parent.number)
        yield parent
        mount = parent


def _with_daemons(left: dict[str, Item], present: Present) -> dict[str, Item]:
    """Add the daemons: each between what it serves and what stands on that."""
    for daemon in present.daemons:
        serves = served(daemon, present)
        key = f"daemon {daemon.pid}"
        for each in [*left.values()]:
            if serves is None or each.below & serves:
                left[each.key] = each._replace(below=each.below | {key})
        left[key] = _item(daemon, key, serves or frozenset())
    return left


def _item(daemon: Daemon, key: str, serves: frozenset[str]) -> Item:
    words = f"{daemon.name} ({daemon.pid})"
    return Item(key, words, (Deed.TERMINATE, Deed.KILL), str(daemon.pid), serves)
