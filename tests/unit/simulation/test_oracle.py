"""Each invariant of the oracle finds what is wrong in a story made up for it, and nothing else."""

from pathlib import Path
from typing import NamedTuple

import pytest

from initpy.core.actions import (
    Action,
    Ask,
    EndBoot,
    HandOver,
    Mount,
    OpenShell,
    Reply,
    Report,
    Run,
    ShowFailure,
    Stop,
    Withdraw,
    Write,
)
from initpy.core.devices.graph import Device
from initpy.core.events import (
    Answered,
    BootStarted,
    DeviceChanged,
    DeviceRemoved,
    Enumerated,
    Event,
    JobEnded,
    KeyGiven,
    RetryAsked,
    ShellEnded,
    TimePassed,
)
from initpy.core.explanation import Node
from initpy.core.secret import Secret
from initpy.core.settings import Emergency
from initpy.scenario.model import Outcome, Scenario
from initpy.scenario.parse import load_scenario
from initpy.simulation.machine.record import Entry, Held, lined
from initpy.simulation.oracle import (
    asking,
    checks,
    commands,
    handover,
    looks,
    screen,
    secrets,
    starts,
)
from initpy.simulation.oracle.case import Case
from initpy.simulation.oracle.certainty import complete_at, reach
from initpy.simulation.oracle.judge import INVARIANTS
from initpy.simulation.oracle.sure import Sure

DATA = "3b1f4c52-6f0e-4c56-8f55-000000000001"
WORLD = """
title = "root on one disk, an encrypted volume on another"
[machine]
cmdline = "root=LABEL=r {words}"
[[disk]]
name = "a"
size = "64M"
[[disk]]
name = "b"
size = "64M"
[[layer]]
kind = "ext4"
on = ["a"]
label = "r"
holds = "root"
[[layer]]
kind = "luks2"
name = "c"
on = ["b"]
uuid = "3b1f4c52-6f0e-4c56-8f55-000000000001"
passphrase = "horse"
[image.files]
"/etc/crypttab" = "{table}"
[expect]
outcome = "booted"
"""
MIRROR = """
title = "a mirror with partitions inside, its superblock at the end of its members"
[machine]
cmdline = "root=LABEL=r"
[[disk]]
name = "a"
size = "64M"
[[disk]]
name = "b"
size = "64M"
[[layer]]
kind = "raid1"
name = "m"
on = ["a", "b"]
metadata = "1.0"
[[layer]]
kind = "partitions"
on = ["m"]
[[layer.part]]
name = "p"
[[layer]]
kind = "ext4"
on = ["p"]
label = "r"
holds = "root"
[expect]
outcome = "booted"
"""
ROOT = Device("vda", {"ID_SERIAL": "a", "ID_FS_TYPE": "ext4"})
LOCKED = Device("vdb", {"ID_SERIAL": "b", "ID_FS_TYPE": "crypto_LUKS", "ID_FS_UUID": DATA})
OPEN = Device("dm-0", {"DM_NAME": "data", "DM_UUID": "CRYPT-LUKS2-data"}, slaves=frozenset({"vdb"}))
MOUNT = Mount("mount-root@vda", 1, "/dev/vda", "/sysroot", ("ext4",), ())
UNLOCK = ("cryptsetup", "open", "/dev/vdb", "data")
MODPROBE = Run("luks-modules", 1, ("modprobe", "dm-crypt"))
TREE = Node("root", "not found")


class Told(NamedTuple):
    """A step of a made-up story."""

    time: float
    event: Event
    actions: tuple[Action, ...] = ()
    engine: int = 0


def step(time: float, event: Event, *actions: Action, engine: int = 0) -> Told:
    return Told(time, event, actions, engine)


@pytest.fixture
def world(tmp_path: Path) -> "World":
    return World(tmp_path)


