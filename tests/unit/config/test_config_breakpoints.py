"""`break=` of initramfs-tools, `rd.break=` of dracut: names on the points of this boot (R24)."""

import pytest

from initpy.config.settings import read_settings
from initpy.core.settings import BreakPoint

START, MOUNT, HAND_OVER = BreakPoint


@pytest.mark.parametrize(
    ("words", "points"),
    [
        ("break", {MOUNT}),
        ("break=", {MOUNT}),
        ("break=top", {START}),
        ("break=premount,init", {MOUNT, HAND_OVER}),
        ("break=bottom", {HAND_OVER}),
        ("break=y", {MOUNT}),
        ("break=postmount", {HAND_OVER}),
        ("rd.break", {HAND_OVER}),
        ("rd.break=pre-udev", {START}),
        ("rd.break=initqueue rd.break=pre-mount", {START, MOUNT}),
        ("rd.break=cleanup", {HAND_OVER}),
        ("quiet", set()),
    ],
)
def test_names_of_both_worlds(words: str, points: set[BreakPoint]) -> None:
    settings, problems = read_settings(f"root=/dev/sda {words}")
    assert settings.breaks == points
    assert problems == ()


def test_an_unknown_point_is_named_and_stops_before_the_mount() -> None:
    settings, problems = read_settings("root=/dev/sda break=mount,lunch")
    assert settings.breaks == {BreakPoint.MOUNT}
    [problem] = problems
    assert "break: 'mount,lunch': expected some of top, modules, premount" in str(problem)
