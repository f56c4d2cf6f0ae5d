"""A simulated boot as the oracle looks at it: its story, the truth, and who is who."""

from collections.abc import Iterator
from dataclasses import dataclass, field

from initpy.scenario.model import RAID
from initpy.simulation.machine.record import Entry, Simulated
from initpy.simulation.oracle.expected import Item, Sure, Truth, root_reach, truth_of
from initpy.simulation.oracle.jobs import Job, own_jobs, shipped_jobs
from initpy.simulation.oracle.logins import Login
from initpy.simulation.oracle.story import FOREVER, Device, Prompt, Span, Story, Work, tell, total
from initpy.simulation.world.random_faults import Mischief

# What an invariant yields: when, and in words.
Found = Iterator[tuple[float, str]]
SLACK = 0.01  # seconds, for sums of floats
# Jobs without which a boot goes on.
HELPERS = ("luks-modules", "luks-ciphers", "md-examine")
_SERIALS = ("ID_SERIAL_SHORT", "ID_SERIAL", "ID_SCSI_SERIAL")


@dataclass(slots=True)
class Case:
    """One boot to be judged."""

    simulated: Simulated
    truth: Truth
    entries: list[Entry]
    story: Story
    mischief: Mischief = field(default_factory=Mischief)
    _whose: dict[tuple[str, int], str] = field(default_factory=dict)

    @classmethod
    def of(cls, simulated: Simulated, mischief: Mischief) -> "Case":
        """The case of a simulated boot."""
        entries = simulated.entries()
        return cls(simulated, truth_of(simulated.scenario), entries, tell(entries), mischief)

    # Who is who

    def item(self, device: Device | None, before: int) -> str:
        """The name of the scenario's item that a device is; empty if the oracle cannot tell."""
        if device is None:
            return ""
        key = device.name, before
        if key not in self._whose:
            self._whose[key] = self._identify(device, before)
        return self._whose[key]

    def _identify(self, device: Device, before: int) -> str:
        known = device.properties
        for login in self.truth.logins:
            # Before the login such a device is nobody's.
            if device.name == login.node and known.get("size") != "0":
                return login.disk
        for serial in (known.get(key, "") for key in _SERIALS):
            if known.get("DEVTYPE") != "partition" and serial in self.truth.items:
                return serial
        below = [self.item(self.story.latest(name, before), before) for name in device.slaves]
        if known.get("DEVTYPE") == "partition":
            # It carries its disk's serial number, whether the disk has shown or not.
            named = [known[key] for key in _SERIALS if known.get(key) in self.truth.items][:1]
            below = named or (below if self.truth.logins else [])
            return self._partition(known.get("PARTN") or known.get("ID_PART_ENTRY_NUMBER"), below)
        volume = known.get("DM_NAME", "")
        for name, item in self.truth.items.items():
            layer = item.layer
            if layer is None or item.kind == "part" or name.startswith("fs:"):
                continue
            if item.kind == "lvm":
                if volume == f"{layer.group.replace('-', '--')}-{layer.name.replace('-', '--')}":
                    return name
            elif (
                below
                and set(below) <= set(item.below)
                and (item.kind in RAID if device.name.startswith("md") else "luks" in item.kind)
            ):
                return name
        return ""

    def _partition(self, number: str | None, below: list[str]) -> str:
        for name, item in self.truth.items.items():
            if item.kind == "part" and item.layer is not None and list(item.below) == below:
                names = [part.name for part in item.layer.parts]
                if number is not None and names.index(name) + 1 == int(number):
                    return name
        return ""

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
            if words[0] == "mdadm" and "--run" in words and "--incremental" not in words:
                device = self.story.by_node(words[-1], work.order)
                name = self.item(device, work.order)
                if device is not None and name:
                    yield work, device, self.truth.items[name]

    def unlocks(self) -> Iterator[tuple[Work, str]]:
        """The commands that open encrypted volumes, with the item that is locked."""
        for work in self.story.works:
            if work.words[0] == "cryptsetup":
                yield work, self.subject(work.job, work.order)

    def questions(self) -> Iterator[tuple[Prompt, str]]:
        """The prompts, with the item that is locked (or the array that people are asked about)."""
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

    def people_spans(self, array: str = "", engine: int | None = None) -> list[Span]:
        """When volumes were asked for or opened; of `array`, those that do not stand on it."""
        found = []
        for each, locked in self.touched():
            mine = engine is None or each.engine == engine
            if mine and not (array and locked and array in self.truth.cone(locked)):
                found.append(Span(each.start, min(each.end, self.simulated.ended)))
        return found

    def login_spans(self, engine: int | None = None) -> list[Span]:
        """When a network disk might still come: a login to its server was made, or would be."""
        if not self.truth.logins:
            return []
        ends = [*self.story.engines[1:], self.simulated.ended]
        spans = []
        for number, last in enumerate(ends):
            for login in self.truth.logins if engine in (None, number) else ():
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
            if work.job.partition("@")[0] == login.job.name and work.engine == engine:
                failed += work.failed
                if work.worked or failed >= login.job.tries:
                    end = work.end
                    break
        # What shows one disk of a job has it done.
        disks = [each.disk for each in self.truth.logins if each.job is login.job]
        for states in self.story.devices.values():
            for time, order, device in states:
                if begun <= time < end and self._shows(device, order, disks):
                    end = time
        return end

    def _shows(self, device: Device | None, order: int, disks: list[str]) -> bool:
        """Whether it is one of the disks, or a partition of one: then the disk has come, too."""
        item = self.truth.items.get(self.item(device, order))
        if item is None:
            return False
        return item.name in disks or (item.kind == "part" and item.below[0] in disks)

    def unheld(self, array: str, span: Span, logins: int | None = None) -> float:
        """How long of a span nobody was asked for, and no volume was opened, beside the array.

        `logins`: the engine whose logins to servers hold it as well.
        """
        held = self.people_spans(array)
        if logins is not None:
            held += self.login_spans(logins)
        return span.end - span.start - total(held, span)

    def work_spans(self) -> list[Span]:
        """When commands and mounts were at work."""
        return [Span(each.start, min(each.end, self.simulated.ended)) for each in self.story.works]

    def engine_at(self, order: int) -> int:
        """Which engine took a step."""
        return self.entries[order].engine

    @property
    def mounted(self) -> tuple[float, int] | None:
        """When root was mounted: time and step."""
        for work in self.story.works:
            if work.words[0] == "mount" and work.words[-1] == "/sysroot" and work.worked:
                return work.end, self._order(work.end)
        return None

    # What can be said for sure

    def reach(self) -> Sure:
        """Whether root can be reached, given also what went wrong by chance."""
        sure = root_reach(self.truth)
        if sure is Sure.NO and self.mischief.engine_dies and len(self.story.engines) > 1:
            return Sure.UNSURE  # people who see an engine die do more than the scenario says
        return Sure.UNSURE if sure is Sure.YES and self.excused() else sure

    def excused(self) -> str:
        """Why a boot of a reachable root may have failed all the same; empty if it may not."""
        if out_of_tries := self._out_of_tries():
            return out_of_tries
        for work, device, item in self.starts():
            if self._lost(item, work.start):
                return f"{device.name} was started when a member of it was lost, which nobody saw"
        if self.story.shells and self.truth.scenario.people:
            return "a shell has the console, and gets what is typed"
        for layer in self.truth.scenario.layers:
            if layer.kind.startswith("luks"):
                asked = [
                    p for p, item in self.questions() if item == layer.on[0] and p.for_a_volume
                ]
                unanswered = [p for p in asked if not p.answered and p.end == FOREVER]
                if unanswered:
                    return f"nobody had patience for one more prompt for {layer.name}"
        return ""

    def _lost(self, item: Item, time: float) -> bool:
        """Whether the server of a disk below had gone by then."""
        cone = self.truth.cone(item.name)
        downs = (each.server.times.down for each in self.truth.logins if each.disk in cone)
        return any(down is not None and down <= time for down in downs)

    def _counts_on_servers(self) -> bool:
        """Whether a disk of a server may come: then the jobs of the network matter."""
        disks = (self.truth.items[login.disk] for login in self.truth.logins)
        return any(disk.usable is not Sure.NO for disk in disks)

    def _job(self, name: str) -> Job:
        shipped = shipped_jobs(self.truth.scenario).get(name)
        if shipped is not None:
            return shipped
        return next(job for job in own_jobs(self.truth.scenario) if job.name == name)

    def _out_of_tries(self) -> str:
        failed: dict[tuple[str, int], int] = {}
        shipped = shipped_jobs(self.truth.scenario)
        for work in self.story.works:
            if work.end == FOREVER and not self._job(work.job.partition("@")[0]).timeout:
                return f"{work.job} may take as long as it likes, and hangs"
            if work.failed:
                key = work.job, work.engine
                failed[key] = failed.get(key, 0) + 1
                name = work.job.partition("@")[0]
                if name in HELPERS or (name not in shipped and not self._counts_on_servers()):
                    continue
                if failed[key] >= self._job(name).tries or name == "lvm-start":
                    return f"{work.job} has failed as often as it may"
        return ""