class World:
    """Makes cases of stories."""

    def __init__(self, folder: Path) -> None:
        self._path = folder / "world.toml"

    def scenario(self, words: str = "", table: str = "", text: str = WORLD) -> Scenario:
        self._path.write_text(text.replace("{words}", words).replace("{table}", table))
        return load_scenario(self._path)

    def case(
        self,
        *steps: Told,
        words: str = "",
        table: str = "",
        text: str = WORLD,
        ended: float = 1000.0,
        screens: tuple[float, ...] = (),
        held: tuple[Held, ...] = (),
    ) -> Case:
        entries = [
            Entry(each.time, each.engine, lined(each.event), tuple(map(lined, each.actions)))
            for each in steps
        ]
        scenario = self.scenario(words, table, text)
        return Case.told(scenario, entries, ended, Outcome.BOOTED, screens=screens, secrets=held)


def seen(*devices: Device) -> Told:
    return step(1.0, Enumerated(devices))


def unlock(run: int, time: float, engine: int = 0) -> Told:
    return step(time, TimePassed(), Run("luks-open@vdb", run, UNLOCK, "vdb"), engine=engine)


# Named volumes

TABLE = f"data UUID={DATA} none luks\\n"


def mounted(time: float) -> tuple[Told, ...]:
    return (
        step(time, TimePassed(), MOUNT),
        step(time + 0.1, JobEnded(MOUNT.job, 1, 0), HandOver("/sysroot", None)),
    )


def test_a_named_volume_that_is_locked_at_the_handover_is_found(world: World) -> None:
    case = world.case(seen(ROOT, LOCKED), *mounted(2.0), table=TABLE)
    assert [*handover.named_volumes_are_open_before_the_handover(case)] == [
        (2.1, "the named volume data is locked")
    ]


@pytest.mark.parametrize(
    ("devices", "table"),
    [
        ((ROOT, LOCKED, OPEN), TABLE),  # open
        ((ROOT,), TABLE),  # not there: not waited for
        ((ROOT, LOCKED), ""),  # not named
        ((ROOT, LOCKED), TABLE.replace("luks", "luks,nofail")),
    ],
)
def test_any_other_volume_may_stay_as_it_is(
    world: World, devices: tuple[Device, ...], table: str
) -> None:
    case = world.case(seen(*devices), *mounted(2.0), table=table)
    assert [*handover.named_volumes_are_open_before_the_handover(case)] == []


UNREADY = LOCKED._replace(properties={**LOCKED.properties, "SYSTEMD_READY": "0"})
PART = LOCKED._replace(
    name="vdb1", properties={**LOCKED.properties, "DEVTYPE": "partition"}, slaves=frozenset({"vdb"})
)


@pytest.mark.parametrize(("time", "found"), [(10.0, 1), (22.0, 0)])
@pytest.mark.parametrize("volume", [UNREADY, PART])
def test_a_named_volume_that_is_not_ready_is_waited_for_a_while(
    world: World, volume: Device, time: float, found: int
) -> None:
    case = world.case(seen(ROOT, volume), *mounted(time), table=TABLE)
    assert len([*handover.named_volumes_are_open_before_the_handover(case)]) == found


def test_a_partition_that_shows_on_a_member_is_no_volume(world: World) -> None:
    """It is the mirror's: until mdadm has taken the member there is nothing to open."""
    raid = LOCKED._replace(properties={"ID_SERIAL": "b", "ID_FS_TYPE": "linux_raid_member"})
    case = world.case(seen(ROOT, PART, raid), *mounted(2.0), table=TABLE)
    assert [*handover.named_volumes_are_open_before_the_handover(case)] == []


HALF = Device("vda", {"ID_SERIAL": "a", "ID_FS_TYPE": "linux_raid_member"})
OTHER = Device("vdb", {"ID_SERIAL": "b", "ID_FS_TYPE": "linux_raid_member", "partitions": "vdb1"})
INCOMPLETE = Device(
    "md127", {"md/array_state": "inactive", "DEVNAME": "/dev/md127"}, slaves=frozenset({"vda"})
)
START = Run("md-start@md127", 1, ("mdadm", "--run", "/dev/md127"), "md127")


