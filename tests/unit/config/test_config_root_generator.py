"""root=, mount.usr= and their companions: random lines as systemd and initpy read them (R18)."""

import random
import re
from collections.abc import Iterable
from pathlib import Path

from generators import TAGS, Unit, needs, run

from initpy.config.settings import read_settings
from initpy.core.devices.names import DeviceSpec, Naming

CASES = 200
DEVICES = (
    "UUID=3b1f4c52-6f0e", "LABEL=root", '"LABEL=a b"', "PARTUUID=abcd-01", "PARTLABEL=EFI+x",
    "/dev/sda1", "/dev/mapper/vg-root", "/dev/disk/by-label/x", "/dev//sda1", "/dev/./sda2",
    "/dev/sda1/", "LABEL=ä", "LABEL='q'", "LABEL=a%b",
)  # fmt: skip
OPTIONS = (
    "noatime", "ro", "rw", "subvol=@", "x-systemd.device-timeout=5", "defaults", "data=journal",
    'lowerdir="a:b"', "nofail", "noauto", "", "x-systemd.requires=/dev/sdb", "subvol=a b",
    "errors=remount-ro",
)  # fmt: skip
TYPES = ("ext4", "auto", "ext4,xfs", "btrfs", "EXT4")
WORDS = (
    "ro", "rw", "ro=1", "rw=0", "rw=yes", "root-flags=bad", "ROOT=/dev/sdz", "quiet", "fstab=0",
    "roottype=x", "root", "rootflags", "rootfstype", "mount.usr", "mount.usrflags",
    "mount.usrfstype", "mount_usr=/dev/sdy",
)  # fmt: skip
# What the generator takes out of the options of a mount that the initrd waits for.
LEFT_OUT = ("defaults", "x-systemd.device-timeout")
Mount = tuple[str, str, bool, frozenset[str]]


def command_line(chance: random.Random) -> str:
    words = [_word(chance) for _ in range(chance.randint(0, 6))]
    words.insert(chance.randint(0, len(words)), f"root={chance.choice(DEVICES)}")
    return " ".join(words)


def _word(chance: random.Random) -> str:
    key = chance.choice(
        ("root", "rootflags", "rootflags", "rootfstype", "mount.usr", "mount.usrflags",
         "mount.usrfstype", "", "", "")
    )  # fmt: skip
    if not key:
        return chance.choice(WORDS)
    if key.endswith("fstype"):
        return f"{key}={chance.choice(TYPES)}"
    if not key.endswith("flags"):
        return f"{key}={chance.choice(DEVICES)}"
    options = ",".join(chance.sample(OPTIONS, chance.randint(1, 3))) or "noatime"
    if " " not in options:
        return f"{key}={options}"
    options = options.replace('"', "")
    return chance.choice((f'{key}="{options}"', f'"{key}={options}"'))


def _mount(what: str, types: str, options: Iterable[str]) -> Mount:
    kept = [each for each in options if each and each.partition("=")[0] not in LEFT_OUT]
    mode = [each for each in kept if each in ("ro", "rw")]
    what = re.sub("/+", "/", what.replace("/./", "/")).rstrip("/")
    types = ",".join(each for each in types.split(",") if each != "auto")
    last = {each.partition("=")[0]: each for each in kept if each not in ("ro", "rw")}
    return what, types, mode[-1:] == ["rw"], frozenset(last.values())


def _made(unit: Unit | None) -> Mount | None:
    if unit is None:
        return None
    return _mount(unit.value("What"), unit.value("Type"), unit.value("Options").split(","))


def _path(device: DeviceSpec) -> str:
    if device.naming is Naming.PATH:
        return device.value
    return f"/dev/disk/by-{TAGS[device.naming.value]}/{device.value}"


@needs("fstab")
def test_root_and_usr_are_mounted_as_by_systemd(tmp_path: Path) -> None:
    chance = random.Random(18)
    for _ in range(CASES):
        line = command_line(chance)
        made = run("fstab", tmp_path / "run", line).units
        usr = made.get("sysusr-usr.mount", made.get("sysroot-usr.mount"))
        expected = (_made(made.get("sysroot.mount")), _made(usr))
        assert (_root(line), _usr(line)) == expected, line


def _root(line: str) -> Mount | None:
    settings, _ = read_settings(line)
    if settings.root is None:
        return None
    mount = settings.mount
    options = (*mount.flags, "rw" if mount.writable else "ro")
    return _mount(_path(settings.root), ",".join(mount.types), options)


def _usr(line: str) -> Mount | None:
    settings, _ = read_settings(line)
    if settings.usr is None:
        return None
    usr = settings.usr
    return _mount(_path(usr.source), ",".join(usr.types), usr.flags)
