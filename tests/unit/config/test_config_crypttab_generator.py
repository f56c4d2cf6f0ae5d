"""crypttab: random files as systemd's cryptsetup-generator and initpy read them (R13)."""

import random
import re
from pathlib import Path

from generators import TAGS, Made, Unit, needs, run

from initpy.config.crypttab import parse_crypttab
from initpy.core.devices.names import DeviceSpec
from initpy.core.volumes import VolumeSpec

CASES = 150
UUID = "3b1f4c52-6f0e-4c56-8f55-2f4a3a9b000"
DEVICES = (
    f"UUID={UUID}1", f"UUID={UUID.upper()}2", f"/dev/disk/by-uuid/{UUID}3", f'UUID="{UUID}4"',
    "/dev/sdb", "/dev//sdc", "/dev/vg/lv", "LABEL=x", "PARTLABEL=a", "PARTUUID=ab-1",
)  # fmt: skip
NAMES = ("a", "b-c", "d.e", "f_g", "ä", "x%y", f"luks-{UUID}1")
KEYS = ("none", "-", "/k", "/k:LABEL=stick", "/k:/dev/sdq", "/dev/sdz", "/etc/a.key")
OPTIONS = (
    "luks", "discard", "nofail", "fail", "noauto", "auto", "timeout=5", "tries=2", "header=/h",
    "header=/h:LABEL=s", "header=/dev/sdh", "keyfile-timeout=3s", "_netdev", "plain", "size=256",
    "cipher=aes", "key-slot=1", "keyfile-size=32", "foo", "foo=bar", "read-only", "readonly", "",
    "x-systemd.device-timeout=7", "no-read-workqueue", "password-echo=no",
)  # fmt: skip
# What a line asks of the initramfs: the device, the key's file or device, whether it is needed.
Asked = tuple[str, str, bool]
KEY_FILE = r"/run/systemd/cryptsetup/keydev-[^/]*(/.*)"


def table(chance: random.Random) -> str:
    """A crypttab whose names and devices differ."""
    count = chance.choice((1, 1, 2, 3))
    names, devices = chance.sample(NAMES, count), chance.sample(DEVICES, count)
    lines = [_line(chance, *each) for each in zip(names, devices, strict=True)]
    return "\n".join(lines) + chance.choice(("\n", "\n", ""))


def _line(chance: random.Random, name: str, device: str) -> str:
    options = ",".join(chance.choice(OPTIONS) for _ in range(chance.randint(1, 4)))
    fields = (name, device, chance.choice(KEYS), options)[: chance.choice((4, 4, 4, 3, 2, 1))]
    line = "".join(each + chance.choice((" ", "\t", "  ")) for each in fields)
    before = chance.choice((" ", "#", " #", "\t")) if chance.random() < 0.1 else ""
    return before + line.rstrip(" \t") + chance.choice(("", "", "", " ", "\t"))


def generated(made: Made) -> dict[str, Asked]:
    """The volumes that systemd opens by itself."""
    found = {}
    for name, unit in made.units.items():
        if name.startswith("systemd-cryptsetup@"):
            required = f"cryptsetup.target.requires/{name}" in made.links
            required = required or f"remote-cryptsetup.target.requires/{name}" in made.links
            if required or any(each.endswith(f".wants/{name}") for each in made.links):
                mapping, device, key, _ = _arguments(unit)
                found[mapping] = (device.replace("//", "/"), _key(key), required)
    return found


def _arguments(unit: Unit) -> list[str]:
    (command,) = [each for each in unit.all("ExecStart") if " attach " in each]
    words = re.findall(r"'((?:[^'\\]|\\.)*)'", command)
    return [re.sub(r"\\x(..)", lambda code: chr(int(code[1], 16)), each).replace("%%", "%")
            for each in words]  # fmt: skip


def _key(text: str) -> str:
    found = re.fullmatch(KEY_FILE, text)
    return f"{found[1]} on a device" if found else "" if text in ("-", "none") else text


def _read(volume: VolumeSpec) -> Asked:
    key = volume.key
    if key is None:
        said = ""
    elif key.device is None:
        said = key.path
    else:
        said = f"{key.path} on a device" if key.path else _path(key.device)
    return _path(volume.source), said, not volume.optional


def _path(device: DeviceSpec) -> str:
    folder = TAGS.get(device.naming.value)
    return f"/dev/disk/by-{folder}/{device.value}" if folder else device.value


@needs("cryptsetup")
def test_random_tables_are_read_as_by_systemd(tmp_path: Path) -> None:
    chance = random.Random(13)
    for _ in range(CASES):
        text = table(chance)
        volumes, _ = parse_crypttab("/etc/crypttab", text)
        found = {each.name: _read(each) for each in volumes}
        assert found == generated(run("cryptsetup", tmp_path / "run", "", CRYPTTAB=text)), text
