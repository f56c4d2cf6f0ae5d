"""What every handler is given: the settings, the time, the subjects, the owners of state."""

from initpy.core.devices.graph import Device, DeviceGraph
from initpy.core.devices.names import DeviceSpec, SpecTable
from initpy.core.jobs.goal import Goal
from initpy.core.jobs.handler import Handlers
from initpy.core.jobs.instance import Instance
from initpy.core.jobs.technology import Technologies
from initpy.core.settings import Settings
from initpy.core.state.assemblies import Assemblies
from initpy.core.state.breakpoints import BreakPoints
from initpy.core.state.current_event import CurrentEvent
from initpy.core.state.deadlines import Deadlines
from initpy.core.state.derived import Derived
from initpy.core.state.goals import Goals
from initpy.core.state.looks import Looks
from initpy.core.state.machine import Machine
from initpy.core.state.outcome import Outcome
from initpy.core.state.prompts import Prompts
from initpy.core.volumes import VolumeSpec


class Context:
    """One boot. `Boot` makes it; each owner changes its own state, by its methods only."""

    def __init__(
        self,
        settings: Settings,
        devices: DeviceGraph,
        handlers: Handlers,
        technologies: Technologies,
        wanted: tuple[Goal, ...] = (),
    ) -> None:
        self.settings = settings
        self.devices = devices
        self.handlers = handlers
        self.technologies = technologies
        self.wanted = wanted  # all that must be reached before the handover, in its order
        self.now = 0.0  # the time of the present event, in seconds
        self.current = CurrentEvent()
        self.machine = Machine(self.current)
        self.deadlines = Deadlines(self.current, self.machine.timers)
        self.assemblies = Assemblies(self.current)
        self.prompts = Prompts(self.current)
        self.breakpoints = BreakPoints(self.current, self.settings.breaks, self.settings.shell)
        self.goals = Goals(self.current, settings.resume is not None)
        self.derived = Derived()
        self.looks = Looks(self.current)
        self.outcome = Outcome(self.current, self.settings)
        # What the user said of volumes, by device.
        self.volumes: SpecTable[VolumeSpec] = SpecTable(
            (each.source, each) for each in self.settings.volumes
        )

    def name_root(
        self, spec: DeviceSpec, types: tuple[str, ...] = (), flags: tuple[str, ...] = ()
    ) -> None:
        """Root is this device, mounted so: a lease says it. rootfstype= goes before it."""
        mount = self.settings.mount
        more = (each for each in flags if each not in mount.flags)
        mount = mount._replace(types=mount.types or types, flags=(*mount.flags, *more))
        self.settings = self.settings._replace(root=spec, mount=mount)

    def come_to(self, now: float) -> None:
        """An event has come at this time, in seconds, which never goes back."""
        self.now = self.current.now = max(now, self.now)

    def report(self, text: str, detail: bool = False) -> None:
        """Tell the user something."""
        self.current.report(text, detail)

    def volume(self, device: Device) -> VolumeSpec | None:
        """What the user said of this device as an encrypted volume, if anything."""
        for each in self.volumes.of(device):
            if each.also is None or each.also.names(device):
                return each.called(device.properties.get("ID_FS_UUID", device.name))
        return None

    def device(self, instance: Instance) -> Device | None:
        """The subject as it is now; None when it is gone or the job has none."""
        return self.devices.get(instance.subject)
