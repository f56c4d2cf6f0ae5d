"""The hooks of md: what the boot asks of it, and when."""

from collections.abc import Iterable

from initpy.core.devices.graph import Device
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.instance import Instance
from initpy.core.jobs.technology import Technology
from initpy.core.state.context import Context
from initpy.core.storage.md import facts, reassemble, start_degraded
from initpy.core.storage.md.facts import LAYER
from initpy.core.storage.md.members import array_gone, being_started, judge, refused_without
from initpy.core.storage.md.report import record
from initpy.core.storage.md.state import own


def technology() -> Technology:
    """The hooks of md."""
    return Technology(
        "md",
        changed=start_degraded.changed,
        looked=reassemble.look,
        gone=_gone,
        blocks=_blocks,
        judge=judge,
        ended=_ended,
        unsettled=_unsettled,
        incoming=_incoming,
        handover=record,
        name_of=facts.name_of,
        condition=facts.condition,
    )


def _gone(context: Context, device: Device | None, _: str) -> tuple[str, ...]:
    if device is not None and "md/array_state" in device.properties:
        array_gone(context, device)
    return ()


def _blocks(context: Context, instance: Instance) -> str:
    refused = own(context).start_refused
    if refused and (name := refused_without(context, instance)) is not None:
        return f"waits until {name}, which could not start without it, is stopped"
    # It would stop an array that is being started at this moment.
    if instance.subject in refused and being_started(context, instance):
        return "waits for the start of the array to end"
    return ""


def _ended(context: Context, instance: Instance) -> Iterable[str]:
    strategy, machine = instance.strategy, context.machine
    if instance.definition.layer is not LAYER or instance.subject is None:
        return ()
    marked: list[str] = []
    if strategy is Strategy.DEGRADED_START:
        marked += start_degraded.changed(context, instance.subject)
    marked += reassemble.look(context, instance.subject)
    machine.touch_all(machine.pending(Strategy.REASSEMBLE))
    if strategy is Strategy.REASSEMBLE:  # where it failed, the array is left as it is
        machine.touch_on(instance.subject)
    if instance.published:
        start_degraded.published(context, instance)
    return marked


def _unsettled(context: Context) -> Iterable[str]:
    md = own(context)
    if not md.unsettled or not md.lookout.news(context.current):
        return ()
    return [each for name in sorted(md.unsettled) for each in reassemble.look(context, name)]


def _incoming(context: Context, name: str) -> bool:
    """True for an array that was not told of as running yet."""
    device = context.devices.get(name)
    return name.startswith("md") and (
        device is None or device.properties.get("md/array_state") == "inactive"
    )
