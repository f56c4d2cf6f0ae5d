"""What LVM says of groups, in words for the user, and what to do about those that lack disks."""

from collections.abc import Iterator

from initpy.core.devices.graph import Device
from initpy.core.devices.names import Naming
from initpy.core.explanation import Advice
from initpy.core.jobs.instance import Instance
from initpy.core.state.context import Context
from initpy.core.storage.lvm.names import volume_of
from initpy.core.storage.lvm.state import COMPLETE, INCOMPLETE

# What LVM adds to a message: of no use here.
_HINTS = ("See ", "Use --select ")


def group_of(context: Context, instance: Instance, key: str) -> str | None:
    device = context.device(instance)
    return device.properties.get(key) if device else None


def remarks_of(text: str) -> list[str]:
    """What LVM said, each remark once, without what only its own log needs."""
    lines = [line.strip().removeprefix("WARNING: ") for line in text.splitlines()]
    bare = [line.partition("] ")[2] if line.startswith("pvscan[") else line for line in lines]
    said = (line.rstrip(".") for line in bare if line and not line.startswith(_HINTS))
    return list(dict.fromkeys(said))


def our_parameter(text: str) -> str:
    return text.replace("--activationmode partial", "rd.lvm.activationmode=partial")


def part_of(context: Context, device: Device) -> str:
    """What a physical volume is a part of, if others are missing."""
    group = incomplete(context, device)
    return f"volume group {group}, which is incomplete" if group else ""


def incomplete(context: Context, device: Device) -> str:
    """The volume group of a physical volume, if it lacks others; else empty.

    Each volume tells what there was when it was looked at: a later one may have completed it.
    """
    group = device.properties.get(INCOMPLETE, "")
    if group and any(each.properties.get(COMPLETE) == group for each in context.devices):
        return ""
    return group


def about_volume(context: Context, instance: Instance) -> Iterator[Advice]:
    """What to do if root= names a volume of an active group that has not shown."""
    root, group = context.settings.root, group_of(context, instance, COMPLETE)
    named = volume_of(root.value) if root is not None and root.naming is Naming.PATH else None
    if named is None or named[0] != group or not instance.succeeded or context.goals.root_matches:
        return
    volume = "/".join(named)
    yield Advice(
        f'The group {group} is active and shows no volume {named[1]}. The flag "activation skip" '
        f"of a thin snapshot keeps one inactive, unless rd.lvm.lv={volume} names it:",
        (
            (
                f"lvm lvs -o name,skip_activation {group}",
                "all its volumes, which have the flag",
            ),
            (f"lvm lvchange -ay -K {volume}", "activates it"),
        ),
    )


def advice(context: Context, instance: Instance) -> Iterator[Advice]:
    """What to do about a group that lacks disks."""
    device = context.device(instance)
    if device is not None and (group := incomplete(context, device)):
        yield Advice(
            f"The volume group {group} lacks disks: connect them, or use what there is:",
            (
                ("lvm pvs", "which ones are missing"),
                (f"lvm vgchange -ay --activationmode partial {group}", "the volumes it still has"),
            ),
        )
