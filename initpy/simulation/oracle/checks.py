"""Invariants of checks of file systems that only the real system mounts (R19)."""

from collections.abc import Iterator

from initpy.scenario.model import FSTAB
from initpy.simulation.oracle.case import Case, Found
from initpy.simulation.oracle.commands import gone_between
from initpy.simulation.oracle.counted import AFRESH
from initpy.simulation.oracle.story import Device, Line, Work

STALLED = 600.0  # seconds without progress, docs/jobs.md
FOLDER = "/run/initpy/checks"
CHECKED = ("ext2", "ext3", "ext4", "vfat", "exfat", "f2fs", "jfs")
LATER = ("noauto", "x-systemd.automount", "_netdev", "x-initrd.mount")
NO_ROOT = ("/", "/usr")
BEFORE_MOUNT = ("premount", "mount", "mountroot", "pre-mount")
STOP = "before the root file system is mounted"


def _lines(table: str) -> Iterator[str]:
    """The names of the file systems that an fstab has checked besides root: fstab(5)."""
    for line in table.splitlines():
        words = line.split("#")[0].split()
        asked = len(words) == 6 and words[5] != "0" and words[1] not in NO_ROOT
        if asked and not {*words[3].split(",")} & {*LATER}:
            yield words[0]


def _is_named(device: Device, name: str) -> bool:
    how, _, value = name.rpartition("=")
    known = device.properties
    match how:
        case "UUID":
            return known.get("ID_FS_UUID_ENC", "").lower() == value.lower()
        case "LABEL":
            return known.get("ID_FS_LABEL_ENC") == value
        case _:
            return value == device.node or value in device.links


def _named(case: Case, device: Device, table: str, order: int) -> Iterator[list[Device]]:
    """For each line that names the device, all devices that it names."""
    for name in _lines(table):
        if _is_named(device, name):
            yield [each for each in case.story.known(order) if _is_named(each, name)]


def _of_root(case: Case) -> str:
    """The fstab of the root."""
    for layer in case.expected.scenario.layers:
        if layer.holds == "root":
            return dict(layer.files).get(FSTAB, "")
    return ""


def _beside(case: Case) -> list[Work]:
    return [work for work in case.story.works if work.beside]


def only_what_fstab_names_is_checked(case: Case) -> Found:
    """The image's fstab has each of them checked, nothing uses it, and no other has its name."""
    table = dict(case.expected.scenario.files).get(FSTAB, "")
    skip = {"fsck.mode=skip", "fastboot"} & {*case.expected.scenario.cmdline.split()}
    for work in _beside(case):
        device = case.story.latest(work.subject or "", work.order)
        if device is None or skip:
            yield work.start, f"{work.job} is not asked for"
            continue
        alike = list(_named(case, device, table, work.order))
        kind = device.properties.get("ID_FS_TYPE")
        if not alike or any(len(each) > 1 for each in alike) or kind not in CHECKED:
            yield work.start, f"{device.node} ({kind}) is checked, and fstab does not mean it"
        if device.properties.get("ro") == "1":
            yield work.start, f"{device.node} is read-only and is checked"
        if any(device.name in each.slaves for each in case.story.known(work.order)):
            yield work.start, f"{device.node} is checked, and another device stands on it"
        if any(
            each.words[0] == "mount" and each.start <= work.start and device.node in each.words
            for each in case.story.works
        ):
            yield work.start, f"{device.node} is checked, and is or was mounted"


def no_other_check_begins_beside_roots_work(case: Case) -> Found:
    """While a command or mount for root is at work, nothing takes its disks and processor."""
    for work in _beside(case):
        for each in case.story.works:
            busy = each.order <= work.order and each.over > work.start
            gets_on = max(each.start, each.got_on) + STALLED > work.start
            if busy and gets_on and not each.beside and each.engine == work.engine:
                yield work.start, f"{work.job} begins while {each.job} is at work"


