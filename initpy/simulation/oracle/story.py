"""What happened in a simulated boot, put together from its journal for the oracle.

Only events and actions are read, in the journal's plain form: what the world told the core, and
what the core asked for. What the core thought does not count (`Moved`, reasons, trees), so that
the oracle cannot share a mistake with it.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from initpy.simulation.machine.record import Entry

FOREVER = float("inf")
Line = Mapping[str, Any]  # an event or action, its name as "kind"


class Span(NamedTuple):
    """Something that went on from `start` to `end` (for ever: until the simulation ended)."""

    start: float
    end: float


class Device(NamedTuple):
    """A block device as the core was told of it."""

    name: str
    properties: Mapping[str, str]
    links: tuple[str, ...] = ()
    slaves: tuple[str, ...] = ()

    @property
    def node(self) -> str:
        """Its path below /dev."""
        return self.properties.get("DEVNAME", f"/dev/{self.name}")

    @property
    def ready(self) -> bool:
        """Whether udev and the kernel say that it can be used: systemd.device(5), libdevmapper."""
        known = self.properties
        if known.get("SYSTEMD_READY") == "0" or known.get("DM_SUSPENDED") == "1":
            return False
        if known.get("DM_UDEV_DISABLE_OTHER_RULES_FLAG") == "1":
            return False
        if known.get("md/array_state") in ("inactive", "clear"):
            return False
        return not self.name.startswith("dm-") or "DM_NAME" in known


@dataclass(slots=True)
class Work:
    """A command or a mount that the core had started."""

    job: str
    run: int
    words: tuple[str, ...]  # its command line; of a mount, what is mounted where
    subject: str | None  # the kernel name of the device it works on, where the core says
    engine: int
    start: float
    order: int  # number of the step
    end: float = FOREVER
    status: int | None = None  # None: the core was not told of its end
    stopped: float | None = None  # when the core wanted it stopped
    beside: bool = False  # root does not wait for it: the check of another file system
    got_on: float = 0.0  # when it told last of how far it is
    # When it holds nothing any more: it has ended, it had its time and is left behind, or its
    # device has gone.
    over: float = FOREVER

    @property
    def failed(self) -> bool:
        """True when it is known to have ended badly."""
        return self.status is not None and self.status != 0

    @property
    def checks(self) -> bool:
        """True for the check of a file system: fsck(8)."""
        return self.words[0].startswith(("e2fsck", "fsck"))

    @property
    def worked(self) -> bool:
        """True when it is known to have ended well."""
        return self.status == 0


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
class Request:
    """What a user asks for in the shell."""

    kind: str  # RetryAsked, WaitAsked, KeyGiven
    number: int
    engine: int
    start: float
    order: int
    answered: float | None = None


class Failure(NamedTuple):
    """A failure screen."""

    reason: str
    tree: Line
    advice: tuple[str, ...]  # the sentences, without the commands


@dataclass(slots=True)
class Story:
    """The boot, in the order it happened."""

    works: list[Work] = field(default_factory=list)
    prompts: list[Prompt] = field(default_factory=list)
    reports: list[tuple[float, int, str]] = field(default_factory=list)  # time, step, text
    notices: list[float] = field(default_factory=list)  # when a report was for a quiet console too
    requests: list[Request] = field(default_factory=list)
    pauses: list[Span] = field(default_factory=list)  # the boot stands still for a shell, break=
    ends: list[tuple[float, int]] = field(default_factory=list)  # the core ends the boot
    failures: list[tuple[float, int, Failure]] = field(default_factory=list)  # time, step
    handovers: list[tuple[float, int]] = field(default_factory=list)
    engines: list[float] = field(default_factory=list)  # when each has started
    shells: list[float] = field(default_factory=list)
    # name -> its states with their times; None: it was gone
    devices: dict[str, list[tuple[float, int, Device | None]]] = field(default_factory=dict)

    def latest(self, name: str, before: int) -> Device | None:
        """The device as the core had been told when it took the step of that number."""
        states = [state for _, order, state in self.devices.get(name, ()) if order <= before]
        return states[-1] if states else None

    def removals(self, work: Work) -> Iterator[float]:
        """When the device that a command works on went, while it was at work."""
        name = work.subject or work.job.partition("@")[2]
        for time, order, device in self.devices.get(name, ()):
            if device is None and order > work.order and time < work.end:
                yield time

    def state(self, name: str, before: int) -> Device | None:
        """The same, or as it was told first after that."""
        if (found := self.latest(name, before)) is not None:
            return found
        later = (state for _, order, state in self.devices.get(name, ()) if order > before)
        return next((each for each in later if each is not None), None)

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


def tell(entries: Iterable[Entry]) -> Story:
    """The story of these steps."""
    story = Story()
    running: dict[tuple[str, int], Work] = {}
    prompt: Prompt | None = None
    for order, entry in enumerate(entries):
        while entry.engine >= len(story.engines):
            story.engines.append(entry.time)
            _cut(running.values(), entry.time)
            running.clear()
            if prompt is not None:
                prompt.end, prompt = entry.time, None
            _go_on(story, entry.time)
        _hear(story, entry, order)
        _asked(story, entry, order)
        event = entry.event
        if event["kind"] == "JobEnded":
            work = running.pop((event["job"], event["run"]), None)
            if work is not None:
                work.end, work.status = entry.time, event["status"]
        if event["kind"] == "Progressed" and (event["job"], event["run"]) in running:
            running[event["job"], event["run"]].got_on = entry.time
        if event["kind"] == "ShellEnded":
            _go_on(story, entry.time)
        if event["kind"] == "Answered" and prompt is not None:
            prompt.end, prompt.answered, prompt = entry.time, True, None
        for action in entry.actions:
            match action["kind"]:
                case "Run" | "StartCheck" | "Mount" | "Write":
                    work = _begun(action, entry, order)
                    running[work.job, work.run] = work
                    story.works.append(work)
                case "Stop":
                    stopped = running.get((action["job"], action["run"]))
                    if stopped is not None and stopped.stopped is None:
                        stopped.stopped = entry.time
                case "Ask":
                    if prompt is not None:
                        prompt.end = entry.time
                    prompt = Prompt(
                        action["job"], action["text"], entry.engine, entry.time, order=order
                    )
                    story.prompts.append(prompt)
                case "Withdraw" if prompt is not None:
                    prompt.end, prompt = entry.time, None
                case "Report":
                    story.reports.append((entry.time, order, action["text"]))
                    if not action["detail"]:
                        story.notices.append(entry.time)
                case "ShowFailure":
                    advice = tuple(text for text, _ in action["advice"])
                    failure = Failure(action["reason"], action["tree"], advice)
                    story.failures.append((entry.time, order, failure))
                case "HandOver":
                    story.handovers.append((entry.time, order))
                case "OpenShell":
                    story.shells.append(entry.time)
                    if action["stop"] and not _of_failure(entry):
                        story.pauses.append(Span(entry.time, FOREVER))
                case "EndBoot":
                    story.ends.append((entry.time, order))
                case _:
                    pass
    return story


def _go_on(story: Story, now: float) -> None:
    """A shell for which the boot stood still has ended."""
    story.pauses = [each._replace(end=min(each.end, now)) for each in story.pauses]


def _of_failure(entry: Entry) -> bool:
    """Whether a shell is that of a failed boot, which goes on beside it; break= stops the boot."""
    kinds = {action["kind"] for action in entry.actions}
    return entry.event["kind"] == "KeyPressed" or "ShowFailure" in kinds


def _asked(story: Story, entry: Entry, order: int) -> None:
    """A user asks for something; and the core answers what was asked, now or before."""
    event = entry.event
    if event["kind"] in ("RetryAsked", "WaitAsked", "KeyGiven"):
        request = Request(event["kind"], event["request"], entry.engine, entry.time, order)
        story.requests.append(request)
    for action in entry.actions:
        if action["kind"] == "Reply":
            for request in story.requests:  # each shell counts them anew
                asked = request.number, request.engine
                if asked == (action["request"], entry.engine) and request.answered is None:
                    request.answered = entry.time


def _begun(action: Line, entry: Entry, order: int) -> Work:
    if action["kind"] in ("Run", "StartCheck"):
        words, subject = tuple(action["argv"]), action["subject"]
    elif action["kind"] == "Write":
        subject = action["subject"]
        words = ("write", subject, *(each for pair in action["attributes"] for each in pair))
    else:
        words, subject = ("mount", action["source"], action["target"]), None
    work = Work(action["job"], action["run"], words, subject, entry.engine, entry.time, order)
    work.beside = action["kind"] == "StartCheck"
    return work


def _cut(works: Iterable[Work], now: float) -> None:
    """The engine that waited for them is gone; no engine hears how they end."""
    for work in works:
        work.end = now


def _hear(story: Story, entry: Entry, order: int) -> None:
    for name, device in told(entry.event, story):
        states = story.devices.setdefault(name, [])
        if states and _is_another(states[-1][2], device):
            states.append((entry.time, order, None))
        states.append((entry.time, order, device))


def _is_another(before: Device | None, now: Device | None) -> bool:
    """Whether the kernel has given the name to another disk, and nobody told of the first's end."""
    if before is None or now is None:
        return False
    serials = {each.properties.get("ID_SERIAL", "") for each in (before, now)}
    return len(serials) == 2 and "" not in serials


def device_of(plain: Line) -> Device:
    """A device from its plain form."""
    return Device(plain["name"], plain["properties"], tuple(plain["links"]), tuple(plain["slaves"]))


def told(event: Line, story: Story) -> Iterator[tuple[str, Device | None]]:
    """What an event says of devices."""
    match event["kind"]:
        case "DeviceChanged":
            device = device_of(event["device"])
            yield device.name, device
        case "DeviceRemoved":
            yield event["name"], None
        case "Enumerated":
            devices = [device_of(each) for each in event["devices"]]
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
