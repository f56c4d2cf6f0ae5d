"""An event costs no more for the devices that it does not concern: steps are counted, not time."""

import sys
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import pytest
from desk import Desk, array, block, filesystem, luks, mapping, member, settings

from initpy.core.devices.graph import Device
from initpy.core.events import DeviceChanged, DeviceRemoved, Event

COUNTED = ("/initpy/core/", "/tests/unit/core/")
SIZES = (10, 300)
PATIENT = settings(root_wait=None, md_timeout=1e6)
PARTITION = {"DEVTYPE": "partition", "ID_FS_TYPE": "linux_raid_member", "ID_FS_USAGE": "raid"}


def steps(call: Callable[[], object]) -> int:
    """How many lines of the core and this test are executed; a loop counts each turn, not time."""
    taken = 0

    def trace(frame: FrameType, event: str, _: Any) -> Any:
        nonlocal taken
        if not any(
            each in frame.f_code.co_filename for each in COUNTED
        ):  # what the garbage collector happens to run
            return None
        taken += event == "line"
        return trace

    before = sys.gettrace()
    sys.settrace(trace)
    try:
        call()
    finally:
        sys.settrace(before)
    return taken


def incomplete(number: int) -> tuple[Device, ...]:
    disk = member(f"sd{number}", f"a:{number}")
    return disk, array(f"md{number}", (disk.name,), "inactive")


def locked(number: int) -> tuple[Device, ...]:
    return (luks(f"sd{number}", f"u-{number}"),)


def opened(number: int) -> tuple[Device, ...]:
    name = f"sd{number}"
    return luks(name, f"u-{number}"), mapping(f"dm-{number}", name, f"CRYPT-LUKS2-{number}")


def half_announced(number: int) -> tuple[Device, ...]:
    """A member on a disk that udev has not told of: it holds the timers of arrays for a while."""
    return (block(f"sd{number}p1", (f"sd{number}",), ID_FS_UUID=f"b:{number}", **PARTITION),)


def crowd(stack: Callable[[int], tuple[Device, ...]], size: int) -> Desk:
    """A desk with so many stacks of a kind; their commands have ended."""
    desk = Desk(PATIENT)
    for number in range(size):
        desk.see(*stack(number))
        if desk.runs(f"md-member@sd{number}"):
            desk.end(f"md-member@sd{number}")
    desk.see(filesystem("other", "other"))
    return desk


EVENTS: dict[str, Event] = {
    "changes": DeviceChanged(filesystem("other", "other", seen="again")),
    "comes": DeviceChanged(filesystem("new", "new")),
    "goes": DeviceRemoved("other"),
}


@pytest.mark.parametrize("event", EVENTS.values(), ids=EVENTS)
@pytest.mark.parametrize("stack", [incomplete, locked, opened, half_announced])
def test_an_unrelated_event_costs_the_same_beside_however_many_devices(
    stack: Callable[[int], tuple[Device, ...]], event: Event
) -> None:
    """Fault 17: it cost 400 times as much beside 400 incomplete arrays."""
    crowd(stack, 1).give(event, at=1.0)  # what is loaded for the first one is not counted
    few, many = (steps(partial(crowd(stack, size).give, event, at=1.0)) for size in SIZES)
    assert few == many


def test_the_steps_are_counted() -> None:
    def loop(times: int) -> list[int]:
        return [-each for each in range(times)]

    one, many = steps(lambda: loop(1)), steps(lambda: loop(101))
    assert many - one >= 100
