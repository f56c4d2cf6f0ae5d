"""Whose array it is (R9), and what a look into it has found.

mdadm says whether another host made an array only when it takes a member in, and what was found
on an array is known only while it runs: an engine that is started again finds the word that this
one leaves (R5).
"""

from collections.abc import Iterable

from initpy.core.actions import Record
from initpy.core.devices.graph import Device
from initpy.core.jobs.instance import Instance
from initpy.core.layer import Layer
from initpy.core.state.context import Context
from initpy.core.storage.md import firmware, reassemble
from initpy.core.storage.md.facts import LAYER, lies_idle, tells_no_host
from initpy.core.storage.md.state import Finding, own

MARK = "INITPY_START"  # how the array may start without its missing members: "look", or as usual
VERDICT = "looked"  # what an earlier engine has found, as the runtime reads it for each member


def finding(context: Context, members: Iterable[Device]) -> Finding | None:
    """What a look into the array of these members has found; None before one."""
    known = tuple(members)
    if firmware.tells_host(known):
        box = firmware.container(context, known)
        return _finding(context, box, "MD_UUID") if box is not None else None
    found = (_finding(context, each, "ID_FS_UUID") for each in known)
    return next((each for each in found if each is not None), None)


def _finding(context: Context, told: Device, key: str) -> Finding | None:
    uuid = told.properties.get(key, "")
    known = own(context).findings.get(uuid)
    if known is None and (text := told.properties.get(VERDICT)):
        word, members, words = f"{text}  ".split(" ", 2)
        number = int(members) if members.isdecimal() else 0
        part = word in ("part", "alone")
        alone, named = word == "alone", word == "named"
        found = Finding(word == "found", words.strip(), part, number, alone, named)
        known = own(context).findings[uuid] = found
    return known


def identities(context: Context, array: Device) -> set[str]:
    """The UUIDs by which findings about the array are known."""
    members = context.devices.slaves(array.name)
    if firmware.tells_host(members):
        box = firmware.container(context, members)
        found = {box.properties.get("MD_UUID", "")} if box is not None else set[str]()
    else:
        found = {each.properties.get("ID_FS_UUID", "") for each in members}
    return found - {""}


def note_finding(context: Context, uuid: str, found: Finding) -> None:
    """What was found on the array: known from now on, also to an engine after this one."""
    own(context).findings[uuid] = found
    part = "alone" if found.alone else "part" if found.part else "nothing"
    part = "named" if found.named else part
    word = "found" if found.root else part
    context.current.act(Record(f"{VERDICT}.{uuid}", f"{word} {found.members} {found.words}\n"))


def is_foreign(context: Context, device: Device, members: tuple[Device, ...]) -> bool:
    """True for an array of another host that the user has not named, and that has no root.

    An array of unknown origin is treated as foreign: that costs time, and no data.
    """
    if context.settings.layer(LAYER).named or tells_no_host(members):
        return False
    if (known := finding(context, members)) is not None and known.root:
        return False
    uuids = {each.properties.get("ID_FS_UUID", "") for each in members}
    if firmware.tells_host(members):
        return _is_foreign_firmware(context, device)
    # The word is about another array of this name, unless a member says nothing any more.
    if (noted := device.properties.get("foreign")) and not uuids.isdisjoint((noted, "")):
        return True
    said = {each.properties.get("MD_FOREIGN") for each in members}
    if "yes" not in said:
        return "no" not in said and reassemble.MARK in device.properties
    note_foreign(context, device.name, max(uuids))
    return True


def _is_foreign_firmware(context: Context, device: Device) -> bool:
    """True for a volume of another or unknown host, and for a container that has one.

    mdadm creates the volumes of an incomplete one at once: of one without, it is not known whose
    it is. The news of its volumes may be late or lost, or mdadm died before it created them.
    """
    if firmware.is_volume(device):
        return firmware.named_as_foreign(device)
    found, uuid = firmware.volumes(context, device), device.properties.get("MD_UUID", "")
    if any(map(firmware.named_as_foreign, found)):
        if any("MD_DEVNAME" in each.properties for each in found):
            note_foreign(context, device.name, uuid)
        return True
    return not found


def mark(context: Context, name: str) -> list[str]:
    """Bring the mark of an array, or of the arrays of a member, up to date; those changed."""
    device, changed = context.devices.get(name), []
    if device is None:
        return []
    for each in _with_container(context, device):
        if not lies_idle(each):
            continue
        members = context.devices.slaves(each.name)
        looks = bool(members) and (
            context.looks.covers(context.devices, each.name) or is_foreign(context, each, members)
        )
        mark = "look" if looks else None
        if each.properties.get(MARK) != mark:
            context.devices.mark(each.name, MARK, mark)
            changed.append(each.name)
    return changed


def _with_container(context: Context, device: Device) -> tuple[Device, ...]:
    """The device, the arrays of a member, and the container of a volume."""
    found = (device, *context.devices.holders(device.name))
    if not firmware.is_volume(device):
        return found
    near = (each for name in device.slaves for each in context.devices.holders(name))
    return (*found, *{each.name: each for each in near if firmware.is_container(each)}.values())


def published(context: Context, instance: Instance) -> list[str]:
    """mdadm has said of which array a member is, and whether another host made that array.

    It says so only once, whether the array has shown by now or not.
    """
    device, own_ones = context.device(instance), context.settings.layer(Layer.MD).named
    if device is not None and not own_ones and not tells_no_host((device,)):
        known = device.properties
        if (array := known.get("MD_DEVICE")) and known.get("MD_FOREIGN") == "yes":
            note_foreign(context, array, known.get("ID_FS_UUID", ""))
    return mark(context, instance.subject or "")


def note_foreign(context: Context, array: str, uuid: str) -> None:
    """Another host has made the array: known from now on, also to an engine after this one."""
    if not own(context).is_foreign(array):
        own(context).note_foreign(array)
        context.current.act(Record(f"foreign.{array}", f"{uuid}\n"))
