"""Passphrases of plain volumes, which have no header: any opens one, a wrong one as random bytes.

So a passphrase is not proven before udev has found something on the mapping, the rule of
cryptsetup-initramfs. Until then nothing is concluded from the mapping: a hibernated system may be
in the volume. A mapping that shows nothing is closed, and the next source has its turn. A key is
taken at its word, since the volume may be new.
"""

from initpy.core.devices.filesystems import is_blank_plain
from initpy.core.devices.graph import PLAIN, Device
from initpy.core.devices.marks import UNPROVEN
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.instance import Instance, JobState
from initpy.core.state.context import Context
from initpy.core.unlock.outcome import opened, refused
from initpy.core.unlock.volume import own, specification, to_be_proven

OPEN, BLANK = "open", "blank"  # values of the mark
DETAIL = "nothing is to be seen with it"


def changed(context: Context, name: str) -> tuple[str, ...]:
    """Judge the mapping, and those on the device; return those whose marks have changed."""
    device = context.devices.get(name)
    if device is None:
        return ()
    near = [device, *context.devices.upon(name)]
    return tuple(each.name for each in near if _is_plain(each) and _judge(context, each))


def ended(context: Context, instance: Instance) -> tuple[str, ...]:
    """A command that opens a volume has ended: its mapping may be known already."""
    if instance.strategy is not Strategy.UNLOCK or instance.subject is None:
        return ()
    return changed(context, instance.subject)


def being_closed(context: Context, instance: Instance) -> bool:
    """True, with the reason, while the mapping that shows nothing is still there."""
    upon = context.devices.upon(instance.subject) if instance.subject is not None else ()
    if not any(each.properties.get(UNPROVEN) == BLANK for each in upon):
        return False
    instance.reason = "its mapping, which shows nothing, is being closed"
    return True


def _is_plain(device: Device) -> bool:
    return device.properties.get("DM_UUID", "").startswith(PLAIN)


def _judge(context: Context, mapping: Device) -> bool:
    """Bring the mark of a mapping up to date; True if it has changed."""
    for below in context.devices.under(mapping.slaves):
        for instance in context.machine.on(below):
            if instance.strategy is Strategy.UNLOCK:
                return _mark(context, mapping, _verdict(context, mapping, instance))
    return False


def _mark(context: Context, mapping: Device, mark: str | None) -> bool:
    if mapping.properties.get(UNPROVEN) == mark:
        return False
    context.devices.mark(mapping.name, UNPROVEN, mark)
    return True


def _verdict(context: Context, mapping: Device, instance: Instance) -> str | None:
    volume, spec = own(context).of(instance), specification(context, instance)
    attempt = volume.unproven
    if instance.state is JobState.RUNNING:
        return OPEN if to_be_proven(spec, volume.attempt) else None
    if attempt is None:
        # An engine that has died meanwhile has opened it, with what is not known any more.
        by_another = spec.kind == "plain" and instance.run == 0 and mapping.ready
        blank = mapping.properties.get(UNPROVEN) == BLANK  # being closed
        return BLANK if blank or (by_another and is_blank_plain(mapping)) else None
    if not mapping.ready:
        return OPEN
    volume.unproven = None
    if is_blank_plain(mapping):
        refused(context, instance, spec, attempt, DETAIL)
        return BLANK
    opened(context, instance, spec, attempt)
    return None
