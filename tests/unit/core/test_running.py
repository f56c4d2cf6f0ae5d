"""Many devices at once: so many tools and no more, and nobody is forgotten."""

from desk import Desk, filesystem, member

from initpy.core.actions import Mount, Run
from initpy.core.running import TOOLS_AT_ONCE

NAMES = [f"sd{number}" for number in range(100)]


def members_started(desk: Desk) -> int:
    return len([each for _, each in desk.log if isinstance(each, Run)])


def test_a_hundred_disks_do_not_start_a_hundred_tools() -> None:
    desk = Desk()
    desk.see(*map(member, NAMES))
    assert members_started(desk) == TOOLS_AT_ONCE

    for number, name in enumerate(NAMES, 1):
        desk.end(f"md-member@{name}")
        assert members_started(desk) == min(len(NAMES), TOOLS_AT_ONCE + number)


def test_root_is_mounted_while_others_queue() -> None:
    desk = Desk()
    desk.see(*map(member, NAMES), filesystem("vda"))

    assert len(desk.actions(Mount)) == 1


def test_a_disk_that_goes_while_it_queues_is_passed_over() -> None:
    desk = Desk()
    desk.see(*map(member, NAMES))
    desk.lose(NAMES[TOOLS_AT_ONCE])

    desk.end(f"md-member@{NAMES[0]}")

    assert not desk.runs(f"md-member@{NAMES[TOOLS_AT_ONCE]}")
    assert members_started(desk) == TOOLS_AT_ONCE + 1