@pytest.mark.parametrize(
    ("came", "known", "found"),
    [
        (30.0, False, ["looked at"]),
        (5.0, False, []),  # it has stayed so for as long as it is waited for
        (30.0, True, []),  # it could be used; it has just come
        (5.0, True, ["there"]),
    ],
)
def test_a_start_without_a_member_that_is_there_is_found(
    world: World, came: float, known: bool, found: list[str]
) -> None:
    parts = (Device("vdb1", {"DEVTYPE": "partition"}, slaves=frozenset({"vdb"})),) if known else ()
    told = [step(came, DeviceChanged(each)) for each in (OTHER, *parts)]
    case = world.case(seen(HALF, INCOMPLETE), *told, step(32.0, TimePassed(), START), text=MIRROR)
    names = [
        each
        for each, invariant in (
            ("there", starts.never_degraded_with_its_members_there),
            ("looked at", starts.never_degraded_while_a_member_is_looked_at),
        )
        if [*invariant(case)]
    ]
    assert names == found


@pytest.mark.parametrize(
    ("status", "failures", "found"), [(1, 2, 1), (1, 3, 0), (2, 2, 1), (2, 3, 0)]
)
def test_only_the_last_try_counts(world: World, status: int, failures: int, found: int) -> None:
    tried: list[Told] = []
    for run in range(1, failures + 1):
        tried += [
            unlock(run, 1.0 + run),
            step(1.5 + run, JobEnded("luks-open@vdb", run, status)),
        ]
    case = world.case(seen(ROOT, LOCKED), *tried, *mounted(9.0), table=TABLE)
    assert len([*handover.named_volumes_are_open_before_the_handover(case)]) == found


# Requests


def test_a_request_without_an_answer_is_found(world: World) -> None:
    case = world.case(step(5.0, RetryAsked(7)), ended=60.0)
    assert [*asking.every_request_is_answered(case)] == [
        (60.0, "RetryAsked of 5.0 s is not answered")
    ]


def test_one_that_is_answered_late_is_found_unless_an_attempt_took_the_time(world: World) -> None:
    asked = step(5.0, KeyGiven(7, "data", Secret(b"x")))
    reply = step(65.0, JobEnded("luks-open@vdb", 1, 0), Reply(7, True, "unlocked"))
    late = world.case(asked, reply)
    assert len([*asking.every_request_is_answered(late)]) == 1
    tried = world.case(seen(LOCKED), asked, unlock(1, 5.0), reply)
    assert [*asking.every_request_is_answered(tried)] == []


def test_one_that_dies_with_its_engine_is_nothing_to_the_next(world: World) -> None:
    again = step(10.0, BootStarted(), engine=1)
    assert [*asking.every_request_is_answered(world.case(step(5.0, RetryAsked(7)), again))] == []


# Prompts


@pytest.mark.parametrize(("fault", "found"), [("", 1), ("[[fault]]\nat = 5\ndo = 'freeze b'\n", 0)])
def test_a_prompt_holds_root_unless_its_volume_may_not_answer(
    world: World, fault: str, found: int
) -> None:
    asks = Ask("luks-open@vdb", "Passphrase for data (/dev/vdb): ")
    failed = step(95.0, TimePassed(), ShowFailure("not turned up", TREE))
    text = WORLD.replace("[expect]", f"{fault}[expect]")
    case = world.case(seen(LOCKED), step(2.0, TimePassed(), asks), failed, text=text)
    assert len([*asking.never_failed_while_a_user_types(case)]) == found


def test_a_key_that_hangs_without_a_prompt_is_found(world: World) -> None:
    case = world.case(seen(LOCKED), unlock(1, 2.0))
    assert len([*asking.no_attempt_keeps_the_prompt_away(case)]) == 1


