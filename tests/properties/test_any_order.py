"""R2, R5: whatever order events come in, and whenever the engine dies, the end is the same.

A small world of ext4 on LVM on LUKS on RAID1 answers the core's actions after
random delays; disks come late, events are doubled, the engine is killed and
started again, and the person types when they feel like it. In the worst stories events are lost
until somebody looks, tools fail before or after they have worked, and a member is pulled out and
comes back.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from initpy.config.jobs import load_job_file
from initpy.core.actions import (
    Action,
    Arm,
    Ask,
    HandOver,
    LookAgain,
    Mount,
    Run,
    ShowFailure,
    Withdraw,
)
from initpy.core.boot import Boot
from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import (
    Answered,
    BootStarted,
    DeviceChanged,
    DeviceRemoved,
    Enumerated,
    Event,
    JobEnded,
    Mounted,
    TimePassed,
)
from initpy.core.secret import Secret
from initpy.core.settings import Settings

JOBS = [
    job
    for file in map(load_job_file, (Path(__file__).parents[2] / "jobs").glob("*.toml"))
    for job in file.jobs
]
MD_TIMEOUT = 30.0


@dataclass
class World:
    """What is on the disks, and what the tools have made of it so far."""

    present: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)  # added to the array
    running: bool = False  # the array
    degraded: bool = False
    open: bool = False
    active: bool = False
    mounted: bool = False
    root: str = "/dev/dm-1"

    def devices(self) -> list[Device]:
        """All devices, with what each shows at the moment."""
        found = [
            _device(name, (), ID_FS_TYPE="linux_raid_member", ID_FS_USAGE="raid")
            for name in sorted(self.present)
        ]
        if self.members:
            known = {"md/array_state": "inactive"}
            if self.running:
                known = {"md/array_state": "clean", "ID_FS_TYPE": "crypto_LUKS",
                         "ID_FS_USAGE": "crypto", "ID_FS_UUID": "u"}  # fmt: skip
            found.append(_device("md127", tuple(self.members), **known))
        if self.open:
            found.append(_device("dm-0", ("md127",), DM_NAME="c", DM_UUID="CRYPT-LUKS2-u-c",
                                 ID_FS_TYPE="LVM2_member"))  # fmt: skip
        if self.active:
            found.append(_device("dm-1", ("dm-0",), DM_NAME="vg-root", DM_VG_NAME="vg",
                                 ID_FS_TYPE="ext4", ID_FS_USAGE="filesystem",
                                 ID_FS_LABEL_ENC="root"))  # fmt: skip
        return found

    def pull(self, name: str) -> list[str]:
        """A member is pulled out; the devices that are gone with it."""
        self.present.discard(name)
        self.members.discard(name)
        if self.members or self.running:
            return [name]
        return [name, "md127"]

    def can_lose(self, name: str) -> bool:
        """Whether the array, if it runs, has another member left."""
        return name in self.present and (not self.running or bool(self.members - {name}))

    def run(self, run: Run) -> tuple[int, str]:
        """What the real tool would do: exit status and output."""
        job, _, subject = run.job.partition("@")
        match job:
            case "md-member":
                if subject in self.members:
                    return 1, ""  # mdadm: cannot reopen: Device or resource busy
                self.members.add(subject)
                self.running = self.running or len(self.members) == 2
            case "md-start":
                self.degraded = self.degraded or not self.running
                self.running = True
            case "md-stop" | "md-again":
                if self.running:
                    return 1, ""  # mdadm: Cannot get exclusive access
                self.members.clear()
            case "luks-open":
                if self.open:
                    return 5, ""
                if run.secret is None or bytes(run.secret.reveal()) != b"right":
                    return 2, ""
                self.open = True
            case "lvm-scan":
                return 0, "LVM_VG_NAME_COMPLETE='vg'\n"
            case "lvm-activate":
                self.active = True
        return 0, ""


@dataclass
class TwoVolumes(World):
    """ext4 on a volume group over two encrypted disks."""

    root: str = "/dev/dm-9"
    opened: set[str] = field(default_factory=set)

    def devices(self) -> list[Device]:
        """All devices, with what each shows at the moment."""
        found = [
            _device(name, (), ID_FS_TYPE="crypto_LUKS", ID_FS_USAGE="crypto", ID_FS_UUID=name)
            for name in sorted(self.present)
        ]
        found += [
            _device(f"dm-{name}", (name,), DM_NAME=f"luks-{name}",
                    DM_UUID=f"CRYPT-LUKS2-{name}-luks-{name}", ID_FS_TYPE="LVM2_member")
            for name in sorted(self.opened)
        ]  # fmt: skip
        if self.active:
            found.append(_device("dm-9", ("dm-vda", "dm-vdb"), DM_NAME="vg-root", DM_VG_NAME="vg",
                                 ID_FS_TYPE="ext4", ID_FS_USAGE="filesystem",
                                 ID_FS_LABEL_ENC="root"))  # fmt: skip
        return found

    def pull(self, name: str) -> list[str]:
        """A disk is pulled out before it has been unlocked."""
        self.present.discard(name)
        return [name]

    def can_lose(self, name: str) -> bool:
        """Whether nothing stands on it yet."""
        return name in self.present - self.opened

    def run(self, run: Run) -> tuple[int, str]:
        """What the real tool would do: exit status and output."""
        job, _, subject = run.job.partition("@")
        match job:
            case "luks-open":
                if subject in self.opened:
                    return 5, ""
                if subject not in self.present:
                    return 4, ""
                if run.secret is None or bytes(run.secret.reveal()) != b"right":
                    return 2, ""
                self.opened.add(subject)
            case "lvm-scan":
                complete = len(self.opened) == 2
                return 0, f"LVM_VG_NAME_{'COMPLETE' if complete else 'INCOMPLETE'}='vg'\n"
            case "lvm-activate" | "lvm-start":
                if len(self.opened) < 2:
                    return 5, ""
                self.active = True
        return 0, ""


def _device(name: str, on: tuple[str, ...], **known: str) -> Device:
    return Device(
        name, {"KERNEL": name, "DEVNAME": f"/dev/{name}", **known}, frozenset(), frozenset(on)
    )


@dataclass
class Story:
    """What chance decides: when the disks come, how long things take, what goes wrong."""

    arrivals: tuple[float, float | None]
    delays: list[float]
    typed: list[tuple[float, bytes]]
    doubled: bool
    deaths: list[int]
    lost: frozenset[int] = frozenset()  # numbers of the events about devices that nobody gets
    failing: Mapping[int, tuple[int, bool]] = field(default_factory=dict)  # run -> status, works
    pulled: tuple[float, float] | None = None  # the second disk is pulled out, and comes back


def stories(second: st.SearchStrategy[float | None]) -> st.SearchStrategy[Story]:
    """Stories in which the second disk comes as `second` says."""
    return st.builds(
        Story,
        arrivals=st.tuples(st.floats(0, 60), second),
        delays=st.lists(st.floats(0, 8), min_size=1, max_size=12),
        typed=st.lists(st.tuples(st.floats(0, 200), st.sampled_from([b"wrong", b""])), max_size=2),
        doubled=st.booleans(),
        deaths=st.lists(st.integers(1, 60), max_size=3),
    )


def worst_stories() -> st.SearchStrategy[Story]:
    """Stories in which everything goes wrong that can."""
    return st.builds(
        Story,
        arrivals=st.tuples(st.floats(0, 60), st.floats(0, 60)),
        delays=st.lists(st.floats(0, 8), min_size=1, max_size=12),
        typed=st.lists(st.tuples(st.floats(0, 200), st.sampled_from([b"wrong", b""])), max_size=2),
        doubled=st.booleans(),
        deaths=st.lists(st.integers(1, 60), max_size=3),
        lost=st.frozensets(st.integers(0, 30), max_size=12),
        failing=st.dictionaries(
            st.integers(0, 15),
            st.tuples(st.sampled_from([1, -9]), st.booleans()),
            max_size=6,
        ),
        pulled=st.none() | st.tuples(st.floats(0, 120), st.floats(0, 60)),
    )


@dataclass
class Played:
    """How it ended."""

    world: World
    log: list[tuple[float, Action]]


def play(story: Story, world: World | None = None) -> Played:
    """Run a story to its end, at most 3,000 seconds of its time."""
    world, log = world or World(), []
    agenda: list[tuple[float, int, Event | str]] = []
    order = steps = alarm_number = events = runs = 0
    failed: Counter[str] = Counter()
    delays = iter(story.delays * 1000)
    answers = iter([*story.typed, *[(5.0, b"right")] * 100])

    def plan(at: float, what: Event | str) -> None:
        nonlocal order
        order += 1
        agenda.append((at, order, what))

    def new_engine() -> Boot:
        return Boot(Settings(root=DeviceSpec(Naming.LABEL, "root"), md_timeout=MD_TIMEOUT), JOBS)

    def tell(at: float, device: Device) -> None:
        nonlocal events
        events += 1
        if events - 1 not in story.lost:
            plan(at, DeviceChanged(device))

    boot = new_engine()
    told: set[str] = set()
    if story.pulled is not None:
        plan(story.pulled[0], "pull vdb")
    for name, at in zip(("vda", "vdb"), story.arrivals, strict=True):
        if at is not None:
            plan(at, f"plug {name}")
    plan(0.0, BootStarted())
    deaths = sorted(story.deaths)

    while agenda:
        agenda.sort(key=lambda each: each[:2])
        now, _, what = agenda.pop(0)
        if now > 3000:
            break
        if isinstance(what, str):
            word, _, name = what.partition(" ")
            if word == "plug":
                world.present.add(name)
                tell(now, _only(world, name))
                continue
            if word == "pull":
                if world.can_lose(name) and story.pulled is not None:
                    for gone in world.pull(name):
                        plan(now, DeviceRemoved(gone))
                    plan(now + story.pulled[1], f"plug {name}")
                continue
            if word == "look":
                present = world.devices()
                for device in present:
                    plan(now, DeviceChanged(device))
                for gone in told - {each.name for each in present}:
                    plan(now, DeviceRemoved(gone))
                continue
            assert word == "alarm"
            if int(name) != alarm_number:
                continue
            what = TimePassed()
        if isinstance(what, DeviceChanged):
            told.add(what.device.name)
        actions = boot.handle(what, now)
        if story.doubled and isinstance(what, DeviceChanged):
            actions += boot.handle(what, now)
        log += [(now, each) for each in actions]
        for action in actions:
            match action:
                case Arm(at):
                    alarm_number += 1
                    if at is not None:
                        plan(max(at, now), f"alarm {alarm_number}")
                case Run(job, number):
                    runs += 1
                    before = world.devices()
                    status, output = _carry_out(world, action, story, runs, failed)
                    later = now + next(delays)
                    present = world.devices()
                    for gone in {each.name for each in before} - {each.name for each in present}:
                        plan(later, DeviceRemoved(gone))
                    for device in present:
                        tell(later, device)
                    plan(later, JobEnded(job, number, status, output))
                case Mount(job, number):
                    world.mounted = True
                    later = now + next(delays)
                    plan(later, JobEnded(job, number, 0))
                    plan(later, Mounted("/sysroot", action.source))
                case Ask(job):
                    wait, text = next(answers)
                    plan(now + wait, Answered(job, Secret(text)))
                case LookAgain():
                    plan(now, "look")
                case Withdraw() | ShowFailure():
                    pass
                case HandOver():
                    return Played(world, log)
        steps += 1
        if deaths and steps >= deaths[0]:
            # The engine is killed: what it had been told is gone, plans of the world are not.
            deaths.pop(0)
            boot = new_engine()
            alarm_number += 1
            agenda[:] = [each for each in agenda if not isinstance(each[2], Answered)]
            if world.mounted:
                plan(now, Mounted("/sysroot", world.root))
            plan(now, BootStarted())
            plan(now, Enumerated(tuple(world.devices())))
    return Played(world, log)


def _carry_out(
    world: World, action: Run, story: Story, number: int, failed: Counter[str]
) -> tuple[int, str]:
    """Run the tool, which may fail, but not as often in a row as makes a job give up."""
    fault = story.failing.get(number - 1)
    if fault is None or failed[action.job]:
        return world.run(action)
    failed[action.job] += 1
    status, works = fault
    if works:
        world.run(action)
    return status, ""


def _only(world: World, name: str) -> Device:
    return next(each for each in world.devices() if each.name == name)


@settings(max_examples=300)
@given(stories(st.floats(0, 60)))
def test_root_is_handed_over_once_whatever_the_order(story: Story) -> None:
    played = play(story)
    assert len([each for _, each in played.log if isinstance(each, HandOver)]) == 1


@settings(max_examples=500)
@given(worst_stories())
def test_whatever_goes_wrong_once_the_end_is_the_same(story: Story) -> None:
    played = play(story)
    assert len([each for _, each in played.log if isinstance(each, HandOver)]) == 1


@settings(max_examples=500)
@given(worst_stories())
def test_the_same_for_a_group_over_two_encrypted_disks(story: Story) -> None:
    played = play(story, TwoVolumes())
    assert len([each for _, each in played.log if isinstance(each, HandOver)]) == 1


@settings(max_examples=300)
@given(stories(st.floats(0, 60)))
def test_r7_degraded_only_when_the_gap_is_longer_than_the_timer(story: Story) -> None:
    played = play(story)
    first, second = story.arrivals
    assert second is not None
    if abs(first - second) < MD_TIMEOUT - 1:
        assert not played.world.degraded


@settings(max_examples=200)
@given(stories(st.none()))
def test_r7_a_member_missing_for_ever_costs_the_timer_and_no_more(story: Story) -> None:
    played = play(story)
    assert played.world.degraded
    assert [each for _, each in played.log if isinstance(each, HandOver)]
