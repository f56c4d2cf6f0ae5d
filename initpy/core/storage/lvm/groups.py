"""LVM volume groups: complete ones at once, incomplete ones after a timer, and only wanted ones.

Each physical volume that appears is shown to `lvm pvscan`, which records it
under /run/lvm and says whether its group is complete by now. That record is
the memory: a second scan says the same again (R5), and the real system's own
scan finds nothing that it would take for its own work.

Which groups are wanted (R1): those that `rd.lvm.vg=` and `rd.lvm.lv=` name,
and no others. When only `root=` or `resume=` name a group, one that may lead
to it all the same (LVM on LUKS on LVM) is activated as a last resort, when
nothing else is left that could. Without any name all complete groups are.
"""

from collections.abc import Iterable, Iterator

from initpy.core.devices.graph import Device
from initpy.core.events import JobEnded
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.handler import Handler
from initpy.core.jobs.hold_table import DeadlineKind
from initpy.core.jobs.instance import Instance, Stimulus
from initpy.core.jobs.technology import Technology
from initpy.core.machine.rules import ended, give_up, start
from initpy.core.machine.templates import command, describe
from initpy.core.state.context import Context
from initpy.core.storage.assembly import Plan, is_due, left, starting, wait_afresh
from initpy.core.storage.lvm import foreign_groups, same_name, unseen
from initpy.core.storage.lvm.looked_into import beside_a_look, looked_into, named
from initpy.core.storage.lvm.state import COMPLETE, INCOMPLETE, groups_of, own
from initpy.core.storage.lvm.told import (
    about_volume,
    advice,
    group_of,
    our_parameter,
    part_of,
    remarks_of,
)

# How long nothing may be at work before a group that root= does not name is tried.
OTHERS = Plan(5.0, rank=2, kind=DeadlineKind.LAST_RESORT)
# A group of another system comes after those.
FOREIGN = Plan(5.0, rank=3, kind=DeadlineKind.LAST_RESORT)
# An incomplete group waits for arrays that are still to start.
GROUP_RANK = 1
# pvscan(8): nothing but facts, for udev; without it, what it thinks of the device.
FACTS_ONLY = "--udevoutput"


def technology() -> Technology:
    """The hooks of LVM."""
    return Technology(
        "lvm",
        changed=_changed,
        looked=foreign_groups.looked,
        gone=_gone,
        ended=_ended,
        left=_left,
        unsettled=same_name.unsettled,
        part_of=part_of,
        named=named,
        condition=foreign_groups.condition,
    )


def handlers() -> dict[Strategy, Handler]:
    """The handlers of the LVM jobs."""
    return {
        Strategy.GROUP_SCAN: Handler(_scan, _scanned, advice=advice),
        Strategy.GROUP_ACTIVATE: Handler(_activate, _activated, left, advice=about_volume),
        Strategy.GROUP_START: Handler(_start, _activated, left),
    }


def _reopen(context: Context, groups: Iterable[str]) -> None:
    own(context).reopen(groups)
    for group in groups:
        foreign_groups.forget(context, group)
        same_name.forget(context, group)


def _pending(context: Context, group: str, strategy: Strategy) -> Iterator[Instance]:
    """The pending instances of a strategy for this group."""
    for name in own(context).volumes(group):
        for each in context.machine.on(name):
            if each.strategy is strategy and each.pending:
                yield each


def _wake(context: Context, groups: Iterable[str]) -> None:
    """Instances that wait for others of their group look again."""
    for group in groups:
        for strategy in (Strategy.GROUP_ACTIVATE, Strategy.GROUP_START):
            context.machine.touch_all(_pending(context, group, strategy))


def _changed(context: Context, name: str) -> tuple[str, ...]:
    """Note which groups a physical volume tells of."""
    foreign_groups.changed(context, name)
    lvm, groups = own(context), groups_of(context.devices.get(name))
    if groups or lvm.knows(name):
        lvm.take(name, groups)
    return ()


def _gone(context: Context, device: Device | None, name: str) -> tuple[str, ...]:
    lvm = own(context)
    if lvm.knows(name):
        groups = lvm.take(name, ())
        _reopen(context, groups)
        _wake(context, groups)
    return ()


