"""The monitors of firmware RAID (R5, R21): without one the kernel starts no write to a volume."""

from collections.abc import Iterator

from initpy.scenario.model import Outcome
from initpy.simulation.oracle.case import Case, Found

MONITOR = "mdmon"
OF_VOLUMES = ("external:/", "external:-")
# docs/boot.md: one that has died so often is not started again.
GIVEN_UP, TRIES = "is not started again", 5
# And of a container that udev has not told of for 20 s none is known.
UNTOLD = "was not told of"
# Levels whose metadata never changes need none.
WITHOUT = ("raid0", "linear")
OPENED = ("cryptsetup", "open")


def a_root_on_firmware_raid_has_its_monitor(case: Case) -> Found:
    """The real system finds the monitor of each container that root stands on."""
    if case.outcome is not Outcome.BOOTED or not case.story.handovers:
        return
    time, order = case.story.handovers[-1]
    needed = {*_containers_below_root(case, order)}
    left = case.leftover.split().count(MONITOR)
    if len(needed) > left and not _given_up(case):
        yield time, f"{', '.join(sorted(needed))} of root: {left} monitors run"


def _containers_below_root(case: Case, order: int) -> Iterator[str]:
    for name in case.below_root(order):
        known = case.story.latest(name, order)
        version = known.properties.get("md/metadata_version", "") if known is not None else ""
        if known is None or not version.startswith(OF_VOLUMES):
            continue
        # What has lost all its disks is written to no more.
        there = any(case.story.latest(disk, order) is not None for disk in known.slaves)
        if there and known.properties.get("md/level") not in WITHOUT:
            yield version[len(OF_VOLUMES[0]) :].partition("/")[0]


def nothing_uses_a_volume_that_its_monitor_makes_writable(case: Case) -> Found:
    """A volume is read-only until its monitor has looked at it; till then nothing is done with it.

    Root on it would be mounted without its check, and an encrypted volume opened read-only.
    """
    for work in case.story.works:
        if not (work.words[0] == "mount" or work.checks or work.words[:2] == OPENED):
            continue
        device = case.story.by_node(work.words[1], work.order) if work.words[0] == "mount" else None
        name = device.name if device is not None else work.subject or ""
        for below in case.below(name, work.order) if name else ():
            if _becomes_writable(case, below, work.order):
                yield work.start, f"{work.job} uses {below}, which its monitor makes writable"


def _becomes_writable(case: Case, name: str, order: int) -> bool:
    """Whether this is a volume, read-only as far as is known, of a container with a monitor."""
    known = case.story.latest(name, order)
    version = known.properties.get("md/metadata_version", "") if known is not None else ""
    if known is None or not version.startswith(OF_VOLUMES[0]):
        return False
    if known.properties.get("md/array_state") != "readonly":
        return False
    box = case.story.latest(version[len(OF_VOLUMES[0]) :].partition("/")[0], order)
    level = known.properties.get("md/level")
    return level not in WITHOUT and box is not None and "monitor" in box.properties


def _given_up(case: Case) -> bool:
    """Whether it was said that a monitor cannot be kept running, or died once root was left."""
    works = [each for each in case.story.works if each.job.startswith("md-monitor@")]
    often = len([each for each in works if each.engine == works[-1].engine]) >= TRIES
    return (
        often
        or any(work.failed for work in works)
        or any(GIVEN_UP in text or UNTOLD in text for _, _, text in case.story.reports)
    )
