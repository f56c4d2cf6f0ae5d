"""The root's fstab: random files as systemd's fstab-generator and initpy read them (R18)."""

import random
from collections.abc import Iterable
from pathlib import Path

from generators import TAGS, Unit, needs, run

from initpy.config.fstab import USR, parse_fstab, parse_root_mounts
from initpy.core.devices.names import DeviceSpec
from initpy.core.settings import ExtraMount

CASES = 400
DEVICES = (
    "UUID=3b1f", "LABEL=root", 'LABEL="ab"', "LABEL=a\\040b", "PARTUUID=ABCD-01", "/dev/sda1",
    "/dev/mapper/vg-root", "/dev//sda1", "/dev/./sda2", "LABEL=ä", "/dev/sda\\0401", "LABEL=a#b",
    "PARTLABEL=a+b", "LABEL='x y'", "/dev/disk/by-label/x", "/dev/disk//by-uuid/3b1f",
)  # fmt: skip
PLACES = (
    "/usr/", "//usr", "/usr/local", "/var", "/var//lib", "/a\\040b", "swap", "none", "usr",
    "/opt/./x", "/", "/etc/", "/ä", "/a\\134b", "/usr/.", "/usr#", "/b\\011c",
)  # fmt: skip
TYPES = ("ext4", "auto", "none", "ext4,xfs", "swap", "btrfs", "vfat", "EXT4", "ext4,auto")
OPTIONS = (
    "defaults", "x-initrd.mount", "x-initrd.mount", "x-initrd.mount=yes", "X-initrd.mount", "ro",
    "rw", "noauto", "nofail", "nofail,fail", "noauto,auto", "nofail=0", "fail", "noatime",
    'context="a,b"', "subvol=a\\040b", "_netdev", "a\\,b", "comment=x", "user", "lowerdir=a:b",
    "sw", "x-systemd.device-timeout=5", "uid=0#1", ",,,",
)  # fmt: skip
NUMBERS = ("0", "1", "00", "01", "2", "-2", "+1", "2x", "x", "0x2", "#")
# Beside these, only blanks and tabs part fields.
BLANKS = (" ", "\t", "  ", " \t")
OTHERS = ("\x0b", "\x0c", "\xa0")
# What the generator acts on and leaves out of the mount, in one release or the other.
LEFT_OUT = ("defaults", "noauto", "nofail", "x-systemd.device-timeout")
# As mount(8) takes them, with or without a program for the check.
CHECKED = ("", "ext4", "vfat")
Mounts = dict[str, tuple[str, str, tuple[str, ...], bool | None]]


def table(chance: random.Random) -> str:
    lines = "\n".join(_line(chance) for _ in range(chance.choice((1, 1, 1, 3))))
    return lines + chance.choice(("\n", "\n", ""))


def _line(chance: random.Random) -> str:
    fields = (
        chance.choice(DEVICES), chance.choice((USR, chance.choice(PLACES))), chance.choice(TYPES),
        ",".join(chance.choice(OPTIONS) for _ in range(chance.randint(1, 4))),
        chance.choice(NUMBERS), chance.choice(NUMBERS),
    )  # fmt: skip
    count = chance.choice((6, 6, 6, 6, 5, 4, 3, 2, 1))
    gaps = [chance.choice(BLANKS) for _ in fields]
    if chance.random() < 0.05:
        gaps[chance.randint(0, 1)] = chance.choice(OTHERS)
    line = "".join(field + gap for field, gap in zip(fields[:count], gaps, strict=False))
    before = chance.choice((" ", "\t", "#", " #")) if chance.random() < 0.1 else ""
    # Blanks at the end of four fields leave the sixth of the line before: a fault of glibc.
    return before + line.rstrip(" \t") + chance.choice(("", "", "", " # x", "\\"))


def _path(device: DeviceSpec) -> str:
    folder = TAGS.get(device.naming.value)
    return f"/dev/disk/by-{folder}/{device.value}" if folder else device.value


def _options(words: Iterable[str]) -> tuple[str, ...]:
    return tuple(each for each in words if each and each.partition("=")[0] not in LEFT_OUT)


def _types(text: str) -> str:
    return ",".join(each for each in text.split(",") if each != "auto")


def _simple(path: str) -> str:
    return path.replace("//", "/").replace("/./", "/")


def generated(folder: Path, text: str) -> Mounts:
    """What systemd mounts below root."""
    made = run("fstab", folder, "root=/dev/vda", SYSROOT_FSTAB=text)
    found: Mounts = {}
    for name, unit in made.units.items():
        # /usr is bound there from a place of its own since systemd 254.
        bound = name == "sysroot-usr.mount" and "sysusr-usr.mount" in made.units
        if name.endswith(".mount") and name != "sysroot.mount" and not bound:
            place = unit.value("Where").removeprefix("/sysroot").removeprefix("/sysusr")
            found[place] = _mount(unit, checks="sysusr-usr.mount" not in made.units)
    return found


def _mount(unit: Unit, *, checks: bool) -> tuple[str, str, tuple[str, ...], bool | None]:
    kind, what = unit.value("Type"), _simple(unit.value("What"))
    checked = "systemd-fsck@" in unit.text if checks and kind in CHECKED else None
    return what, _types(kind), _options(unit.value("Options").split(",")), checked


def read(text: str) -> tuple[Mounts, set[str]]:
    """What initpy mounts below root, and the places that it leaves to the real system."""
    wanted, problems = parse_fstab(text)
    found: Mounts = {}
    for each in wanted:
        assert each.target not in found
        found[each.target] = _wanted(each)
    left = {str(each).split(": ")[2] for each in problems if "left to the real system" in str(each)}
    assert parse_root_mounts(text) == ()
    return found, left


def _wanted(mount: ExtraMount) -> tuple[str, str, tuple[str, ...], bool | None]:
    kind = ",".join(mount.types)
    checked = mount.checked if kind in CHECKED else None
    return _path(mount.source), kind, _options(mount.flags), checked


@needs("fstab")
def test_random_tables_are_read_as_by_systemd(tmp_path: Path) -> None:
    """But `nofail` and `noauto`: what is not waited for is not mounted here, and is reported."""
    chance = random.Random(18)
    for _ in range(CASES):
        text = table(chance)
        found, left = read(text)
        expected = generated(tmp_path / "run", text)
        for place in left:
            expected.pop(place, None)
        for place in found.keys() & expected.keys():
            if expected[place][3] is None:  # how it is checked is not compared
                found[place] = (*found[place][:3], None)
        assert found == expected, text
