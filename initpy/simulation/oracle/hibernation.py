"""Invariants of a machine that may have hibernated (R20)."""

from initpy.simulation.oracle.bounds import RESUME_WAIT
from initpy.simulation.oracle.case import SLACK, Case, Found
from initpy.simulation.oracle.story import Device, Work
from initpy.simulation.oracle.wishes import Name

HIBERNATED = "swsuspend"  # libblkid's type of a swap with the signature


def nothing_is_changed_before_it_is_clear_what_is_resumed(case: Case) -> Found:
    """No file system of root is checked or mounted while a hibernated system may still be resumed.

    Until the kernel has looked at the device of resume=, nothing is on it, or it was waited for.
    """
    wanted = case.expected.wishes.resume
    if wanted is None or wanted.how not in ("UUID", "LABEL"):
        return
    for work in case.story.works:
        if _changes(work) and not _is_clear(case, wanted, work):
            yield work.start, f"{work.job}, and a hibernated system may be on {wanted}"


def _changes(work: Work) -> bool:
    mounts = work.words[0] == "mount" and work.words[-1] == "/sysroot"
    return mounts or (work.checks and not work.beside and "-n" not in work.words)


def _is_clear(case: Case, wanted: Name, work: Work) -> bool:
    if work.start >= case.story.engines[0] + RESUME_WAIT - SLACK:
        return True  # it may be that root was there all the time
    if any(entry.event["kind"] == "JobEnded" and entry.event["job"].startswith("resume@")
           for entry in case.entries[: work.order + 1]):  # fmt: skip
        return True
    # As far as any engine was told: what one has ruled out the next one knows.
    return any(
        state is not None and order <= work.order and _empty(wanted, state)
        for states in case.story.devices.values()
        for _, order, state in states
    )


def _empty(wanted: Name, device: Device) -> bool:
    """Whether this is the device, and its type says that nothing is to be resumed."""
    key = {"UUID": "ID_FS_UUID", "LABEL": "ID_FS_LABEL"}[wanted.how]
    kind = device.properties.get("ID_FS_TYPE")
    return device.properties.get(key) == wanted.value and kind not in (None, HIBERNATED)
