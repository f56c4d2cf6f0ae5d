"""What every handler is given: the settings, the time, the subjects, the owners of state."""

from dataclasses import dataclass, field

from initpy.core.devices.graph import Device, DeviceGraph
from initpy.core.devices.names import SpecTable
from initpy.core.failure.outcome import Outcome
from initpy.core.goals.goals import Goals
from initpy.core.machine.handler import Handlers
from initpy.core.machine.instance import Instance
from initpy.core.machine.machine import Machine
from initpy.core.machine.present import Present
from initpy.core.people.breakpoints import BreakPoints
from initpy.core.people.prompts import Prompts
from initpy.core.settings import Settings
from initpy.core.storage.assemblies import Assemblies
from initpy.core.storage.technology import Technologies
from initpy.core.unlock.specs import VolumeSpec
from initpy.core.waiting.deadline import Deadlines


@dataclass(slots=True)
class Context:
    """One boot. `Boot` makes it; each owner changes its own state, by its methods only."""

    settings: Settings
    devices: DeviceGraph
    handlers: Handlers
    technologies: Technologies
    now: float = 0.0  # the time of the present event, in seconds
    present: Present = field(default_factory=Present)
    machine: Machine = field(init=False)
    deadlines: Deadlines = field(init=False)
    assemblies: Assemblies = field(init=False)
    prompts: Prompts = field(init=False)
    breakpoints: BreakPoints = field(init=False)
    goals: Goals = field(init=False)
    outcome: Outcome = field(init=False)
    volumes: SpecTable[VolumeSpec] = field(init=False)  # what the user said of them, by device

    def __post_init__(self) -> None:
        self.machine = Machine(self.present)
        self.deadlines = Deadlines(self.present, self.machine.timers)
        self.assemblies = Assemblies(self.present)
        self.prompts = Prompts(self.present)
        self.breakpoints = BreakPoints(self.present, self.settings.breaks, self.settings.shell)
        self.goals = Goals(self.present)
        self.outcome = Outcome(self.present, self.settings)
        self.volumes = SpecTable((each.source, each) for each in self.settings.volumes)

    def come_to(self, now: float) -> None:
        """An event has come at this time, in seconds, which never goes back."""
        self.now = self.present.now = max(now, self.now)

    def report(self, text: str, detail: bool = False) -> None:
        """Tell the user something."""
        self.present.report(text, detail)

    def device(self, instance: Instance) -> Device | None:
        """The subject as it is now; None when it is gone or the job has none."""
        return self.devices.get(instance.subject)
