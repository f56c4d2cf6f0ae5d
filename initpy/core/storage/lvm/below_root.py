"""Groups and volumes that the root's own fstab wants besides those that parameters name."""

from collections.abc import Iterable

from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.jobs.definitions import Strategy
from initpy.core.layer import Layer
from initpy.core.settings import Settings
from initpy.core.state.context import Context
from initpy.core.storage.lvm.names import volume_of
from initpy.core.storage.lvm.state import own


def widened(settings: Settings, wanted: Iterable[DeviceSpec]) -> Settings:
    """Return the settings with the groups and volumes that lead to these devices.

    A path tells its volume. Any volume may be behind a UUID: the named groups are then activated
    as a whole, and other groups as a last resort, as if only root= had named one.
    """
    for spec in wanted:
        policy, groups = settings.lvm, settings.layer(Layer.LVM)
        narrowed = {_group(each) for each in policy.volumes}
        if spec.naming is not Naming.PATH:
            if not groups.named:
                continue
            policy = policy._replace(hinted=policy.hinted | groups.named, volumes=frozenset())
            groups = groups._replace(named=frozenset())
        elif found := volume_of(spec.value):
            group, volume = found
            if policy.hinted:
                policy = policy._replace(hinted=policy.hinted | {group})
            if group in narrowed or (groups.named and group not in groups.named):
                policy = policy._replace(volumes=policy.volumes | {f"{group}/{volume}"})
            if groups.named:
                groups = groups._replace(named=groups.named | {group})
        layers = {**settings.layers, Layer.LVM: groups}
        settings = settings._replace(lvm=policy, layers=layers)
    return settings


def reopen(context: Context, before: Settings) -> None:
    """Activate groups again of which more volumes are wanted now."""
    old, new = before.lvm.volumes, context.settings.lvm.volumes
    groups = {_group(each) for each in old ^ new}
    if not groups:
        return
    lvm = own(context)
    lvm.reopen(groups)
    for instance in tuple(context.machine.every()):
        activates = instance.strategy in (Strategy.GROUP_ACTIVATE, Strategy.GROUP_START)
        names = [group for group in groups if str(instance.subject) in lvm.volumes(group)]
        if activates and names:
            instance.succeeded = False  # what it has activated is not all by now
            context.machine.touch(instance)


def _group(volume: str) -> str:
    return volume.partition("/")[0]
