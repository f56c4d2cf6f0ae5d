"""What the real system is told of arrays that run without a member (R8)."""

from initpy.core.actions import Record
from initpy.core.devices.graph import Device
from initpy.core.jobs.instance import JobState
from initpy.core.state.context import Context
from initpy.core.storage.md.facts import level, missing, missing_slots, total
from initpy.core.storage.md.members import offers, uuids


def record(context: Context) -> None:
    """Leave word of the arrays that run degraded to the real system (R8)."""
    lines = [_line(context, each) for each in context.devices if missing(each)]
    if lines:
        context.current.act(Record("degraded", "".join(f"{line}\n" for line in sorted(lines))))


def _too_late_for(context: Context, array: Device) -> list[str]:
    """The members that came after the array was started, and were refused."""
    known = uuids(context, array)
    return sorted(
        each.name
        for each in context.devices
        if each.properties.get("ID_FS_UUID") in known
        and each.name not in array.slaves
        and any(job.state is JobState.FAILED for job in offers(context, each))
    )


def _line(context: Context, array: Device) -> str:
    """One line for the real system: `md127 level=raid1 members=1/2 late=vdb uuid=… name=…`."""
    whole, lost = total(array) or 0, missing(array)
    words = [array.name, f"level={level(array)}", f"members={whole - lost}/{whole}"]
    if empty := missing_slots(array):
        words.append("missing=" + ",".join(map(str, empty)))
    if late := _too_late_for(context, array):
        words.append("late=" + ",".join(late))
    for key, name in (("MD_UUID", "uuid"), ("MD_NAME", "name")):
        if key in array.properties:
            words.append(f"{name}={array.properties[key]}")
    return " ".join(words)
