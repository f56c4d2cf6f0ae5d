"""Measures the engine's processor time per event, which must not grow with unrelated devices.

Processor time depends little on other load of the host.
"""

import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from initpy.config.jobs import load_job_file
from initpy.config.project import PROJECT
from initpy.core.actions import Action, Fetch, Run
from initpy.core.boot import Boot
from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import (
    BootStarted,
    DeviceChanged,
    DeviceRemoved,
    Enumerated,
    Event,
    Fetched,
    JobEnded,
    TimePassed,
)
from initpy.core.jobs.definitions import JobDefinition
from initpy.core.settings import Settings

SIZES = (10, 100, 1_000, 10_000)
_SAMPLE = 60  # disks whose events are measured, for any number of devices
_AT_A_TIME = 10  # events in a series; the fastest series counts
# This event concerns each incomplete array: its cost grows with their number.
ALL_STOP = "a command begins: all timers stop"


class Crowd(NamedTuple):
    """Many stacks of one kind, unrelated to the disks whose events are measured."""

    name: str
    devices: Callable[[int], tuple[Device, ...]]  # of the stack with this number, lowest first


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds per event of one kind, one figure for each size of the crowd."""

    beside: str
    kind: str
    figures: tuple[float, ...]


def measure(sizes: Sequence[int] = SIZES) -> tuple[Cost, ...]:
    """Return the costs for crowds of each kind and of these sizes."""
    jobs = tuple(
        job
        for path in sorted((PROJECT / "jobs").glob("*.toml"))
        for job in load_job_file(path).jobs
    )
    found = []
    for crowd in CROWDS:
        _costs(jobs, crowd, min(sizes))  # warm up
        columns = [_costs(jobs, crowd, size) for size in sizes]
        for kind in columns[0]:
            found.append(Cost(crowd.name, kind, tuple(each[kind] for each in columns)))
    return tuple(found)


def _costs(jobs: tuple[JobDefinition, ...], crowd: Crowd, size: int) -> dict[str, float]:
    """Return the costs of events of other disks in a machine with a crowd of this size."""
    desk = Desk(jobs)
    desk.gather(crowd, size)
    names = [f"nvme{number}n1" for number in range(_SAMPLE)]
    new = [DeviceChanged(plain(name, "")) for name in names]
    changed = [DeviceChanged(plain(name, "data")) for name in names]
    again = [DeviceChanged(plain(name, "data")) for name in names]
    gone = [DeviceRemoved(name) for name in names]
    costs = {
        "a disk appears": desk.timed(new),
        "a disk changes": desk.timed(changed),
        "a known disk is announced again": desk.timed(again),
        "time passes": desk.timed([TimePassed() for _ in names]),
        "a disk is pulled out": desk.timed(gone),
    }
    if crowd.name == ARRAYS:
        volumes = [DeviceChanged(physical_volume(number + 20_000)[0]) for number in range(_SAMPLE)]
        costs[ALL_STOP] = desk.timed(volumes[: 2 * _AT_A_TIME])
    return costs


class Desk:
    """A Boot whose actions are carried out at once."""

    def __init__(self, jobs: tuple[JobDefinition, ...]) -> None:
        settings = Settings(root=DeviceSpec(Naming.LABEL, "nowhere"), root_wait=None)
        self.boot = Boot(settings, jobs)
        self._pending: deque[Event] = deque([BootStarted()])
        self._work()

    def gather(self, crowd: Crowd, size: int) -> None:
        """Add a crowd of this size, and run all its jobs.

        Each layer appears in one event: the way to such a machine is not measured.
        """
        things = [crowd.devices(number) for number in range(size)]
        for layers in range(1, 1 + len(things[0])):
            devices = tuple(each for thing in things for each in thing[:layers])
            self._pending.append(Enumerated(devices))
            self._work()

    def timed(self, events: Iterable[Event]) -> float:
        """Return microseconds per event; no action is carried out."""
        given, best = list(events), float("inf")
        for first in range(0, len(given), _AT_A_TIME):
            part = given[first : first + _AT_A_TIME]
            began = time.process_time()
            for event in part:
                self.boot.handle(event, 1.0)
            best = min(best, (time.process_time() - began) / len(part))
        return best * 1e6

    def _work(self) -> None:
        while self._pending:
            for action in self.boot.handle(self._pending.popleft(), 0.0):
                self._pending.extend(_answers(action))


def _answers(action: Action) -> Iterator[Event]:
    """Yield the answers to an action: commands succeed, headers are intact."""
    if isinstance(action, Run):
        output = ""
        if "pvscan" in action.argv:
            output = f"LVM_VG_NAME_COMPLETE='g-{action.subject}'\n"
        elif "--incremental" in action.argv:
            output = "MD_FOREIGN=no\nMD_STARTED=no\n"
        yield JobEnded(action.job, action.run, 0, output)
    elif isinstance(action, Fetch):
        yield Fetched(action.job, action.number)


def block(name: str, on: str = "", **properties: str) -> Device:
    """Return a block device with udev's properties."""
    known = {
        "KERNEL": name, "DEVNAME": f"/dev/{name}", "DEVTYPE": "disk", "size": "131072",
        "ID_SERIAL": f"QEMU_{name}", "ID_PATH": f"pci-0000:00:05.0-{name}",
    }  # fmt: skip
    known |= {key.replace("__", "/"): value for key, value in properties.items()}
    links = frozenset((f"/dev/disk/by-id/scsi-{name}", f"/dev/disk/by-path/pci-{name}"))
    return Device(name, known, links, frozenset((on,)) if on else frozenset())


