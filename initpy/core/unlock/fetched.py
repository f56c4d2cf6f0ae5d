"""What must be fetched for a volume from elsewhere: its key, its detached header (R10, R11).

A stick may be there from the start, come while the prompt is up, be the wrong
one, go and come back. Each device that answers to the name is tried once as
long as it stays.
"""

import enum
from collections.abc import Iterator

from initpy.core.actions import Drop, Fetch
from initpy.core.devices.filesystems import drivers_for
from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, SpecTable
from initpy.core.events import Fetched
from initpy.core.jobs.hold_table import HoldKind
from initpy.core.jobs.instance import Instance
from initpy.core.jobs.timers import Timer
from initpy.core.secret import Secret
from initpy.core.slots import dataclass, field
from initpy.core.state.context import Context
from initpy.core.volumes import HeaderSpec, KeySpec

# The user is asked if a key has not been read by then: a stick may hang, a script may wait.
PATIENCE_SECONDS = 3.0
# And while its device is not there they are not asked at once: with the disks that come meanwhile
# there may be the volume that holds it, whose passphrase the user knows.
ABSENT_SECONDS = 2.0
# A header that takes longer to read or check meets a disk that does not answer: it holds nothing.
CHECK_SECONDS = 30.0
HEADERS = "/run/initpy/headers"


class Stage(enum.Enum):
    """How far the fetching has come."""

    ABSENT = "its device is not there"
    READING = "being read"
    READ = "read"
    SPENT = "of no use"


Place = tuple[str, bool]  # instance, and whether it is for the header


@dataclass(slots=True)
class Fetching:
    """A key or header on its way; `device` None: from a program."""

    place: Place
    device: DeviceSpec | None
    file: bool = True  # in a file system there, rather than the device itself
    stage: Stage = Stage.ABSENT
    number: int = 0  # of the last Fetch
    source: str = ""  # kernel name of the device that it was read from
    waited: bool = False  # for its device, before the user is asked
    searched: bool = False  # no device that is there is of use
    tried: set[str] = field(default_factory=set)  # kernel names, while they are there
    secret: Secret | None = None
    path: str = ""  # where cryptsetup finds a header; empty: on the volume itself
    error: str = ""  # why it is of no use

    def wipe(self) -> None:
        """Forget a key that has been read."""
        if self.secret is not None:
            self.secret.wipe()
            self.secret = None


