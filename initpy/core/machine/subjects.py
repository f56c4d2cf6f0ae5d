"""What a change of a subject has looked at: its jobs, those below, those that wait for it."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from initpy.core.context import Context
from initpy.core.devices.graph import Device, partitions
from initpy.core.goals import mounts, naming
from initpy.core.machine.definitions import Index, JobDefinition
from initpy.core.machine.facts import awaited
from initpy.core.machine.instance import Instance, JobState, name_of
from initpy.core.machine.rules import withdraw


@dataclass(slots=True)
class Subjects:
    """Takes changes of subjects in, and makes the instances that they call for."""

    context: Context
    index: Index
    _keys: tuple[str, ...] = field(init=False)  # properties by which instances wait for devices
    _told: dict[str, Device] = field(default_factory=dict)  # as the events told them

    def __post_init__(self) -> None:
        # What happens in which order must not hang on the hashes of this interpreter (R34).
        self._keys = tuple(sorted(self.context.devices.indexed))

    def is_known(self, device: Device) -> bool:
        """True if the device was last told just so."""
        return self._told.get(device.name) == device

    def changed(self, device: Device) -> None:
        """A subject has appeared or changed."""
        context, name = self.context, device.name
        self._told[name] = device
        before = context.devices.get(name)
        if context.devices.update(device):
            context.present.stir()
        marked = self._marked(name)
        if (present := context.devices.get(name)) is not None:
            context.technologies.meet(present)  # with its marks
        self.look_at_all(marked)
        for hook in context.technologies.changed:
            if names := hook(context, name):
                self.look_at_all(names)
        self.look_at(name, before)
        if before is None:
            self.look_above(name)  # what was announced sooner than this was not ready
            mounts.revive(context, name)
        for hook in context.technologies.looked:
            if names := hook(context, name):
                self.look_at_all(names)

    def _marked(self, name: str) -> list[str]:
        """The devices whose marks change; a disk tells whether its partitions may be root."""
        context = self.context
        marked = naming.refresh(context, name)
        device = context.devices.get(name)
        for each in partitions(context.devices, device) if device is not None else ():
            marked += naming.refresh(context, each.name)
        return marked

    def enumerated(self, devices: Iterable[Device]) -> None:
        """These are all subjects: what was known besides them is gone (R2)."""
        names = {each.name for each in devices}
        for name in [each.name for each in self.context.devices if each.name not in names]:
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
        context.devices.remove(name)
        context.present.stir()
        self.look_at_all(naming.refresh(context, name))
        for hook in context.technologies.changed:
            self.look_at_all(hook(context, name))
        for instance in machine.on(name):
            if (handler := context.handlers.used(instance)) is not None:
                handler.gone(context, instance)
            instance.failures = instance.revivals = 0
            instance.published = instance.succeeded = False
            if instance.state is not JobState.WITHDRAWN:
                withdraw(context, instance, f"{name} is gone")
        for lower in sorted(before.slaves) if before else ():
            machine.touch_all(machine.on(lower))
        self._wake_awaiting(before)

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
        for key in [each for each in properties if each in index]:
            for filed in (properties[key], None):
                for job in index[key].get(filed, ()):
                    if job.match.accepts(properties):
                        self.add(job, name)
        machine.touch_all(machine.on(name))
        lower = device.slaves | (before.slaves if before else frozenset())
        for each in sorted(lower):
            machine.touch_all(machine.on(each))
        self._wake_awaiting(before)
        self._wake_awaiting(device)

    def look_above(self, name: str) -> None:
        """Look at the instances on what stands directly on this device."""
        machine = self.context.machine
        for above in self.context.devices.holders(name):
            machine.touch_all(machine.on(above.name))

    def _wake_awaiting(self, device: Device | None) -> None:
        if device is None:
            return
        for key in self._keys:
            self.context.machine.touch_awaiting(key, device.properties.get(key, ""))

    def add(self, job: JobDefinition, subject: str | None) -> None:
        """Make the instance of a job on a subject, unless it exists.

        A job that runs once has the boot as its subject, whichever device has called for it.
        """
        context = self.context
        if context.machine.find(name_of(job, subject)) is not None:
            return
        subject = None if job.once else subject
        instance = Instance(job, subject, since=context.now)
        if subject is not None:  # the caller has compared them
            instance.seen, instance.fits = context.devices.get(subject), True
        context.machine.add(instance, awaited(context, instance))