def no_file_system_is_checked_twice(case: Case) -> Found:
    """An engine checks another file system once, unless its device was away or users want it."""
    last: dict[tuple[str, int], Work] = {}
    for work in _beside(case):
        before = last.get((work.job, work.engine))
        if before is not None and not gone_between(case, before, work.order):
            between = case.entries[before.order : work.order + 1]
            if not any(each.event["kind"] in AFRESH for each in between):
                yield work.start, f"{work.job} runs again"
        last[work.job, work.engine] = work


def the_real_system_repeats_no_check(case: Case) -> Found:
    """systemd is told of each check that has a result, or still runs; and of no other."""
    for time, order in case.story.handovers:
        if case.continues(order) is not True:
            continue
        told = {
            each["name"]: each["folder"].removeprefix(f"{FOLDER}/")
            for each in case.entries[order].actions
            if each["kind"] == "Record" and each["folder"] == f"{FOLDER}/expected"
        }
        due = {}
        for work in _beside(case):
            device = case.story.latest(work.subject or "", order)
            if work.engine != case.engine_at(order) or device is None:
                continue
            name = device.node.removeprefix("/dev/").replace("/", "!")
            due[name] = _is_of_use(work, time) and not gone_between(case, work, order)
        for name, wanted in due.items():
            if wanted and name not in told:
                yield time, f"the real system checks {name} again"
            if not wanted and name in told:
                yield time, f"the real system waits for a check of {name}, which has no result"
        if told and not any(_is_drop_in(each) for each in case.entries[order].actions):
            yield time, "systemd has no drop-in for the checks"


def _is_of_use(work: Work, time: float) -> bool:
    if work.end > time:
        return work.stopped is None
    status = work.status
    found = status is not None and status not in (0, 1, 127) and status > 0 and status & 6
    vfat = work.words[0] == "fsck.vfat" and status == 2  # fsck.fat(8)
    return status in (0, 1) or bool(found and not vfat and work.stopped is None)


def _is_drop_in(action: Line) -> bool:
    return bool(
        action["kind"] == "Record"
        and action["folder"] == "/run/systemd/system/systemd-fsck@.service.d"
        and action["name"].endswith(".conf")
    )


def no_other_check_is_killed(case: Case) -> Found:
    """A check ends by itself, also at the handover, if its device stays and fstab wants it."""
    handed = {case.engine_at(order): (time, order) for time, order in case.story.handovers}
    for work in _beside(case):
        time, order = handed.get(work.engine, (None, 0))
        device = case.story.latest(work.subject or "", work.order)
        if device is None or any(True for _ in case.story.removals(work)):
            continue
        stalled = max(work.start, work.got_on) + STALLED
        unwanted = not any(True for _ in _named(case, device, _of_root(case), work.order))
        if work.stopped is not None and work.stopped < stalled and not unwanted:
            yield work.stopped, f"{work.job} is stopped"
        if time is None or work.stopped is not None or not work.start <= time < work.end:
            continue
        if not case.continues(order) or unwanted:
            yield time, f"{work.job} still runs, and the real init does not know"


def nothing_is_checked_before_a_stop_before_the_mount(case: Case) -> Found:
    """`break=mount`: a user looks at root as it was left; a check may write to it (R24)."""
    words = case.expected.scenario.cmdline.split()
    given = [each.partition("=")[2].split(",") for each in words if each.startswith("break=")]
    if not any(point in BEFORE_MOUNT for points in given for point in points):
        return
    if any(each.startswith(("rd.shell=", "panic=", "rd.emergency=")) for each in words):
        return  # there may be no shell to stop for
    stops = (
        order
        for order, entry in enumerate(case.entries)
        for action in entry.actions
        if action["kind"] == "OpenShell" and STOP in action["stop"]
    )
    first = next(stops, len(case.entries))
    for work in case.story.works:
        if work.checks and not work.beside and "-n" not in work.words and work.order < first:
            yield work.start, f"{work.job}, and the boot is to stop before the mount"