@dataclass(slots=True)
class Fetchings:
    """The fetchings of all volumes, by instance and purpose."""

    _all: dict[Place, Fetching] = field(default_factory=dict)
    _wanted: SpecTable[Place] = field(default_factory=SpecTable)  # by the device they wait for
    _tried: dict[str, dict[Place, None]] = field(default_factory=dict)  # device -> who tried it
    _numbers: int = 0

    def _of(
        self, instance: Instance, header: bool, device: DeviceSpec | None, file: bool = True
    ) -> Fetching:
        place = instance.key, header
        found = self._all.get(place)
        if found is None:
            found = self._all[place] = Fetching(place, device, file)
            if device is not None:
                self._wanted.add(device, place)
        return found

    def key(self, context: Context, instance: Instance, key: KeySpec, name: str) -> Fetching:
        """The key as far as it has come; begins to read it when that is possible."""
        found = self._of(instance, False, key.device, bool(key.path) and not key.program)
        device = self._candidate(context, found)
        if key.program and (device is not None or key.device is None):
            if found.stage is Stage.ABSENT:
                source = context.device(instance)
                known = {"NAME": name, "SOURCE": source.node if source else "", "KEY": key.path}
                environment = tuple((f"CRYPTTAB_{each}", text) for each, text in known.items())
                program = (key.program, key.path or "none")
                fetch = Fetch("", 0, program=program, environment=environment)
                self._begin(context, instance, found, fetch, device.name if device else "")
                context.report(f"{name}: {key.program} is asked for the key", detail=True)
        elif device is not None:
            types = key.types or drivers_for(device)
            fetch = Fetch("", 0, device.node, types if key.path else (), key.path,
                          key.offset, key.size)  # fmt: skip
            self._begin(context, instance, found, fetch, device.name)
            context.report(f"{name}: {key} is read", detail=True)
        elif found.stage is Stage.ABSENT and not found.number:
            if not found.waited:
                found.waited = True
                due = context.now + ABSENT_SECONDS
                context.machine.timers.start(Timer.PATIENCE, instance.key, due)
            timer = Timer.ABSENT, instance.key
            if key.timeout and not context.machine.timers.armed(*timer):
                context.machine.timers.start(*timer, context.now + key.timeout)
        return found

    def header(
        self, context: Context, instance: Instance, header: HeaderSpec, name: str
    ) -> Fetching:
        """The header as far as it has come; READ when `path` may be given to cryptsetup."""
        found = self._of(instance, True, header.device, bool(header.path))
        if header.device is None:
            found.stage, found.path = Stage.READ, header.path
            return found
        device = self._candidate(context, found)
        if device is None:
            return found
        if not header.path:
            found.stage, found.path, found.source = Stage.READ, device.node, device.name
            self._try(found, device.name)
            return found
        found.path = f"{HEADERS}/{name}"
        types = drivers_for(device)
        fetch = Fetch("", 0, device.node, types, header.path, keep=found.path)
        self._begin(context, instance, found, fetch, device.name)
        context.report(f"{name}: its header {header} is read", detail=True)
        return found

    def own_header(self, context: Context, instance: Instance, name: str) -> Fetching | None:
        """The check of the header that a LUKS2 volume carries; None where there is no such one.

        cryptsetup writes to the device when one of the two copies is damaged.
        """
        device = context.device(instance)
        known = device.properties if device is not None else {}
        if known.get("ID_FS_TYPE") != "crypto_LUKS" or known.get("ID_FS_VERSION") != "2":
            return None
        found = self._of(instance, True, None)
        if found.stage is Stage.ABSENT and device is not None:
            keep = f"{HEADERS}/{name}"
            fetch = Fetch("", 0, device.node, keep=keep, check=True)
            self._begin(context, instance, found, fetch, device.name)
        return found

    def _candidate(self, context: Context, found: Fetching) -> Device | None:
        """A device that answers to the name and has not been tried."""
        spec = found.device
        if spec is None or found.searched or found.stage in (Stage.READING, Stage.READ):
            return None
        device = next((each for each in context.devices if _usable(each, spec, found)), None)
        found.searched = device is None
        return device

    def _try(self, found: Fetching, device: str) -> None:
        found.tried.add(device)
        self._tried.setdefault(device, {})[found.place] = None

    def _begin(
        self,
        context: Context,
        instance: Instance,
        found: Fetching,
        fetch: Fetch,
        source: str = "",
    ) -> None:
        self._numbers += 1
        found.stage, found.number, found.source = Stage.READING, self._numbers, source
        context.current.stir(HoldKind.PERSON)
        self._try(found, source)
        context.machine.timers.cancel(Timer.ABSENT, instance.key)
        if fetch.check or fetch.keep:
            context.machine.timers.start(Timer.STALL, instance.key, context.now + CHECK_SECONDS)
        if not (fetch.keep or fetch.check):
            due = context.now + PATIENCE_SECONDS
            context.machine.timers.start(Timer.PATIENCE, instance.key, due)
        context.current.act(fetch._replace(job=instance.key, number=found.number))

    def concerned(self, context: Context, device: Device) -> list[Instance]:
        """The volumes that this device may have a key or header for."""
        concerned = []
        for place in self._wanted.of(device):
            found = self._all[place]
            if found.device is not None and _usable(device, found.device, found):
                found.searched = False
                concerned.append(context.machine[place[0]])
        return concerned

    def stage(self, instance: Instance) -> Stage | None:
        """How far the key has come; None if nothing is fetched."""
        found = self._all.get((instance.key, False))
        return found.stage if found is not None else None

    def take_key(self, instance: Instance) -> Secret | None:
        """The key that was read, for the one run that will use it."""
        found = self._all.get((instance.key, False))
        if found is None:
            return None
        found.stage = Stage.SPENT
        secret, found.secret = found.secret, None
        return secret

    def give_up_key(self, instance: Instance) -> bool:
        """Wait no longer for the device of the key; False when it has come."""
        found = self._all.get((instance.key, False))
        if found is None or found.stage is not Stage.ABSENT:
            return False
        found.stage = Stage.SPENT
        return True

    def device_removed(self, context: Context, name: str) -> None:
        """What was read from this device may come again with it, or with another one."""
        for key, header in self._tried.pop(name, ()):
            found = self._all[key, header]
            found.tried.discard(name)
            context.current.stir(HoldKind.PERSON)
            if found.source == name and found.stage is not Stage.READ:
                found.stage = Stage.ABSENT
                context.machine.touch(context.machine[key])
            elif found.source == name and header and found.device and not found.number:
                found.stage = Stage.ABSENT  # the device itself was the header
                context.machine.touch(context.machine[key])

    def fetched(self, context: Context, event: Fetched) -> tuple[Fetching, bool] | None:
        """Take what was read, and whether it is a header; None when it is not needed any more."""
        for header in (True, False):
            found = self._all.get((event.job, header))
            if found and found.stage is Stage.READING and found.number == event.number:
                found.stage = Stage.SPENT if event.error else Stage.READ
                context.current.stir(HoldKind.PERSON)
                found.secret, found.error = event.secret, event.error
                if header:
                    found.path = event.path or found.path
                else:
                    context.machine.timers.cancel(Timer.PATIENCE, event.job)
                return found, header
        if event.secret is not None:
            event.secret.wipe()
        return None

    def check_again(self, instance: Instance) -> bool:
        """Have the volume's own header checked once more if that has failed; True if so."""
        found = self._all.get((instance.key, True))
        if found is None or found.device is not None or found.stage is not Stage.SPENT:
            return False
        found.stage = Stage.ABSENT
        return True

    def missing(self, instance: Instance) -> Iterator[Fetching]:
        """What is not there yet for this volume."""
        for header in (True, False):
            found = self._all.get((instance.key, header))
            if found is not None and found.stage is Stage.ABSENT:
                yield found

    def drop(self, context: Context, instance: Instance) -> None:
        """The volume needs neither key nor header any more, or starts afresh."""
        for header in (True, False):
            place = instance.key, header
            found = self._all.pop(place, None)
            if found is None:
                continue
            found.wipe()
            if found.device is not None:
                self._wanted.remove(found.device, place)
            for device in found.tried:
                self._tried.get(device, {}).pop(place, None)
            if found.number:
                context.current.act(Drop(instance.key, found.number))
        context.machine.timers.cancel_all((Timer.ABSENT, Timer.PATIENCE), instance.key)


def _usable(device: Device, spec: DeviceSpec, found: Fetching) -> bool:
    holds_files = not device.is_layer
    return (
        device.name not in found.tried
        and spec.names(device)
        and device.ready
        and (holds_files or not found.file)
    )
