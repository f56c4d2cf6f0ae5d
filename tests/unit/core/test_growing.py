"""The core grows at its edges: a source of secrets, a kind of subject, a technology, a goal.

Each is one module, here a few lines, and one registration line.
"""

from collections.abc import Callable

from desk import Desk, block, filesystem, luks

from initpy.core.actions import HandOver, Report, ShowFailure
from initpy.core.devices.graph import Device, Kind
from initpy.core.events import DeviceChanged, JobEnded
from initpy.core.jobs.definitions import JobDefinition, Success
from initpy.core.jobs.goal import Goal
from initpy.core.jobs.instance import Instance
from initpy.core.jobs.matching import Match
from initpy.core.jobs.technology import Entry, Technology
from initpy.core.registry import GOALS, TECHNOLOGIES, Registry, manners, sources
from initpy.core.secret import Secret
from initpy.core.state.context import Context
from initpy.core.unlock.source import Attempt, Offer, Source
from initpy.core.unlock.volume import Volume
from initpy.core.volumes import VolumeSpec

# A source: a key that is sealed in the machine's firmware.


def firmware() -> Source:
    return Source("firmware", _offer, _take, _words, refused=_refused)


def _offer(context: Context, instance: Instance, volume: Volume) -> Offer:
    return Offer.SPENT if "firmware" in volume.spent else Offer.READY


def _take(context: Context, instance: Instance, volume: Volume) -> Attempt:
    return Attempt(firmware(), Secret(b"sealed"))


def _words(spec: VolumeSpec) -> str:
    return "the key in the firmware"


def _refused(context: Context, instance: Instance, volume: Volume) -> None:
    volume.spent.add("firmware")


def with_firmware() -> tuple[Callable[[], Source], ...]:
    return (firmware, *sources())


SEALED = Registry(manners(with_firmware))


def test_a_new_source_opens_a_volume_without_asking() -> None:
    desk = Desk(registry=SEALED)
    desk.see(luks("vda"))
    [run] = desk.runs("luks-open@vda")
    assert run.secret is not None and run.secret.reveal() == b"sealed"
    assert desk.asked() == []


def test_a_new_source_that_does_not_open_it_leaves_the_user() -> None:
    desk = Desk(registry=SEALED)
    desk.see(luks("vda"))
    desk.end("luks-open@vda", status=2)
    assert "the key in the firmware does not open it" in desk.reports()
    assert desk.asked()[-1].job == "luks-open@vda"


# A kind of subject: a network card, ready when its link is up.

NET = Kind("net", lambda device: device.properties.get("carrier") == "1")
LEASE = JobDefinition(
    "lease",
    "ask for an address on {INTERFACE}",
    "here",
    Match.of({"SUBSYSTEM": "net"}),
    Success(published=True),
    run=("client", "{INTERFACE}"),
    publishes=("ADDRESS",),
)


def card(carrier: str) -> Device:
    known = {"SUBSYSTEM": "net", "INTERFACE": "eth0", "carrier": carrier}
    return Device("net/eth0", known, kind=NET)


def test_a_new_kind_of_subject_has_jobs_that_wait_until_it_is_ready() -> None:
    desk = Desk(also=(LEASE,))
    desk.see(card("0"))
    assert desk.runs("lease@net/eth0") == []
    desk.see(card("1"))
    [run] = desk.runs("lease@net/eth0")
    assert run.argv == ("client", "eth0")
    desk.end(run.job, output="ADDRESS=10.0.0.2\n")
    assert not [each for each in desk.nodes() if "eth0" in each.label]  # it is no disk


def test_a_subject_of_another_kind_that_goes_takes_its_job_along() -> None:
    desk = Desk(also=(LEASE,))
    desk.see(card("1"))
    desk.lose("net/eth0")
    desk.give(JobEnded("lease@net/eth0", 1, 1))
    desk.see(card("1"))
    assert [run.run for run in desk.runs("lease@net/eth0")] == [1, 2]


# A technology: told of each subject once its first one has come.


def test_a_new_technology_is_loaded_with_its_first_subject_and_may_block_a_job() -> None:
    loaded = []

    def load() -> Technology:
        loaded.append("dummy")
        return Technology("dummy", blocks=lambda context, instance: "the dummy says no")

    entry = Entry(lambda device: device.properties.get("ID_FS_TYPE") == "dummy", load)
    desk = Desk(registry=Registry(technologies=(*TECHNOLOGIES, entry)), also=(LEASE,))
    desk.see(filesystem("vda", "other"))
    assert loaded == []
    desk.see(block("vdb", ID_FS_TYPE="dummy"), block("vdc", ID_FS_TYPE="dummy"))
    assert loaded == ["dummy"]
    desk.give(DeviceChanged(card("1")))
    assert desk.runs("lease@net/eth0") == []
    assert not any(isinstance(each, Report) and "lease" in each.text for _, each in desk.log)


# A goal: a clock that must be set before the real system starts.

CLOCK = Goal(
    "clock",
    lambda context: any("CLOCK_SET" in each.properties for each in context.devices),
    lambda context: "the time, from a clock",
)


def test_a_new_goal_keeps_the_real_system_waiting_until_it_is_reached() -> None:
    desk = Desk(registry=Registry(goals=(*GOALS, CLOCK)))
    desk.see(filesystem("vda"))
    desk.mount("/dev/vda")
    assert desk.actions(HandOver) == []
    assert "root is mounted, waiting for the time, from a clock" in desk.reports()
    desk.see(block("rtc0", CLOCK_SET="1"))
    assert len(desk.actions(HandOver)) == 1


def test_a_goal_that_is_not_reached_in_time_is_named_on_the_failure_screen() -> None:
    desk = Desk(registry=Registry(goals=(*GOALS, CLOCK)))
    desk.see(filesystem("vda"))
    desk.mount("/dev/vda")
    desk.wait(200)
    [(_, failure)] = desk.actions(ShowFailure)
    assert isinstance(failure, ShowFailure)
    assert failure.reason.endswith("has not turned up: the time, from a clock")
