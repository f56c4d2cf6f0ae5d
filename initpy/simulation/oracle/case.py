"""A simulated boot as the oracle looks at it: its story, and what the scenario implies."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from initpy.scenario.acts import Deed
from initpy.scenario.model import Outcome, Scenario
from initpy.simulation.machine.record import Entry, Held, Simulated
from initpy.simulation.machine.shutdown import Closing
from initpy.simulation.oracle.expected import expected_of
from initpy.simulation.oracle.identity import Identities
from initpy.simulation.oracle.items import Expected, Item
from initpy.simulation.oracle.jobs import Job, job_of
from initpy.simulation.oracle.logins import Login
from initpy.simulation.oracle.story import FOREVER, Device, Prompt, Span, Story, Work, tell, total
from initpy.simulation.world.network import Network
from initpy.simulation.world.random_faults import RandomFaults

# What an invariant yields: when, and in words.
Found = Iterator[tuple[float, str]]
NONE = RandomFaults()
SLACK = 0.01  # seconds, for sums of floats
# A command that is stopped gets SIGKILL after 3 s; when it has not ended some seconds later, it
# never will. Without a limit it may take as long as it gets on.
KILLED_SECONDS, STALL_SECONDS = 10.0, 600.0
USUAL_LIMIT = 60.0  # docs/jobs.md


@dataclass(slots=True)
class Case:
    """One boot to be judged."""

    expected: Expected
    entries: list[Entry]
    story: Story
    ended: float
    outcome: Outcome
    random_faults: RandomFaults = field(default_factory=RandomFaults)
    leftover: str = ""  # processes that the real system finds
    screens: tuple[float, ...] = ()  # when failure screens were shown
    secrets: tuple[Held, ...] = ()
    deaths: tuple[float, ...] = ()  # of each engine but the last
    written: Mapping[str, tuple[float, str]] = field(default_factory=dict)  # disk -> first write
    refused: tuple[tuple[float, str, str], ...] = ()  # writes to what is read-only
    closing: Closing | None = None  # the shutdown
    network: Network | None = None  # as it is at the end
    who: Identities = field(init=False)

    def __post_init__(self) -> None:
        self.who = Identities(self.expected, self.story)
        for work in self.story.works:
            gone = next(self.story.removals(work), FOREVER)
            work.over = min(work.end, self._left_behind(work), gone)

    @classmethod
    def of(cls, simulated: Simulated, random_faults: RandomFaults) -> "Case":
        """The case of a simulated boot."""
        booted, world = simulated.outcome is Outcome.BOOTED, simulated.world
        case = cls.told(
            simulated.scenario,
            simulated.entries(),
            simulated.ended,
            simulated.outcome,
            random_faults=random_faults,
            leftover=simulated.facts.get("leftover", "") if booted else "",
            screens=tuple(world.terminals.screens),
            secrets=simulated.secrets,
            deaths=simulated.deaths,
        )
        case.written, case.refused = world.written, tuple(world.refused)
        case.closing, case.network = simulated.closing, world.network
        return case

    @classmethod
    def told(
        cls,
        scenario: Scenario,
        entries: list[Entry],
        ended: float,
        outcome: Outcome,
        random_faults: RandomFaults = NONE,
        leftover: str = "",
        screens: tuple[float, ...] = (),
        secrets: tuple[Held, ...] = (),
        deaths: tuple[float, ...] = (),
    ) -> "Case":
        """The case of a boot that is told."""
        expected, story = expected_of(scenario), tell(entries)
        return cls(
            expected,
            entries,
            story,
            ended,
            outcome,
            random_faults,
            leftover,
            screens,
            secrets,
            deaths,
        )

    def job(self, key: str) -> Job | None:
        """What the job files say of the job of an instance."""
        return job_of(self.expected.scenario, key)

    def limit(self, work: Work) -> float:
        """How long a command may take; 0: as long as it gets on."""
        job = self.job(work.job)
        return job.timeout if job is not None else USUAL_LIMIT

    def _left_behind(self, work: Work) -> float:
        """When a command that does not end counts no more."""
        limit = self.limit(work)
        overdue = work.start + limit + KILLED_SECONDS
        if not limit:
            overdue = max(work.start, work.got_on) + STALL_SECONDS
        stopped = work.stopped + KILLED_SECONDS if work.stopped is not None else FOREVER
        return min(overdue, stopped)

    # Who is who

    def item(self, device: Device | None, before: int) -> str:
        """The name of the scenario's item that a device is; empty if the oracle cannot tell."""
        return self.who.item(device, before)

    def item_of(self, work: Work) -> str:
        """The item that a command works on."""
        return self.item(self.story.latest(work.subject or "", work.order), work.order)

    def subject(self, job: str, before: int) -> str:
        """The item that a job (`name@device`) is about."""
        return self.item(self.story.latest(job.partition("@")[2], before), before)

    def members_there(self, array: Device, before: int) -> set[str]:
        """The items that are in an array."""
        return {self.item(self.story.latest(each, before), before) for each in array.slaves}

    # What went on

    def starts(self) -> Iterator[tuple[Work, Device, Item]]:
        """The starts of arrays without their missing members, with the array."""
        for work in self.story.works:
            words = work.words
            if words[0] == "mdadm" and "--run" in words:
                device = self.story.by_node(words[-1], work.order)
                name = self.item(device, work.order)
                if device is not None and name:
                    # Of a container (`--incremental --run`) it starts the volumes.
                    items = self.expected.volumes(name) or [self.expected.items[name]]
                    whole = bool(self.expected.volumes(name)) and self._is_whole(device, name)
                    yield from ((work, device, item) for item in items if not whole)

    def _is_whole(self, device: Device, name: str) -> bool:
        """Whether a container has all its disks: none of its volumes is started without one."""
        return len(device.slaves) == len(self.expected.items[name].below)

    def degraded_mounts(self) -> Iterator[tuple[Work, Device]]:
        """The mounts of what lacks devices."""
        for work in self.story.works:
            if work.words[0] == "mount":
                device = self.story.by_node(work.words[1], work.order)
                if device is not None and device.properties.get("ID_BTRFS_READY") == "0":
                    yield work, device

    def unlocks(self) -> Iterator[tuple[Work, str]]:
        """The commands that open encrypted volumes, with the item that is locked."""
        for work in self.story.works:
            if work.words[:2] == ("cryptsetup", "open"):
                yield work, self.subject(work.job, work.order)

    def questions(self) -> Iterator[tuple[Prompt, str]]:
        """The prompts, with the item that is locked (or the array that the user is asked about)."""
        for prompt in self.story.prompts:
            yield prompt, self.subject(prompt.job, self._order(prompt.start))

    def touched(self) -> Iterator[tuple[Work | Prompt, str]]:
        """Both: all that happens to encrypted volumes."""
        yield from self.questions()
        yield from self.unlocks()

    def _order(self, time: float) -> int:
        steps = self.entries
        low, high = 0, len(steps)
        while low < high:
            middle = (low + high) // 2
            if steps[middle].time <= time:
                low = middle + 1
            else:
                high = middle
        return low - 1

    def user_spans(self, array: str = "", engine: int | None = None) -> list[Span]:
        """When volumes were asked for or opened; of `array`, only volumes that do not stand on it.

        And when the boot stood still for a shell.
        """
        found = []
        for each, locked in self.touched():
            mine = engine is None or each.engine == engine
            if mine and not (array and locked and array in self.expected.cone(locked)):
                found.append(Span(each.start, min(held_until(each), self.ended)))
        return found + [each._replace(end=min(each.end, self.ended)) for each in self.story.pauses]

    def login_spans(self, engine: int | None = None) -> list[Span]:
        """When a network disk might still come: a login to its server was made, or would be."""
        if not self.expected.logins:
            return []
        ends = [*self.story.engines[1:], self.ended]
        spans = []
        for number, last in enumerate(ends):
            for login in self.expected.logins if engine in (None, number) else ():
                begin = self._login_begins(login, number)
                spans.append(Span(begin, max(begin, min(last, self._login_ends(login, number)))))
        return spans

    def _login_begins(self, login: Login, engine: int) -> float:
        """With the engine, or when it sees the device that the job is for."""
        begun = self.story.engines[engine]
        if login.job.once:
            return begun
        seen = (time for time, _, _ in self.story.devices.get(login.node, ()) if time >= begun)
        return next(seen, FOREVER)

    def _login_ends(self, login: Login, engine: int) -> float:
        """When it has succeeded, its disk has shown, or it has failed as often as it may."""
        begun = self.story.engines[engine]
        failed = 0
        end = FOREVER
        for work in self.story.works:
            if login.is_by(work.job) and work.engine == engine:
                made = login.is_made(work.status)
                failed += work.failed and not made
                if made or failed >= login.job.tries:
                    end = work.end
                    break
        # What shows one disk of a job has it done.
        disks = [each.disk for each in self.expected.logins if each.job is login.job]
        for states in self.story.devices.values():
            for time, order, device in states:
                if begun <= time < end and self._shows(device, order, disks):
                    end = time
        return end

    def _shows(self, device: Device | None, order: int, disks: list[str]) -> bool:
        """Whether it is one of the disks, or a partition of one: then the disk has come, too."""
        item = self.expected.items.get(self.item(device, order))
        if item is None:
            return False
        return item.name in disks or (item.kind == "part" and item.below[0] in disks)

    def unheld(self, array: str, span: Span, logins: int | None = None) -> float:
        """How long of a span no volume was asked for or opened, beside the array.

        `logins`: the engine whose logins to servers hold it as well.
        """
        held = self.user_spans(array)
        if logins is not None:
            held += self.login_spans(logins)
        return span.end - span.start - total(held, span)

    def work_spans(self) -> list[Span]:
        """When commands and mounts were at work for which root, or the handover, waits.

        The real init waits for a check that is none of root's, unless it takes it over.
        """
        return [
            Span(each.start, min(each.over, self.ended))
            for each in self.story.works
            if not each.beside or self.takes_over(each) is False
        ]

    def takes_over(self, check: Work) -> bool | None:
        """Whether the real init takes this check over, as far as the engine knew; None: unknown."""
        return self.continues(self._order(check.over))

    def continues(self, order: int) -> bool | None:
        """Whether the real init takes checks over, as the engine had been told; None: unknown."""
        for entry in reversed(self.entries[: order + 1]):
            event = entry.event
            if event["kind"] == "Mounted" and event["target"] == "/sysroot":
                return bool(event.get("continues"))
        return None

    def engine_ends(self, engine: int) -> float:
        """When an engine is no more: it hands over, dies, or the boot ends."""
        handed = (time for time, order in self.story.handovers if self.engine_at(order) == engine)
        died = (*self.deaths[engine:], *self.story.engines[engine + 1 :])[:1]
        return min([*died, *handed, self.ended])

    def engine_at(self, order: int) -> int:
        """Which engine took a step."""
        return self.entries[order].engine

    @property
    def forgets(self) -> bool:
        """Whether engines have died that could leave no word to the next: /run was full."""
        faults = self.expected.scenario.faults
        return len(self.story.engines) > 1 and any(each.deed is Deed.FILL_RUN for each in faults)

    @property
    def mounted(self) -> tuple[float, int] | None:
        """When root was mounted: time and step."""
        for work in self.story.works:
            if work.words[0] == "mount" and work.words[-1] == "/sysroot" and work.worked:
                return work.end, self._order(work.end)
        return None

    def below_root(self, order: int) -> set[str]:
        """The devices that the mounted root stands on, as far as the core had been told."""
        mounts = [work for work in self.story.works if work.words[-1] == "/sysroot" and work.worked]
        device = self.story.by_node(mounts[-1].words[1], order) if mounts else None
        return self.below(device.name, order) if device is not None else set()

    def below(self, name: str, order: int) -> set[str]:
        """A device, and those that it stands on."""
        found: set[str] = set()
        pending = [name]
        while pending:
            known = self.story.latest(each := pending.pop(), order)
            if each not in found and known is not None:
                found.add(each)
                pending.extend(known.slaves)
        return found


def held_until(each: Work | Prompt) -> float:
    """When a prompt, or a command, holds nothing any more."""
    return each.over if isinstance(each, Work) else each.end
