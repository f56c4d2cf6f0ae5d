"""The hooks of md: what the boot asks of it, and when."""

from collections.abc import Iterable

from initpy.core.devices.graph import Device
from initpy.core.explanation import Node
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.instance import Instance
from initpy.core.jobs.technology import Technology
from initpy.core.state.context import Context
from initpy.core.storage.md import (
    facts,
    firmware,
    foreign,
    look_begin,
    look_inside,
    monitor,
    reassemble,
    reexamine,
    start_degraded,
)
from initpy.core.storage.md.busy import (
    being_created,
    being_stopped,
    busy,
    may_create,
    stops,
)
from initpy.core.storage.md.facts import LAYER
from initpy.core.storage.md.members import (
    array_gone,
    being_started,
    judge,
    refused_without,
)
from initpy.core.storage.md.report import record
from initpy.core.storage.md.state import own


def technology() -> Technology:
    """The hooks of md."""
    return Technology(
        "md",
        changed=_changed,
        looked=_reassembled,
        gone=_gone,
        blocks=_blocks,
        judge=judge,
        ended=_ended,
        left=_left,
        unsettled=_unsettled,
        incoming=_incoming,
        at_last=_stand_in,
        keeps=_keeps,
        handover=_leave_word,
        name_of=facts.name_of,
        condition=facts.condition,
        nodes=_nodes,
    )


def _stand_in(context: Context) -> bool:
    from initpy.core.storage.md import stand_in  # most boots have root in time

    return stand_in.take(context)


def _nodes(context: Context) -> Iterable[Node]:
    from initpy.core.storage.md import stand_in  # only where a tree is shown

    return stand_in.nodes(context)


def _leave_word(context: Context) -> None:
    record(context)
    monitor.report_untold(context)


def _keeps(context: Context) -> bool:
    """True while an array is looked into, which is to be left as it was, or a monitor is due."""
    return context.looks.on or monitor.keeps(context)


def _changed(context: Context, name: str) -> list[str]:
    started = look_begin.forget_started(context, name)
    look_begin.changed(context, name)
    if (device := context.devices.get(name)) is not None and firmware.is_container(device):
        own(context).boxes.add(name)
    # What stands on it may be known already, and nothing may begin on that meanwhile.
    marked = started + (look_inside.mark(context) if context.looks.on else [])
    _other_parts(context)
    marked += [*foreign.mark(context, name), *start_degraded.changed(context, name)]
    marked += reexamine.look(context, name)
    return marked + monitor.mark(context, name)


def _other_parts(context: Context) -> None:
    """Look again whether arrays with a part may be looked into together with others."""
    if any(each.part for each in own(context).findings.values()):
        context.machine.touch_all(context.machine.pending(Strategy.LOOK))


def _reassembled(context: Context, name: str) -> list[str]:
    """Whose an array is, is not known where mdadm was not done with it."""
    marked = reassemble.look(context, name)
    return marked + [each for array in marked for each in foreign.mark(context, array)]


def _gone(context: Context, device: Device | None, name: str) -> tuple[str, ...]:
    if device is not None and "md/array_state" in device.properties:
        array_gone(context, device)
    own(context).boxes.discard(name)
    context.looks.left.discard(name)
    look_begin.forget_failed(context, name)
    if context.looks.on or context.looks.left:  # what it stood on may be taken down now
        context.machine.touch_all(context.machine.pending(Strategy.TAKE_DOWN))
    return ()


def _blocks(context: Context, instance: Instance) -> str:
    if stops(instance) and (key := being_created(context, instance)):
        return f"waits for {key} to end"
    if instance.strategy in (Strategy.TAKE_DOWN, Strategy.REASSEMBLE):
        return ""
    refused = own(context).start_refused
    if refused and (name := refused_without(context, instance)) is not None:
        return f"waits until {name}, which could not start without it, is stopped"
    device = context.device(instance)
    if context.looks.on and device is not None:
        array = look_inside.missing_member(context, device)
        if array is not None and instance.definition.layer is LAYER:
            return f"waits until {array}, which is looked into without it, is stopped"
    if device is not None and firmware.is_container(device) and busy(context, device):
        return "waits for mdadm to end, which may create the volumes"
    # It would stop an array that is being started at this moment.
    if instance.subject in refused and being_started(context, instance):
        return "waits for the start of the array to end"
    if may_create(instance) and (array := being_stopped(context)):
        return f"waits until {array} is stopped"
    return ""


def _ended(context: Context, instance: Instance) -> Iterable[str]:
    strategy, machine = instance.strategy, context.machine
    if stops(instance):  # its members may be offered to mdadm
        machine.touch_all(machine.pending(Strategy.RUN))
        machine.touch_all(machine.pending(Strategy.DEGRADED_START))
    elif own(context).start_refused and may_create(instance):
        machine.touch_all(machine.pending(Strategy.RUN))  # one may wait to stop an array
    if context.looks.on or context.looks.left:
        machine.touch_all(machine.pending(Strategy.TAKE_DOWN))
    if strategy is Strategy.MOUNT_ROOT:
        _other_parts(context)
    if instance.definition.layer is not LAYER or instance.subject is None:
        return ()
    for name in own(context).boxes:  # one may wait for mdadm to end
        machine.touch_on(name)
    marked: list[str] = []
    if strategy is Strategy.LOOK:
        marked += look_inside.mark(context)
    if strategy in (Strategy.DEGRADED_START, Strategy.LOOK):
        marked += start_degraded.changed(context, instance.subject)
    marked += _reassembled(context, instance.subject)
    machine.touch_all(machine.pending(Strategy.REASSEMBLE))
    if strategy is Strategy.REASSEMBLE:  # where it failed, the array is left as it is
        machine.touch_on(instance.subject)
    if instance.published:
        marked += foreign.published(context, instance)
    marked += reexamine.ended(context, instance)
    return marked + monitor.ended(context, instance.subject)


def _left(context: Context, instance: Instance) -> Iterable[str]:
    """A volume does not wait any more for a monitor that cannot be started."""
    if instance.strategy is Strategy.START_MONITOR and instance.subject is not None:
        return monitor.mark(context, instance.subject)
    return ()


def _unsettled(context: Context) -> Iterable[str]:
    marked = look_inside.go_on(context) if context.looks.on else []
    if context.goals.stand_in is not None:
        from initpy.core.storage.md import stand_in  # root= names most roots

        marked += stand_in.settle(context)
    md = own(context)
    if not md.unsettled or not md.lookout.news(context.current):
        return marked
    return marked + [
        each for name in sorted(md.unsettled) for each in reassemble.look(context, name)
    ]


def _incoming(context: Context, name: str) -> bool:
    """True for an array that was not told of as running yet."""
    device = context.devices.get(name)
    return name.startswith("md") and (
        device is None or device.properties.get("md/array_state") == "inactive"
    )