def _ended(context: Context, instance: Instance) -> Iterable[str]:
    if instance.strategy not in foreign_groups.OF_GROUPS or instance.subject is None:
        return ()
    groups = groups_of(context.device(instance))
    if instance.strategy is Strategy.GROUP_COMMAND:
        same_name.ended(context, instance, groups)
        _wake(context, groups)
    doubtful = [
        name
        for group in dict.fromkeys((*groups, foreign_groups.group_of(context, instance)))
        if group
        for name in foreign_groups.changed_group(context, group)
    ]
    alike = same_name.marked(context, groups)
    return (instance.subject, *doubtful, *alike)


def _left(context: Context, instance: Instance) -> tuple[str, ...]:
    if instance.strategy in (Strategy.GROUP_ACTIVATE, Strategy.GROUP_START):
        _wake(context, groups_of(context.device(instance)))
    return ()


# Looking at physical volumes


def _scan(context: Context, instance: Instance) -> None:
    """Show the volume to LVM."""
    words = _command(context, instance)
    if own(context).silent.get(instance.key) == instance.run + 1:
        words = tuple(word for word in words if word != FACTS_ONLY)
    start(context, instance, words)


def _scanned(context: Context, instance: Instance, event: JobEnded) -> None:
    """LVM has said which group it is of, or has nothing to say: then it is asked why."""
    silent = own(context).silent
    if silent.pop(instance.key, None) == instance.run:
        _explained(context, instance, event)
        return
    keys = instance.definition.publishes
    found = any(line.startswith(keys) for line in event.output.splitlines())
    last = instance.failures + 1 >= instance.definition.tries
    if (event.status == 0 and not found) or (event.status and last):
        silent[instance.key] = instance.run + 1
        context.machine.move(instance, Stimulus.RETRY, "LVM is asked why it leaves it alone")
        return
    ended(context, instance, event)
    groups = groups_of(context.device(instance))
    own(context).take(str(instance.subject), groups)
    _reopen(context, groups)
    _wake(context, groups)


def _explained(context: Context, instance: Instance, event: JobEnded) -> None:
    why = "; ".join(remarks_of(f"{event.complaints}\n{event.output}")) or "no reason given"
    context.machine.move(instance, Stimulus.RETRY, why)
    if event.status == 0:
        foreign_groups.left_alone(context, instance, why)
        context.machine.move(instance, Stimulus.NOT_WANTED, f"left alone by LVM: {why}")
    else:
        context.report(f"{describe(context, instance)}: {why}")
        give_up(context, instance, why)


# Activating groups


def _activate(context: Context, instance: Instance) -> None:
    """A group is complete: activate it once, unless root= names another one."""
    group = group_of(context, instance, COMPLETE)
    if group is None:
        return
    owner = foreign_groups.owner(context, context.device(instance), group)
    # An incomplete group waits no more once a volume has shown that it is complete.
    context.machine.touch_all(_pending(context, group, Strategy.GROUP_START))
    if same_name.key(context, context.device(instance), group) in own(context).active:
        wait_afresh(context, instance)
        instance.succeeded = True
        context.machine.touch(instance)
    elif same_name.waits(context, instance, group):
        return
    elif foreign_groups.awaited(context, group):
        instance.reason = f"LVM is asked which system {group} belongs to"
    elif foreign_groups.twin(context, context.device(instance), own(context).volumes(group)):
        context.machine.move(instance, Stimulus.NOT_WANTED, f"{group} is another one here")
    elif why := beside_a_look(context, group):
        instance.reason = why
    elif (
        (plan := _last_resort(context, group, owner))
        and not any(looked_into(context, group))
        and not is_due(context, instance, plan)
    ):
        instance.reason = f"{group} is not named: activated when nothing else can lead to the root"
    elif other := _at_work(context, group):
        # Volumes that come at once are each told to be the last.
        instance.reason = f"{group} is being activated, as {other.subject} has shown"
    else:
        starting(context, instance)
        if owner:
            foreign_groups.announce(context, group, owner)
        start(context, instance, _command(context, instance, group))


def _start(context: Context, instance: Instance) -> None:
    """A group is incomplete: wait for the rest, then activate what can be."""
    group, lvm = group_of(context, instance, INCOMPLETE), own(context)
    if group is None:
        return
    owner = foreign_groups.owner(context, context.device(instance), group)
    rank = FOREIGN.rank if _last_resort(context, group, owner) else GROUP_RANK
    plan = Plan(context.settings.lvm.timeout, rank=rank, again=True)
    if group in lvm.active:
        instance.succeeded = True
        context.machine.touch(instance)
    elif group in lvm.refused:
        give_up(context, instance, lvm.refused[group])
    elif foreign_groups.awaited(context, group):
        instance.reason = f"LVM is asked which system {group} belongs to"
    elif not _wanted(context, group):
        context.machine.move(instance, Stimulus.NOT_WANTED, "root= names another group")
    elif other := _other(context, instance, group):
        instance.reason = other
        wait_afresh(context, instance)
    elif is_due(context, instance, plan):
        starting(context, instance)
        context.report(f"{group}: activating it without its missing physical volumes")
        if owner:
            foreign_groups.announce(context, group, owner)
        start(context, instance, _command(context, instance, group))
    else:
        instance.reason = f"{group} is incomplete: waits for its other physical volumes"


