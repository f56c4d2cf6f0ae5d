"""What the root's own fstab wants before the handover is as wanted as the root (R1).

So is what other parameters name: `rd.overlay=`, `mount.usr=`, `resume=`, keys and headers.
Parameters such as `rd.lvm.lv=` name what leads to the root, as installers write them. Once the root
is mounted, its fstab may want more: those names count, too, as if the user had given them.
"""

from collections.abc import Iterable, Iterator, Sequence

from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.jobs.instance import JobState, Stimulus
from initpy.core.machine.wanted import unwanted
from initpy.core.settings import ExtraMount, Settings
from initpy.core.state.context import Context
from initpy.core.storage.lvm import below_root as groups
from initpy.core.storage.md import below_root as arrays
from initpy.core.unlock import below_root as volumes

WHY = "the root's own fstab wants it"


def widen(context: Context, mounts: Iterable[ExtraMount]) -> None:
    """Add what fstab names to what the user wants; look at unwanted jobs again."""
    absent = [each.source for each in mounts if not _is_there(context, each.source)]
    listed = any(each.source.naming is Naming.LISTED or each.source.needs for each in mounts)
    _widen(context, absent, listed)


def widen_by_parameters(context: Context) -> None:
    """Add the devices that parameters name beside root, by paths: these tell what leads there."""
    settings = context.settings
    paths = [each for each in _beside_root(settings) if each.naming is Naming.PATH]
    _widen(context, [each for each in paths if each != settings.root], listed=False)


def _beside_root(settings: Settings) -> Iterator[DeviceSpec]:
    if settings.usr is not None:
        yield settings.usr.source
    if settings.resume is not None:
        yield settings.resume.source
    if settings.overlay is not None:
        yield from filter(None, (settings.overlay.source, settings.overlay.encrypted))
    for volume in (*settings.volumes, settings.unnamed):
        for part in (volume.key, volume.header):
            if part is not None and part.device is not None:
                yield part.device


def _widen(context: Context, absent: Sequence[DeviceSpec], listed: bool) -> None:
    before = context.settings
    settings, encrypted = volumes.widened(before, absent)
    wanted = (*absent, *(each.source for each in encrypted))
    settings = arrays.widened(groups.widened(settings, wanted), wanted)
    if settings == before and not listed:
        return
    context.settings = settings
    for each in encrypted:
        context.volumes.add(each.source, each)
    groups.reopen(context, before)
    for instance in tuple(context.machine.every()):
        if instance.state is JobState.SKIPPED and unwanted(context, instance) is None:
            context.machine.move(instance, Stimulus.WANTED, WHY)
            context.machine.touch(instance)


def _is_there(context: Context, source: DeviceSpec) -> bool:
    return any(source.names(each) and not each.is_layer for each in context.devices)
