"""What happened in a simulated boot, put together from its steps for the oracle.

Only events and actions are read: what the world told the core, and what the core asked for. What
the core thought does not count (`Moved`, reasons, trees), so that the oracle cannot share a mistake
with it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import NamedTuple

from initpy.core.actions import (
    Ask,
    HandOver,
    Mount,
    OpenShell,
    Report,
    Run,
    ShowFailure,
    Withdraw,
)
from initpy.core.devices.graph import Device
from initpy.core.events import (
    Answered,
    DeviceChanged,
    DeviceRemoved,
    Enumerated,
    Event,
    JobEnded,
)
from initpy.simulation.machine.record import Step

FOREVER = float("inf")


class Span(NamedTuple):
    """Something that went on from `start` to `end` (for ever: until the simulation ended)."""

    start: float
    end: float


@dataclass(slots=True)
class Work:
    """A command or a mount that the core had started."""

    action: Run | Mount
    engine: int
    start: float
    order: int  # number of the step
    end: float = FOREVER
    ended: JobEnded | None = None

    @property
    def words(self) -> tuple[str, ...]:
        """Its command line; of a mount, what is mounted where."""
        if isinstance(self.action, Run):
            return self.action.argv
        return ("mount", self.action.source, self.action.target)

    @property
    def failed(self) -> bool:
        """True when it is known to have ended badly."""
        return self.ended is not None and self.ended.status != 0

    @property
    def worked(self) -> bool:
        """True when it is known to have ended well."""
        return self.ended is not None and self.ended.status == 0


@dataclass(slots=True)
class Prompt:
    """A prompt that was up."""

    job: str
    text: str
    engine: int
    start: float
    end: float = FOREVER
    answered: bool = False
    order: int = 0  # number of the step

    @property
    def for_a_volume(self) -> bool:
        """True for a passphrase, false for a question about an array."""
        return self.text.startswith("Passphrase for ")


@dataclass(slots=True)
class Story:
    """The boot, in the order it happened."""

    works: list[Work] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)
    reports: list[tuple[float, int, str]] = field(default_factory=list)  # time, step, text
    failures: list[tuple[float, int, ShowFailure]] = field(default_factory=list)
    handovers: list[tuple[float, int]] = field(default_factory=list)
    engines: list[float] = field(default_factory=list)  # when each has started
    shells: list[float] = field(default_factory=list)
    # name -> its states with their times; None: it was gone
    devices: dict[str, list[tuple[float, int, Device | None]]] = field(default_factory=dict)

    def latest(self, name: str, before: int) -> Device | None:
        """The device as the core had been told when it took the step of that number."""
        states = [state for _, order, state in self.devices.get(name, ()) if order <= before]
        return states[-1] if states else None

    def known(self, before: int) -> list[Device]:
        """All devices that the core knew of at a step."""
        found = (self.latest(name, before) for name in self.devices)
        return [each for each in found if each is not None]

    def by_node(self, node: str, before: int) -> Device | None:
        """The device of that path below /dev."""
        for device in self.known(before):
            if node == device.node or node in device.links:
                return device
        return None


def tell(steps: Iterable[Step]) -> Story:
    """The story of these steps."""
    story = Story()
    running: dict[tuple[str, int], Work] = {}
    prompt: Prompt | None = None
    for order, step in enumerate(steps):
        while step.engine >= len(story.engines):
            story.engines.append(step.time)
            _cut(running.values(), step.time)
            running.clear()
            if prompt is not None:
                prompt.end, prompt = step.time, None
        _hear(story, step, order)
        if isinstance(step.event, JobEnded):
            work = running.pop((step.event.job, step.event.run), None)
            if work is not None:
                work.end, work.ended = step.time, step.event
        if isinstance(step.event, Answered) and prompt is not None:
            prompt.end, prompt.answered, prompt = step.time, True, None
        for action in step.actions:
            match action:
                case Run() | Mount():
                    work = Work(action, step.engine, step.time, order)
                    running[action.job, action.run] = work
                    story.works.append(work)
                case Ask(job, text):
                    if prompt is not None:
                        prompt.end = step.time
                    prompt = Prompt(job, text, step.engine, step.time, order=order)
                    story.prompts.append(prompt)
                case Withdraw() if prompt is not None:
                    prompt.end, prompt = step.time, None
                case Report(text):
                    story.reports.append((step.time, order, text))
                case ShowFailure():
                    story.failures.append((step.time, order, action))
                case HandOver():
                    story.handovers.append((step.time, order))
                case OpenShell():
                    story.shells.append(step.time)
                case _:
                    pass
    return story


def _cut(works: Iterable[Work], now: float) -> None:
    """The engine that waited for them is gone; nobody hears how they end."""
    for work in works:
        work.end = now


def _hear(story: Story, step: Step, order: int) -> None:
    for name, device in told(step.event, story):
        story.devices.setdefault(name, []).append((step.time, order, device))


def told(event: Event, story: Story) -> Iterator[tuple[str, Device | None]]:
    """What an event says of devices."""
    match event:
        case DeviceChanged(device):
            yield device.name, device
        case DeviceRemoved(name):
            yield name, None
        case Enumerated(devices):
            there = {each.name for each in devices}
            for name, states in story.devices.items():
                if name not in there and states[-1][2] is not None:
                    yield name, None
            for device in devices:
                yield device.name, device
        case _:
            pass


def total(spans: Iterable[Span], within: Span) -> float:
    """How much of `within` is covered by any of the spans."""
    covered, reached = 0.0, within.start
    for span in sorted(spans):
        start, end = max(span.start, reached), min(span.end, within.end)
        if end > start:
            covered += end - start
            reached = end
    return covered