def _other(context: Context, instance: Instance, group: str) -> str:
    """Why another instance acts for this group; empty when this one does."""
    speakers = own(context).speakers
    for each in _pending(context, group, Strategy.GROUP_ACTIVATE):
        if group_of(context, each, COMPLETE) == group:
            return f"{group} is complete by now"
    first = context.machine.find(speakers.get(group, "")) or instance
    if first is not instance and first.expected and group_of(context, first, INCOMPLETE) == group:
        return f"{group} is incomplete, as {first.subject} has shown"
    speakers[group] = instance.key
    return ""


def _activated(context: Context, instance: Instance, event: JobEnded) -> None:
    """LVM has done what it could; its complaints name the volumes that are missing."""
    lvm, incomplete = own(context), instance.strategy is Strategy.GROUP_START
    group = group_of(context, instance, INCOMPLETE if incomplete else COMPLETE)
    remarks = remarks_of(event.complaints)
    foreign_groups.complain(context, remarks)
    if event.status and group and same_name.refused(context, event, group):
        context.assemblies.forget(instance)  # it has not started
        context.machine.move(instance, Stimulus.RETRY, f"several groups are called {group}")
        return
    if event.status and group and foreign_groups.refused(context, instance, event, group):
        context.assemblies.forget(instance)  # it has not started
        context.machine.move(instance, Stimulus.RETRY, f"{group} belongs to another system")
        return
    missing = [each for each in remarks if "is missing PV" in each]
    if event.status:
        why = "; ".join(dict.fromkeys((*missing, *remarks[-1:])))
        event = event._replace(error=our_parameter(why))
    for each in missing if event.status == 0 else ():
        context.report(each)
    if incomplete and event.status > 0:
        instance.failures = instance.definition.tries - 1  # refused: not to be asked again
    ended(context, instance, event)
    if group is None:
        return
    if event.status == 0:
        lvm.active.add(same_name.key(context, context.device(instance), group))
        same_name.activated(context, context.device(instance), group)
    elif incomplete and instance.failures >= instance.definition.tries:
        lvm.refused[group] = instance.reason
    _wake(context, (group,))


def _at_work(context: Context, group: str) -> Instance | None:
    """The job that is activating the complete group."""
    pending = _pending(context, group, Strategy.GROUP_ACTIVATE)
    return next(
        (each for each in pending if each.busy and group_of(context, each, COMPLETE) == group), None
    )


def _wanted(context: Context, group: str) -> bool:
    return not context.settings.lvm.hinted or foreign_groups.named(context, group)


def _last_resort(context: Context, group: str, owner: str) -> Plan | None:
    """When to activate a group only if nothing else can lead to root."""
    if owner:
        return None if foreign_groups.named(context, group) else FOREIGN
    return None if _wanted(context, group) else OTHERS


def _command(context: Context, instance: Instance, group: str = "") -> tuple[str, ...]:
    """The command with what the user asked for filled in."""
    policy = context.settings.lvm
    chosen = sorted(each for each in policy.volumes if each.partition("/")[0] == group)
    wanted = foreign_groups.named(context, group)
    owner = foreign_groups.options(context, instance, group)
    several = {
        # lvm(8): an empty LVM_SYSTEM_DIR means no configuration.
        "{owner}": owner,
        **({"{looking}": []} if owner else {}),  # they say it already
        "{lvm}": ["lvm"] if policy.configured else ["env", "LVM_SYSTEM_DIR=", "lvm"],
        # What is named is meant, and be it a thin snapshot, which has the flag "activation skip".
        "{volumes}": ["--ignoreactivationskip", *chosen]
        if chosen
        else same_name.chosen(context, context.device(instance), group),
        # "ay" leaves alone what the user has excluded from automatic activation.
        "{how}": ["y" if wanted else "ay"],
        "{mode}": ["--activationmode", policy.mode] if policy.mode else [],
    }
    return unseen.without(context, command(context, instance, several))
