"""The journal as lines for the reader."""

import pytest

from initpy.report.journal import line


@pytest.mark.parametrize(
    ("record", "shown"),
    [
        ({"kind": "Report", "text": "unlocked"}, "says: unlocked"),
        (
            {"kind": "Moved", "job": "a@b", "before": "ready", "after": "failed", "reason": "why"},
            "a@b: ready -> failed (why)",
        ),
        ({"kind": "Run", "job": "a", "argv": ["lvm", "pvs"]}, "a runs lvm pvs"),
        ({"kind": "JobEnded", "job": "a", "status": 5, "error": "no"}, "a ended, status 5: no"),
        (
            {
                "kind": "DeviceChanged",
                "device": {
                    "name": "dm-0",
                    "properties": {"ID_FS_TYPE": "ext4", "ID_FS_LABEL": "root"},
                    "slaves": ["sda"],
                },
            },
            "device dm-0 ext4 LABEL=root on sda",
        ),
        ({"kind": "Enumerated", "devices": []}, "devices there: none"),
        (
            {"kind": "Clock", "name": "root wait", "left": 89.6, "owner": "", "reason": ""},
            "clock of root wait: 90 s left",
        ),
        (
            {"kind": "Clock", "name": "root wait", "left": 89.0, "owner": "a", "reason": "types"},
            "clock of root wait: held by a (types), 89 s left",
        ),
        ({"kind": "Clock", "name": "root wait", "left": None}, "clock of root wait: no more"),
        ({"kind": "New", "a": 1}, "New: a=1"),
        ({}, "?"),
    ],
)
def test_a_record_is_a_line(record: dict[str, object], shown: str) -> None:
    assert line({"t": 12.5, **record}, 10.0) == f"    2.500  {shown}"


def test_time_passing_is_left_out() -> None:
    assert line({"t": 1.0, "kind": "TimePassed"}, 0.0) is None