def test_a_prompt_beside_it_or_what_a_user_has_typed_is_right(world: World) -> None:
    prompt = step(12.0, TimePassed(), Ask("luks-open@vdb", "Passphrase for data (/dev/vdb): "))
    beside = world.case(seen(LOCKED), unlock(1, 2.0), prompt)
    assert [*asking.no_attempt_keeps_the_prompt_away(beside)] == []
    answer = Answered("luks-open@vdb", Secret(b"x"))
    typed = world.case(
        seen(LOCKED), step(2.0, answer, Run("luks-open@vdb", 1, UNLOCK, "vdb", Secret(b"x")))
    )
    assert [*asking.no_attempt_keeps_the_prompt_away(typed)] == []


def test_a_volume_that_has_gone_needs_no_prompt(world: World) -> None:
    case = world.case(seen(LOCKED), unlock(1, 2.0), step(9.0, DeviceRemoved("vdb")))
    assert [*asking.no_attempt_keeps_the_prompt_away(case)] == []


@pytest.mark.parametrize(("asks", "found"), [(61.0, 1), (33.0, 0)])
def test_what_was_typed_for_another_volume_may_be_tried_first(
    world: World, asks: float, found: int
) -> None:
    """R12: it may open this one, too."""
    other = LOCKED._replace(name="vdc", properties={**LOCKED.properties, "ID_SERIAL": "c"})
    tries = Run("luks-open@vdc", 1, ("cryptsetup", "open", "/dev/vdc", "x"), "vdc")
    answered = step(20.0, Answered("luks-open@vdc", Secret(b"x")), tries)
    prompt = step(asks, TimePassed(), Ask("luks-open@vdb", "Passphrase for data (/dev/vdb): "))
    case = world.case(seen(LOCKED, other), unlock(1, 2.0), answered, prompt)
    assert len([*asking.no_attempt_keeps_the_prompt_away(case)]) == found


# Secrets


def held(wiped: float | None, kind: str = "Answered") -> Held:
    return Held(kind, "luks-open@vdb", 0, 2.0, Secret(b""), [("luks-open@vdb", 1)], wiped)


@pytest.mark.parametrize(("wiped", "found"), [(None, 1), (7.5, 1), (6.0, 0)])
def test_a_secret_that_is_readable_at_the_handover_is_found(
    world: World, wiped: float | None, found: int
) -> None:
    told = (seen(LOCKED), unlock(1, 2.0), step(4.0, JobEnded("luks-open@vdb", 1, 0)))
    case = world.case(*told, step(7.0, TimePassed(), HandOver("/", None)), held=(held(wiped),))
    assert len([*secrets.every_secret_is_wiped(case)]) == found


@pytest.mark.parametrize(("status", "wiped", "found"), [(2, None, 1), (2, 4.0, 0), (1, None, 0)])
def test_a_secret_that_was_refused_is_wiped_then(
    world: World, status: int, wiped: float | None, found: int
) -> None:
    """A tool that has failed gets it again."""
    told = (seen(LOCKED), unlock(1, 2.0), step(4.0, JobEnded("luks-open@vdb", 1, status)))
    case = world.case(*told, held=(held(wiped),))
    assert len([*secrets.every_secret_is_wiped(case)]) == found


@pytest.mark.parametrize(("wiped", "found"), [(None, 1), (3.5, 0), (9.0, 1)])
def test_a_secret_goes_with_its_volume_and_the_command_that_has_it(
    world: World, wiped: float | None, found: int
) -> None:
    told = (seen(LOCKED), unlock(1, 2.0), step(3.0, DeviceRemoved("vdb")))
    ended = step(3.5, JobEnded("luks-open@vdb", 1, 4))
    case = world.case(*told, ended, held=(held(wiped),))
    assert len([*secrets.every_secret_is_wiped(case)]) == found


