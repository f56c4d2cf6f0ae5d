"""Measures the engine's processor time per event, which must not grow with the device count."""

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from initpy.config.jobs import load_job_file
from initpy.config.project import PROJECT
from initpy.core.boot import Boot
from initpy.core.devices.graph import Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import BootStarted, DeviceChanged, DeviceRemoved, Event, TimePassed
from initpy.core.jobs.definitions import JobDefinition
from initpy.core.settings import Settings

SIZES = (100, 1_000, 10_000)
_SAMPLE = 100  # events of each kind to measure, for any number of devices


@dataclass(frozen=True, slots=True)
class Cost:
    """Microseconds per event of one kind, one figure for each number of devices."""

    kind: str
    figures: tuple[float, ...]


def measure(sizes: Sequence[int] = SIZES) -> tuple[Cost, ...]:
    """Return the costs for machines with these numbers of disks."""
    jobs = tuple(
        job
        for path in sorted((PROJECT / "jobs").glob("*.toml"))
        for job in load_job_file(path).jobs
    )
    _machine(jobs, sizes[0])  # warm up
    columns = [_machine(jobs, size) for size in sizes]
    return tuple(
        Cost(kind, tuple(column[index][1] for column in columns))
        for index, (kind, _) in enumerate(columns[0])
    )


def _machine(jobs: tuple[JobDefinition, ...], size: int) -> list[tuple[str, float]]:
    """Return the costs of each kind of event in a machine with `size` disks of all sorts."""
    settings = Settings(root=DeviceSpec(Naming.LABEL, "nowhere"), root_wait=None)
    boot = Boot(settings, jobs)
    boot.handle(BootStarted(), 0.0)
    disks = [_disk(number) for number in range(size)]
    appear = _timed(boot, map(DeviceChanged, disks), len(disks))
    some = disks[:: max(1, size // _SAMPLE)][:_SAMPLE]
    return [
        ("a disk appears", appear),
        ("a known disk is announced again", _timed(boot, map(DeviceChanged, some), len(some))),
        ("time passes", _timed(boot, (TimePassed() for _ in some), len(some))),
        ("a disk is pulled out", _timed(boot, (DeviceRemoved(each.name) for each in some), 0)),
    ]


def _timed(boot: Boot, events: Iterable[Event], count: int) -> float:
    given = list(events)
    began = time.process_time()
    for event in given:
        boot.handle(event, 1.0)
    return (time.process_time() - began) / (count or len(given)) * 1e6


_CONTENTS: tuple[Callable[[int], dict[str, str]], ...] = (
    lambda number: {},
    lambda number: {
        "ID_FS_TYPE": "ext4", "ID_FS_USAGE": "filesystem", "ID_FS_LABEL_ENC": f"data-{number}",
    },
    lambda number: {
        "ID_FS_TYPE": "linux_raid_member", "ID_FS_USAGE": "raid",
        "ID_FS_UUID": f"{number // 8:032x}",
    },
    lambda number: {"ID_FS_TYPE": "LVM2_member", "ID_FS_USAGE": "raid", "ID_FS_UUID": f"{number}"},
)  # fmt: skip


def _disk(number: int) -> Device:
    name = f"sd{number}"
    known = {"KERNEL": name, "DEVNAME": f"/dev/{name}", "DEVTYPE": "disk", "size": "131072"}
    known |= _CONTENTS[number % len(_CONTENTS)](number)
    links = frozenset((f"/dev/disk/by-id/scsi-{number}", f"/dev/disk/by-path/pci-{number}"))
    return Device(name, known, links)


def render(costs: Iterable[Cost], sizes: Sequence[int] = SIZES) -> str:
    """Return the costs as a text table."""
    head = "".join(f"{size:>10,}" for size in sizes)
    lines = [f"{'microseconds per event, disks:':<36}{head}"]
    for cost in costs:
        figures = "".join(f"{figure:>10.0f}" for figure in cost.figures)
        lines.append(f"{cost.kind:<36}{figures}")
    return "\n".join(lines)
