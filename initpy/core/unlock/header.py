"""The header of a volume: its own, which may be damaged, or a detached one that must be there."""

from initpy.core.devices.graph import DERIVED
from initpy.core.jobs.instance import Instance
from initpy.core.machine.rules import give_up
from initpy.core.state.context import Context
from initpy.core.unlock.fetched import Fetching, Stage
from initpy.core.unlock.volume import own
from initpy.core.volumes import VolumeSpec


def obtain(context: Context, instance: Instance, spec: VolumeSpec) -> Fetching | None:
    """The volume's header as far as it has come; None where there is nothing to wait for."""
    device = context.device(instance)
    if device is not None and device.kind in DERIVED:
        return None  # it is no LUKS volume
    fetchings = own(context).fetchings
    if spec.header is None:
        return fetchings.own_header(context, instance, spec.name)
    return fetchings.header(context, instance, spec.header, spec.name)


def usable(context: Context, instance: Instance, spec: VolumeSpec, header: Fetching) -> bool:
    """False while there is no point in asking anybody; the instance then says why."""
    if spec.header is None:
        if header.stage is not Stage.SPENT:
            return True
        why = f"its LUKS2 header: {header.error}"
        context.prompts.drop(instance.key, f"{spec.name} cannot be unlocked; {why}")
        give_up(context, instance, why)
        return False
    if header.stage is Stage.READ:
        return True
    instance.idle = header.stage is not Stage.READING
    instance.reason = f"its header {spec.header}: {header.stage.value}"
    return False


def why_absent(context: Context, instance: Instance, spec: VolumeSpec) -> str | None:
    """Why a detached header is not there, None if nothing is missing."""
    if spec.header is None:
        return None
    found = own(context).fetchings.header(context, instance, spec.header, spec.name)
    return None if found.stage is Stage.READ else f"its header {spec.header}: {found.stage.value}"