def test_a_passphrase_that_fits_is_kept_for_others_and_a_key_is_not(world: World) -> None:
    told = (seen(LOCKED), unlock(1, 2.0), step(4.0, JobEnded("luks-open@vdb", 1, 0)))
    assert [*secrets.every_secret_is_wiped(world.case(*told, held=(held(None),)))] == []
    key = world.case(*told, held=(held(None, "Fetched"),))
    assert len([*secrets.every_secret_is_wiped(key)]) == 1


# Processes

MEMBER = Run("md-member@vdb", 1, ("mdadm", "--incremental", "/dev/vdb"), "vdb")


def test_a_command_whose_device_has_gone_and_that_is_not_stopped_is_found(world: World) -> None:
    gone = step(3.0, DeviceRemoved("vdb"))
    left = world.case(seen(LOCKED), step(2.0, TimePassed(), MEMBER), gone)
    assert [*commands.no_process_outlives_its_instance(left)] == [
        (33.0, "md-member@vdb is at work 30 s after vdb has gone")
    ]
    stopped = step(18.0, TimePassed(), Stop("md-member@vdb", 1))
    ended = step(18.0, JobEnded("md-member@vdb", 1, 1))
    for end in (stopped, ended):
        case = world.case(seen(LOCKED), step(2.0, TimePassed(), MEMBER), gone, end)
        assert [*commands.no_process_outlives_its_instance(case)] == []


def test_a_command_that_is_not_stopped_in_time_is_found(world: World) -> None:
    begun = step(2.0, TimePassed(), MEMBER)
    assert len([*commands.a_command_is_stopped_when_its_time_is_over(world.case(begun))]) == 1
    stopped = step(62.0, TimePassed(), Stop("md-member@vdb", 1))
    case = world.case(begun, stopped)
    assert [*commands.a_command_is_stopped_when_its_time_is_over(case)] == []


def test_a_job_that_does_not_wait_for_those_it_names_is_found(world: World) -> None:
    early = world.case(seen(LOCKED), step(1.0, TimePassed(), MODPROBE), unlock(1, 2.0))
    assert [*commands.a_job_runs_after_those_it_names(early)] == [
        (2.0, "luks-open@vdb runs before luks-modules has ended")
    ]
    never = world.case(seen(LOCKED), unlock(1, 2.0))
    assert len([*commands.a_job_runs_after_those_it_names(never)]) == 1
    ended = step(1.5, JobEnded("luks-modules", 1, 1))
    right = world.case(seen(LOCKED), step(1.0, TimePassed(), MODPROBE), ended, unlock(1, 2.0))
    assert [*commands.a_job_runs_after_those_it_names(right)] == []


@pytest.mark.parametrize(
    ("offered", "ended", "stopped", "found"),
    [
        (2.0, 9.0, 5.0, 1),  # mdadm may choose the name any moment
        (5.1, 9.0, 5.0, 1),
        (2.0, 4.9, 5.0, 0),
        (2.0, 90.0, 50.0, 0),  # it hangs
        (6.5, 9.0, 5.0, 0),  # the array was stopped before
    ],
)
def test_a_member_that_is_offered_while_an_array_is_stopped_is_found(
    world: World, offered: float, ended: float, stopped: float, found: int
) -> None:
    stop = Run("md-take-down@md127", 1, ("mdadm", "--stop", "/dev/md127"), "md127")
    steps = (
        step(offered, TimePassed(), MEMBER),
        step(ended, JobEnded("md-member@vdb", 1, 0)),
        step(stopped, TimePassed(), stop),
        step(stopped + 1.0, JobEnded("md-take-down@md127", 1, 0)),
    )
    case = world.case(*sorted(steps, key=lambda each: each.time))
    assert len([*commands.no_array_is_made_while_one_is_stopped(case)]) == found


