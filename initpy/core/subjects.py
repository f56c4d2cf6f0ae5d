"""Takes changes of subjects in: finds the jobs that match, and the instances to look at again."""

from collections.abc import Iterable

from initpy.core.devices.graph import RAID, Device, partitions
from initpy.core.goals import mounts, naming
from initpy.core.jobs.definitions import Index, JobDefinition
from initpy.core.jobs.hold_table import HoldKind
from initpy.core.jobs.instance import Instance, JobState, name_of
from initpy.core.machine.rules import may_look, withdraw
from initpy.core.machine.templates import awaited
from initpy.core.state.context import Context

SERIAL = "ID_SERIAL"  # what udev calls a disk, and its partitions after it


class Subjects:
    """Takes changes of subjects in, and makes the instances that they call for."""

    def __init__(self, context: Context, index: Index) -> None:
        self.context = context
        self.index = index
        self._told: dict[str, Device] = {}  # as the events told them
        # What happens in which order must not hang on the hashes of this interpreter (R34).
        self._awaited = tuple(sorted(self.index.awaited))

    def is_known(self, device: Device) -> bool:
        """True if the device was last told just so."""
        return self._told.get(device.name) == device

    def changed(self, device: Device) -> None:
        """A subject has appeared or changed."""
        context, name = self.context, device.name
        before = context.devices.get(name)
        if before is not None and _is_another(before, device):
            self.removed(name)  # its removal was never told
            before = None
        self._told[name] = device
        if context.devices.update(device.after(before)):
            context.current.stir()
        looked = context.looks.mark(context.devices, name)
        marked, present = naming.refresh(context, name, before), context.devices.get(name)
        if looked:
            marked += [name, *self._look_above_it()]
        if RAID in (present and present.usage, before and before.usage):
            # A disk that is a member as a whole tells that its partitions are not root.
            for each in partitions(context.devices, name):
                marked += naming.refresh(context, each.name)
                context.machine.touch_on(each.name)
        if before is None:
            # Whether the disk is a member may have been open until all partitions are known.
            for disk in context.devices.slaves(name):
                for each in partitions(context.devices, disk.name) if disk.usage == RAID else ():
                    context.machine.touch_on(each.name)
        if present is not None:
            context.technologies.meet(present)  # with its marks
        if marked:
            self.look_at_all(marked)
        for hook in context.technologies.changed:
            if names := hook(context, name):
                self.look_at_all(names)
        self.look_at(name, before)
        if before is None:
            self.look_above(name)  # what was announced sooner than this was not ready
        elif present is not None and (
            before.is_empty is not present.is_empty or before.is_probed is not present.is_probed
        ):
            self.look_above(name)  # its partitions count, or do not any more
        if context.machine.any_failed and _is_new(before, present):
            mounts.revive(context, name)
        mounts.look(context)
        for hook in context.technologies.looked:
            if names := hook(context, name):
                self.look_at_all(names)

    def _look_above_it(self) -> list[str]:
        """What stands on an array is looked into as that is, also if no look is on any more."""
        context = self.context
        if context.looks.on:
            return []  # md has all marked anew
        before = {each.name: each for each in context.devices}
        found = context.looks.mark_all(context.devices)
        return found + [
            each for name in found for each in naming.refresh(context, name, before[name])
        ]

    def enumerated(self, devices: Iterable[Device]) -> None:
        """These are all subjects: what was known besides them is gone (R2)."""
        names = {each.name for each in devices}
        gone = [
            each.name
            for each in self.context.devices
            if each.name not in names and not each.kind.declared
        ]
        for name in gone:
            self.removed(name)
        for device in devices:
            self.changed(device)

    def removed(self, name: str) -> None:
        """A subject is gone."""
        context, machine = self.context, self.context.machine
        self._told.pop(name, None)
        before = context.devices.get(name)
        for forget in context.technologies.gone:
            self.look_at_all(forget(context, before, name))
        if context.devices.remove(name):
            context.current.stir()
        self.look_at_all(naming.refresh(context, name, before))
        for hook in context.technologies.changed:
            self.look_at_all(hook(context, name))
        for instance in machine.on(name):
            if (handler := context.handlers.used(instance)) is not None:
                handler.gone(context, instance)
            instance.failures = instance.revivals = 0
            instance.unready_until = None
            instance.published = instance.succeeded = instance.outdated = False
            instance.found_for = ()
            if instance.state is not JobState.WITHDRAWN:
                withdraw(context, instance, f"{name} is gone")
        for lower in context.devices.under(before.slaves) if before else ():
            machine.touch_on(lower)
        self._wake_awaiting(before, None)

    def look_at_all(self, names: Iterable[str]) -> None:
        """Look at devices whose marks have changed."""
        for name in names:
            self.look_at(name, self.context.devices.get(name))

    def look_at(self, name: str, before: Device | None) -> None:
        """Make the instances that match, and look at those that this device may concern."""
        machine, device = self.context.machine, self.context.devices.get(name)
        if device is None:
            return
        properties, index = device.properties, self.index.by_property
        for key in filter(index.__contains__, properties):
            for_value, for_any = index[key]
            for job in (*for_value.get(properties[key], ()), *for_any):
                if machine.find(name_of(job, name)) is not None:
                    continue
                if job.match.accepts(properties) and may_look(job, device):
                    self.add(job, name)
        machine.touch_on(name)
        lower = device.slaves if before is None else device.slaves | before.slaves
        for each in self.context.devices.under(lower) if lower else ():
            machine.touch_below(each)
        if machine.awaiting:
            self._wake_awaiting(before, device)

    def look_above(self, name: str) -> None:
        """Look at the instances on what stands directly on this device."""
        machine = self.context.machine
        for above in self.context.devices.holders(name):
            machine.touch_on(above.name)

    def _wake_awaiting(self, before: Device | None, after: Device | None) -> None:
        """Look at the instances that await a device with a property that this one had or has."""
        for key in self._awaited:
            for device in (before, after):
                value = device.properties.get(key) if device is not None else None
                if value is not None:
                    self.context.machine.touch_awaiting(key, value)

    def add(self, job: JobDefinition, subject: str | None) -> None:
        """Make the instance of a job on a subject.

        A job that runs once has the boot as its subject, whichever device has called for it.
        """
        context = self.context
        subject = None if job.once else subject
        manner = context.handlers.manners.of[job.strategy]
        # A command without a limit that only runs for root may take its time: root waits for it.
        lasting = job.for_root and not job.timeout
        hold = HoldKind.START if lasting else manner.hold
        instance = Instance(job, subject, hold, manner.queues)
        instance.since, instance.seen = context.now, context.devices.get(subject)
        context.machine.add(instance, awaited(context, instance) if job.success.device else ())


def _is_another(before: Device, now: Device) -> bool:
    """True if the kernel has given the name to another disk."""
    serials = before.properties.get(SERIAL), now.properties.get(SERIAL)
    return None not in serials and serials[0] != serials[1]


def _is_new(before: Device | None, present: Device | None) -> bool:
    """True for a device that can be used now, and could not before: an array shows sooner."""
    return present is not None and present.ready and not (before is not None and before.ready)