def plain(name: str, label: str) -> Device:
    """Return a disk with an unwanted file system, or an empty disk."""
    if not label:
        return block(name)
    return block(name, ID_FS_TYPE="ext4", ID_FS_USAGE="filesystem", ID_FS_LABEL_ENC=label)


def half_array(number: int) -> tuple[Device, ...]:
    """Return an array with one of its two members."""
    name, uuid = f"sd{number}", f"{number:032x}"
    return (
        block(name, ID_FS_TYPE="linux_raid_member", ID_FS_USAGE="raid", ID_FS_UUID=uuid),
        block(f"md{number}", name, md__array_state="inactive"),
    )


def locked(number: int) -> tuple[Device, ...]:
    """Return a locked encrypted volume."""
    return (
        block(f"sd{number}", ID_FS_TYPE="crypto_LUKS", ID_FS_VERSION="2", ID_FS_USAGE="crypto",
              ID_FS_UUID=f"{number:032x}"),
    )  # fmt: skip


def unlocked(number: int) -> tuple[Device, ...]:
    """Return an unlocked encrypted volume with its mapping."""
    mapping = block(f"dm-{number}", f"sd{number}", DM_NAME=f"luks-{number:032x}",
                    DM_UUID=f"CRYPT-LUKS2-{number:032x}", ID_FS_TYPE="ext4")  # fmt: skip
    return (*locked(number), mapping)


def physical_volume(number: int) -> tuple[Device, ...]:
    """Return a physical volume of LVM."""
    return (block(f"sd{number}", ID_FS_TYPE="LVM2_member", ID_FS_USAGE="raid",
                  ID_FS_UUID=f"pv-{number}"),)  # fmt: skip


def logical_volume(number: int) -> tuple[Device, ...]:
    """Return a logical volume with its physical volume."""
    volume = block(f"dm-{number}", f"sd{number}", DM_NAME=f"g{number}-v", DM_UUID=f"LVM-{number}")
    return (*physical_volume(number), volume)


ARRAYS = "incomplete arrays"
CROWDS = (
    Crowd("plain disks", lambda number: (plain(f"sd{number}", "data"),)),
    Crowd(ARRAYS, half_array),
    Crowd("locked volumes", locked),
    Crowd("open volumes", unlocked),
    Crowd("logical volumes", logical_volume),
)


def render(costs: Iterable[Cost], sizes: Sequence[int] = SIZES) -> str:
    """Return the costs as a text table."""
    head = "".join(f"{size:>9,}" for size in sizes)
    lines, beside = [f"{'microseconds per event, size of crowd:':<40}{head}"], ""
    for cost in costs:
        if cost.beside != beside:
            beside = cost.beside
            lines.append(f"{beside}:")
        figures = "".join(f"{each:>9.0f}" for each in cost.figures)
        lines.append(f"  {cost.kind:<38}{figures}")
    return "\n".join(lines)