def test_a_command_that_is_left_behind_holds_nothing_any_more(world: World) -> None:
    case = world.case(step(2.0, TimePassed(), MEMBER), ended=500.0)
    (work,) = case.story.works
    assert work.over == 72.0
    assert case.work_spans() == [(2.0, 72.0)]


# The screen


def test_an_empty_screen_at_root_s_deadline_is_found(world: World) -> None:
    begun = step(1.0, BootStarted(), Report("waiting for root", True))
    assert len([*screen.something_is_on_the_screen_in_time(world.case(begun))]) == 1
    over = world.case(begun, ended=50.0)
    assert [*screen.something_is_on_the_screen_in_time(over)] == []
    for shown in (
        step(11.0, TimePassed(), Report("still waiting")),
        step(11.0, TimePassed(), Ask("luks-open@vdb", "Passphrase for data (/dev/vdb): ")),
        step(11.0, TimePassed(), OpenShell()),
    ):
        case = world.case(begun, shown)
        assert [*screen.something_is_on_the_screen_in_time(case)] == []


def test_a_failure_screen_that_is_swallowed_is_found(world: World) -> None:
    failed = step(91.0, TimePassed(), ShowFailure("not turned up", TREE))
    assert len([*screen.a_failure_screen_that_is_due_is_shown(world.case(failed))]) == 1
    shown = world.case(failed, screens=(94.0,))
    assert [*screen.a_failure_screen_that_is_due_is_shown(shown)] == []


@pytest.mark.parametrize(
    ("words", "end", "found"), [("panic=60", 92.0, 0), ("panic=60", 151.0, 1), ("", 151.0, 0)]
)
def test_a_countdown_that_begins_anew_is_found(
    world: World, words: str, end: float, found: int
) -> None:
    failed = step(31.0, TimePassed(), ShowFailure("cannot be mounted", TREE))
    again = step(90.0, TimePassed(), ShowFailure("not turned up", TREE))
    ended = step(end, TimePassed(), EndBoot(Emergency.REBOOT, "failed"))
    case = world.case(failed, again, ended, words=words, ended=end)
    assert len([*screen.a_failed_boot_ends_in_time(case)]) == found


def test_a_prompt_holds_the_countdown(world: World) -> None:
    failed = step(31.0, TimePassed(), ShowFailure("cannot be mounted", TREE))
    asked = step(32.0, TimePassed(), Ask("luks-open@vdb", "Passphrase for data (/dev/vdb): "))
    gone = step(140.0, TimePassed(), Withdraw("luks-open@vdb", ""))
    ended = step(205.0, TimePassed(), EndBoot(Emergency.REBOOT, "failed"))
    case = world.case(seen(LOCKED), failed, asked, gone, ended, words="panic=60", ended=205.0)
    assert [*screen.a_failed_boot_ends_in_time(case)] == []


def test_a_passphrase_that_waits_for_a_module_holds_the_countdown(world: World) -> None:
    failed = step(31.0, TimePassed(), ShowFailure("not turned up", TREE))
    asks = Ask("luks-open@vdb", "Passphrase for data (/dev/vdb): ")
    told = (
        step(40.0, DeviceChanged(LOCKED), MODPROBE, asks),
        step(45.0, Answered("luks-open@vdb", Secret(b"x"))),
        step(80.0, JobEnded("luks-modules", 1, -9)),
        step(145.0, TimePassed(), EndBoot(Emergency.REBOOT, "failed")),
    )
    case = world.case(failed, *told, words="panic=60", ended=145.0)
    assert [*screen.a_failed_boot_ends_in_time(case)] == []


@pytest.mark.parametrize(("checked", "found"), [(0.5, 1), (12.0, 0)])
def test_a_check_of_a_root_that_comes_late_holds_the_countdown(
    world: World, checked: float, found: int
) -> None:
    failed = step(31.0, TimePassed(), ShowFailure("not turned up", TREE))
    check = Run("fsck-ext@vda", 1, ("e2fsck", "-a", "/dev/vda"), "vda")
    begun = step(90.0, DeviceChanged(ROOT), check)
    ended = step(90.0 + checked, JobEnded("fsck-ext@vda", 1, 0))
    over = step(121.0, TimePassed(), EndBoot(Emergency.REBOOT, "failed"))
    case = world.case(failed, begun, ended, over, words="panic=60", ended=121.0)
    assert len([*screen.a_failed_boot_ends_in_time(case)]) == found


