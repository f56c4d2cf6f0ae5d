"""Groups on arrays that are only looked into (R9): what may be activated, what the user named."""

from initpy.core.devices.graph import Device
from initpy.core.devices.marks import LOOK
from initpy.core.layer import Layer
from initpy.core.state.context import Context
from initpy.core.storage.lvm.state import COMPLETE, own


def looked_into(context: Context, group: str) -> list[bool]:
    """For each physical volume of the group whether it stands on what is only looked into."""
    found = (context.devices.get(each) for each in own(context).volumes(group))
    return [LOOK in each.properties for each in found if each is not None]


def beside_a_look(context: Context, group: str) -> str:
    """Why the group must not be activated while a part of it is only looked into, "" if it may.

    The kernel refuses writes to what is looked into, but not to the other physical volumes, and a
    volume with redundancy writes there that it has lost a leg (dm-raid's superblocks).
    """
    looked = looked_into(context, group)
    if any(looked) and not all(looked):
        return f"{group} is on other disks, too, and would write to them: it is not looked into"
    return ""


def named(context: Context, device: Device) -> str:
    """The logical volume or the group that the user named."""
    policy, known = context.settings.lvm, device.properties
    volume = f"{known.get('DM_VG_NAME')}/{known.get('DM_LV_NAME')}"
    if volume in policy.volumes and not known.get("DM_LV_LAYER"):
        return f"the logical volume {volume}"
    group = known.get(COMPLETE, "")
    of_it = any(each.partition("/")[0] == group for each in policy.volumes)
    named = {*policy.hinted, *context.settings.layer(Layer.LVM).named}
    if group in named and (beside_a_look(context, group) or not (of_it or group in policy.hinted)):
        return f"the volume group {group}"
    return ""
