"""How fast the simulator is: boots per second, ten thousand disks, the command on a small file.

Processor time beside the wall's, so that what else this host does counts less.
"""

import subprocess
import sys
import time
from dataclasses import dataclass, replace
from pathlib import Path

from initpy.config.project import PROJECT
from initpy.scenario.model import Outcome, Scenario
from initpy.scenario.parse import load_scenario
from initpy.simulation.machine.run import simulate

SCENARIOS = PROJECT / "tests" / "scenarios"
STACK = SCENARIOS / "lvm-on-luks-on-raid1.toml"
SMALL = SCENARIOS / "plain-ext4-uuid.toml"
DISKS = 10_000
BATCH = 10
# A fixed piece of work, for the pace of this processor under its present load.
ADDITIONS = 1_000_000


@dataclass(frozen=True, slots=True)
class Speed:
    """Seconds each; the best of many, since load only ever adds to it."""

    boots: int
    boot: float  # processor time of one boot of LVM on LUKS on RAID1
    boot_wall: float
    disks: int
    many: float  # processor time of a boot with so many disks
    many_wall: float
    command: float  # `initpy simulate` on a small file, user and system time
    command_wall: float
    pace: float  # of a million additions


def measure(boots: int = 1_000, disks: int = DISKS) -> Speed:
    """Take the time of each."""
    crowd = with_disks(load_scenario(SMALL), disks)
    stack, many = of_a_boot(boots), _timed(crowd, 1)
    commands = [_command() for _ in range(3)]
    return Speed(
        boots,
        *stack,
        disks,
        *many,
        min(each[0] for each in commands),
        min(each[1] for each in commands),
        _pace(),
    )


def of_a_boot(boots: int) -> tuple[float, float]:
    """Processor time and wall time of a boot of the stack, the best of so many in tens."""
    stack = load_scenario(STACK)
    simulate(stack)  # jobs are parsed and disks made once
    turns = [_timed(stack, BATCH) for _ in range(max(1, boots // BATCH))]
    return min(each[0] for each in turns), min(each[1] for each in turns)


def with_disks(scenario: Scenario, count: int) -> Scenario:
    """The machine with so many more disks, empty ones on a SCSI host, before the root's."""
    (disk,) = scenario.disks
    more = tuple(replace(disk, name=f"lun-{number}", bus="scsi") for number in range(count - 1))
    last = replace(disk, bus="scsi")  # found when the others have been
    return replace(scenario, disks=(*more, last), cmdline=f"{scenario.cmdline} quiet")


def _timed(scenario: Scenario, count: int) -> tuple[float, float]:
    """Processor time and wall time of one of so many boots."""
    begun, wall = time.process_time(), time.perf_counter()
    for _ in range(count):
        boot = simulate(scenario)
    used, passed = time.process_time() - begun, time.perf_counter() - wall
    if boot.outcome is not Outcome.BOOTED:
        raise RuntimeError(f"{scenario.name}: {boot.outcome.value}, not booted")
    return used / count, passed / count


def _command() -> tuple[float, float]:
    import resource

    def used() -> float:
        usage = resource.getrusage(resource.RUSAGE_CHILDREN)
        return usage.ru_utime + usage.ru_stime

    begun, wall = used(), time.perf_counter()
    words = [sys.executable, "-m", "initpy", "simulate", str(SMALL)]
    subprocess.run(words, check=True, stdout=subprocess.DEVNULL, cwd=Path(PROJECT))
    return used() - begun, time.perf_counter() - wall


def _pace() -> float:
    def once() -> float:
        begun, total = time.process_time(), 0
        for number in range(ADDITIONS):
            total += number
        return time.process_time() - begun

    return min(once() for _ in range(5))


def render(speed: Speed) -> str:
    """The figures beside what they should be."""
    many = f"{speed.disks:,} disks"
    rows = [
        "the simulator                        processor        wall      target",
        _row("LVM on LUKS on RAID1, a boot", speed.boot, speed.boot_wall, 0.001),
    ]
    told = f"{1 / speed.boot:,.0f} boots a second and processor"
    return "\n".join(
        [
            *rows,
            _row(many, speed.many, speed.many_wall, 10.0),
            _row("initpy simulate, a small file", speed.command, speed.command_wall, 0.3),
            told,
            f"(this processor: {speed.pace * 1000:.0f} ms for a million additions)",
        ]
    )


def _row(what: str, used: float, wall: float, target: float) -> str:
    return f"{what:<35}" + "".join(f"{each * 1000:9.2f} ms" for each in (used, wall, target))