def test_a_root_that_is_mounted_and_not_handed_over_is_found(world: World) -> None:
    told = (seen(ROOT), step(2.0, TimePassed(), MOUNT), step(2.1, JobEnded(MOUNT.job, 1, 0)))
    assert len([*handover.a_mounted_root_is_handed_over(world.case(*told))]) == 1
    leaves = step(7.1, TimePassed(), HandOver("/sysroot", None))
    assert [*handover.a_mounted_root_is_handed_over(world.case(*told, leaves))] == []
    asked = step(2.1, TimePassed(), Ask("luks-open@vdb", "Passphrase for data (/dev/vdb): "))
    assert [*handover.a_mounted_root_is_handed_over(world.case(*told, asked))] == []
    stuck = world.case(*told[:1], step(1.9, TimePassed(), MEMBER), *told[1:])
    assert len([*handover.a_mounted_root_is_handed_over(stuck)]) == 1


# Degraded mounts, and what fails before its time

HALF = Device("vda", {"ID_SERIAL": "a", "ID_FS_TYPE": "btrfs", "ID_BTRFS_READY": "0"})
DEGRADED = Mount("btrfs@vda", 1, "/dev/vda", "/sysroot", ("btrfs",), ("degraded",))


def test_a_degraded_mount_that_comes_late_is_found(world: World) -> None:
    late = step(90.0, TimePassed(), DEGRADED)
    assert len([*starts.a_degraded_start_comes_in_time(world.case(seen(HALF), late))]) == 1
    right = step(45.0, TimePassed(), DEGRADED)
    assert [*starts.a_degraded_start_comes_in_time(world.case(seen(HALF), right))] == []
    stop = step(10.0, TimePassed(), OpenShell("the boot stops here"))
    paused = world.case(seen(HALF), stop, step(60.0, ShellEnded()), late)
    assert [*starts.a_degraded_start_comes_in_time(paused)] == []


def test_a_mount_that_fails_is_no_end_before_root_s_deadline(world: World) -> None:
    begun = step(1.0, BootStarted())
    early = step(3.0, TimePassed(), ShowFailure("cannot be mounted", TREE))
    assert len([*asking.never_failed_before_the_time(world.case(begun, early))]) == 1
    due = step(91.0, TimePassed(), ShowFailure("cannot be mounted", TREE))
    assert [*asking.never_failed_before_the_time(world.case(begun, due))] == []


# What pulling a disk does

REPLUGGED = WORLD.replace(
    "[expect]",
    """[[fault]]
at = 12
do = "unplug a"
[[fault]]
at = 20
do = "plug a"
[expect]""",
)


@pytest.mark.parametrize("used", [False, True])
def test_a_disk_that_nothing_stood_on_is_as_good_when_it_is_back(world: World, used: bool) -> None:
    above = [Device("dm-9", {"DM_NAME": "x"}, slaves=frozenset({"vda"}))] if used else []
    told = (seen(ROOT, *above), step(12.0, DeviceRemoved("vda")), step(20.0, DeviceChanged(ROOT)))
    case = world.case(*told, text=REPLUGGED)
    assert reach(case) is (Sure.UNSURE if used else Sure.YES)
    assert complete_at(case) == (0.0 if used else 20.0)  # while it is away, the boot may be idle


# The right root


