"""Encrypted volumes: what the user said of each, and what was tried on it."""

from initpy.core.devices.graph import DERIVED, Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.jobs.instance import Instance
from initpy.core.secret import Secret
from initpy.core.slots import dataclass, field
from initpy.core.state.context import Context
from initpy.core.state.current_event import Lookout
from initpy.core.unlock.fetched import Fetchings
from initpy.core.unlock.source import Attempt, Keyring
from initpy.core.volumes import KeySpec, VolumeSpec

NO_SPEC = VolumeSpec(DeviceSpec(Naming.PATH, ""), "")
UNKNOWN = NO_SPEC._replace(name="luks")  # of a volume that is gone


@dataclass(slots=True)
class Volume:
    """What has been tried on one volume, in its present life."""

    spec: VolumeSpec  # what the user said of it, as of the last look
    spent: set[str] = field(default_factory=set)  # sources that do not open it
    known_tried: int = 0  # so many of the known passphrases
    wrong: int = 0  # passphrases typed for this volume and refused
    typed: Secret | None = None  # by the user, for this volume; not tried yet
    attempt: Attempt | None = None  # being tried, or for the next run of a tool that failed
    unproven: Attempt | None = None  # it has opened a plain volume, and nothing is to be seen yet
    told: bool = False  # the user was told what could be plugged in
    gave_way: bool = False  # its prompt, which is up, was to let another one go first

    def wipe(self) -> None:
        """Forget what was typed, and what is tried."""
        if self.typed is not None:
            self.typed.wipe()
        for each in (self.attempt, self.unproven):
            if each is not None:
                each.wipe()
        self.typed = self.attempt = self.unproven = None


@dataclass(slots=True)
class Unlock:
    """The owner of volumes, known passphrases, and what is fetched for them."""

    keyring: Keyring = field(default_factory=Keyring)
    fetchings: Fetchings = field(default_factory=Fetchings)
    lookout: Lookout = field(default_factory=Lookout)  # for volumes that are to be asked for first
    # Root has not come in time: volumes whose key file is missing are asked for too.
    asks_for_all: bool = False
    _volumes: dict[str, Volume] = field(default_factory=dict)
    _answered: dict[str, Instance] = field(default_factory=dict)  # by the user, some time
    # What the user said of the volumes, by device: as the device was then, and is compared.
    specs: dict[str, tuple[Device, VolumeSpec]] = field(default_factory=dict)
    # Secrets of commands that still run although their volume is gone: (instance, run).
    _in_flight: dict[tuple[str, int], Attempt] = field(default_factory=dict)

    def of(self, instance: Instance) -> Volume:
        """What was tried on this instance's volume."""
        found = self._volumes.get(instance.key)
        if found is None:
            found = self._volumes[instance.key] = Volume(NO_SPEC)
        return found

    def answer(self, instance: Instance, secret: Secret) -> None:
        """The user has typed this for the volume."""
        self.of(instance).typed = secret
        self._answered[instance.key] = instance

    def any_answer(self) -> bool:
        """True while what the user typed for a volume is tried, or about to be.

        An attempt that takes long counts no more: its disk may not answer.
        """
        for instance in tuple(self._answered.values()):
            volume = self.of(instance)
            theirs = volume.attempt is not None and volume.attempt.source.person
            late = volume.attempt is not None and volume.attempt.overdue
            trying = theirs and instance.busy and not late
            waiting = volume.typed is not None and not instance.stalled
            if instance.pending and (waiting or trying):
                return True
            if volume.typed is None and not theirs:
                del self._answered[instance.key]
        return False

    def forget(self, instance: Instance, running: bool) -> None:
        """The volume is gone, or starts afresh; `running`: its command still uses the secret."""
        volume = self._volumes.pop(instance.key, None)
        if volume is None:
            return
        if running and volume.attempt is not None:
            self._in_flight[instance.key, instance.run] = volume.attempt
            volume.attempt = None
        volume.wipe()

    def landed(self, key: str, run: int) -> None:
        """A command whose volume is gone has ended: its secret is needed no more."""
        attempt = self._in_flight.pop((key, run), None)
        if attempt is not None:
            attempt.wipe()

    def wipe(self) -> None:
        """No secret is needed any more (R14)."""
        self.keyring.wipe()
        for volume in self._volumes.values():
            volume.wipe()
        for attempt in self._in_flight.values():
            attempt.wipe()
        self._in_flight.clear()


def own(context: Context) -> Unlock:
    """This boot's Unlock."""
    return context.technologies.own(Unlock)


def specification(context: Context, instance: Instance) -> VolumeSpec:
    """What the user said about this volume; `luks-UUID` and the defaults when nothing."""
    device = context.device(instance)
    if device is None:
        return UNKNOWN
    specs = own(context).specs
    seen, spec = specs.get(device.name, (None, UNKNOWN))
    if seen is not device:  # a device that has changed is another value
        spec = _specification(context, device)
        specs[device.name] = device, spec
    return spec


def _specification(context: Context, device: Device) -> VolumeSpec:
    volume = context.volume(device)
    if volume is None:
        if device.kind in DERIVED:
            return VolumeSpec(DeviceSpec(Naming.PATH, device.node), device.node)
        uuid = device.properties.get("ID_FS_UUID", device.name)
        volume = context.settings.unnamed._replace(source=DeviceSpec(Naming.PATH, device.node))
        volume = volume.called(uuid)
    path = context.settings.key_files.get(volume.name)
    # systemd's rule, crypttab(5): for volumes that no key is named for.
    return volume._replace(key=KeySpec(path)) if path and volume.key is None else volume


def to_be_proven(spec: VolumeSpec, attempt: Attempt | None) -> bool:
    """Return True for a passphrase of a plain volume, which opens with any (see `plain`)."""
    passphrase = attempt is not None and (attempt.source.person or attempt.source.known)
    return spec.kind == "plain" and passphrase