@pytest.mark.parametrize("late", [False, True])
def test_a_partition_past_the_array_is_not_the_root(world: World, late: bool) -> None:
    whole = Device("vda", {"ID_SERIAL": "a", "ID_FS_TYPE": "linux_raid_member"})
    part = Device(
        "vda1",
        {"DEVTYPE": "partition", "PARTN": "1", "ID_FS_TYPE": "ext4"},
        slaves=frozenset({"vda"}),
    )
    mount = Mount("mount-root@vda1", 1, "/dev/vda1", "/sysroot", ("ext4",), ())
    told = [seen(part) if late else seen(whole, part), step(2.0, TimePassed(), mount)]
    told += [step(2.1, JobEnded(mount.job, 1, 0)), step(3.0, DeviceChanged(whole))]
    found = [*handover.the_right_root_is_mounted(world.case(*told, text=MIRROR))]
    assert found == [(2.0, "/dev/vda1 is mounted, which is on the member a")]


CHECK = Run("fsck-ext@vda", 1, ("e2fsck", "-a", "/dev/vda"), "vda")


@pytest.mark.parametrize(
    ("words", "found"),
    [
        ("break=mount", 1),
        ("break=mount rd.emergency", 1),  # systemd's: a further stop
        ("break=top", 0),
        ("break=mount rd.shell=0", 0),
        ("break=mount panic=30", 0),
        ("break=mount rd.emergency=reboot", 0),
    ],
)
def test_a_check_before_a_stop_is_found_where_there_may_be_a_shell(
    world: World, words: str, found: int
) -> None:
    case = world.case(seen(ROOT), step(2.0, TimePassed(), CHECK), words=words)
    judged = checks.nothing_is_checked_before_a_stop_before_the_mount(case)
    assert len([*judged]) == found


def test_each_invariant_has_a_name_of_its_own() -> None:
    names = [each.__name__ for each in INVARIANTS]
    assert len(names) == len(set(names))


# Looks into arrays of other hosts

TWO_ARRAYS = """
title = "a mirror, of which a half is a mirror of another host"
[machine]
cmdline = "root=LABEL=r"
[[disk]]
name = "a"
size = "64M"
[[disk]]
name = "b"
size = "64M"
[[disk]]
name = "c"
size = "64M"
[[layer]]
kind = "raid1"
name = "lower"
on = ["a", "b"]
homehost = "elsewhere"
[[layer]]
kind = "raid1"
name = "upper"
on = ["lower", "c"]
homehost = "elsewhere"
[[layer]]
kind = "ext4"
on = ["upper"]
label = "r"
holds = "root"
[expect]
outcome = "booted"
"""


@pytest.mark.parametrize(("members", "found"), [({"vdc"}, 0), ({"md126"}, 1)])
def test_root_may_be_mounted_beside_a_look_but_not_on_it(
    world: World, members: set[str], found: int
) -> None:
    """R9: a degraded array runs without the half that is looked into."""
    member = {"ID_FS_TYPE": "linux_raid_member", "ID_FS_USAGE": "raid"}
    disks = [Device(f"vd{each}", {"ID_SERIAL": each, **member}) for each in "abc"]
    lower = Device("md126", {"md/array_state": "inactive"}, slaves=frozenset({"vda"}))
    on_it = {"ID_FS_TYPE": "ext4", "ID_FS_LABEL": "r", "DEVNAME": "/dev/md127"}
    upper = Device("md127", {"md/array_state": "active", **on_it}, slaves=frozenset(members))
    look = Write("md-look@md126", 1, "md126", (("md/array_state", "readonly"),))
    mount = MOUNT._replace(job="mount-root@md127", source="/dev/md127")
    case = world.case(
        seen(*disks, lower, upper),
        step(2.0, TimePassed(), look),
        step(2.5, JobEnded(look.job, 1, 0)),
        step(3.0, TimePassed(), mount),
        step(3.1, JobEnded(mount.job, 1, 0)),
        text=TWO_ARRAYS,
    )
    assert len([*looks.root_is_not_mounted_with_what_is_looked_into(case)]) == found
