"""roothash=, resume= and their companions: random lines as systemd and initpy read them (R18)."""

import random
from pathlib import Path

import pytest
from generators import TAGS, needs, run

from initpy.config.settings import read_settings
from initpy.core.devices.names import DeviceSpec, Naming

CASES = 200
HASH = "a" * 64
SWITCHES = (
    "1", "0", "yes", "no", "true", "false", "on", "off", "y", "n", "t", "f", "YES", "No", "bad",
    "", "2", "-1", " 1",
)  # fmt: skip
HASHES = (HASH, "", "xyz", "abcd", HASH[:-1], HASH.upper())
VERITY = (
    "roothash", "usrhash", "systemd.verity_root_data", "systemd.verity_root_hash",
    "systemd.verity_usr_data", "systemd.verity-usr-hash", "systemd.verity_root_options",
)  # fmt: skip
DEVICES = (
    "/dev/sda1", "/dev/mapper/vg-swap", "/dev//sda2", "/dev/sda3/", "UUID=3b1f-4c52", "LABEL=a_b",
    "PARTUUID=ABCD-01", "PARTLABEL=swap", "/dev/disk/by-uuid/3b1f", "LABEL=a/b", "LABEL=ä",
)  # fmt: skip
RESUME = (
    "noresume", "noresume", "resume", "RESUME=/dev/sdz", "rd.resume=/dev/sdz", "resume_offset=16",
    "resume-offset=16", "quiet", "resume2=/dev/sdz", "no_resume", "resumeflags=noatime",
    "resumeflags=x-systemd.device-timeout=20",
)  # fmt: skip


def _switches(chance: random.Random) -> list[str]:
    keys = ("systemd.verity", "rd.systemd.verity", "systemd.Verity", "verity")
    words = [
        f"{chance.choice(keys[:2] if chance.random() < 0.9 else keys)}={chance.choice(SWITCHES)}"
        for _ in range(chance.randint(0, 3))
    ]
    return [word if word[-1] != "=" or chance.random() < 0.5 else word[:-1] for word in words]


def _line(words: list[str]) -> str:
    return " ".join(f'"{word}"' if " " in word else word for word in words)


@needs("veritysetup")
def test_root_is_left_alone_where_systemd_would_verify_it(tmp_path: Path) -> None:
    chance = random.Random(18)
    for _ in range(CASES):
        words = [*_switches(chance), f"{chance.choice(('roothash', 'usrhash'))}={HASH}"]
        chance.shuffle(words)
        line = _line(["root=/dev/sda1", *words])
        assert bool(read_settings(line)[0].refusal) is _verifies(tmp_path / "run", line), line


@needs("veritysetup")
def test_root_is_never_used_unverified_where_systemd_would_verify_it(tmp_path: Path) -> None:
    """But initpy leaves root alone, too, where systemd ignores what is incomplete or no hash."""
    chance = random.Random(19)
    for _ in range(CASES):
        words = _switches(chance)
        for key in chance.sample(VERITY, chance.randint(0, 4)):
            values = HASHES if key.endswith("rhash") or key == "roothash" else ("/dev/sdb", "auto")
            words.append(f"{key}={chance.choice(values)}")
        chance.shuffle(words)
        line = _line(["root=/dev/sda1", *words])
        if _verifies(tmp_path / "run", line):
            assert read_settings(line)[0].refusal, line


def _verifies(folder: Path, line: str) -> bool:
    units = run("veritysetup", folder, line).units
    return any(name.rpartition("/")[2].startswith("systemd-veritysetup@") for name in units)


@needs("hibernate-resume")
def test_a_hibernated_system_is_looked_for_where_systemd_does(tmp_path: Path) -> None:
    if _looked_for(tmp_path / "run", "resume=/dev/sda") != "/dev/sda":
        pytest.skip("this release of the generator does not tell the device in this way")
    chance = random.Random(20)
    for _ in range(CASES):
        words = [f"resume={chance.choice(DEVICES)}" for _ in range(chance.randint(0, 2))]
        words += (chance.choice(RESUME) for _ in range(chance.randint(0, 3)))
        chance.shuffle(words)
        line = " ".join(words)
        resume = read_settings(f"root=/dev/sda9 {line}")[0].resume
        found = "" if resume is None else _path(resume.source)
        assert found == _looked_for(tmp_path / "run", line), line


def _path(device: DeviceSpec) -> str:
    if device.naming is Naming.PATH:
        return device.value
    value = device.value.replace("/", "\\x2f")
    return f"/dev/disk/by-{TAGS[device.naming.value]}/{value}"


def _looked_for(folder: Path, line: str) -> str:
    """The device for which the generator sets the time that it may take, "" for none."""
    made = run("hibernate-resume", folder, line)
    units = {each.partition(".device.d/")[0] for each in made.units if ".device.d/" in each}
    assert len(units) <= 1, units
    return "".join("/" + _unescaped(each) for each in units)


def _unescaped(name: str) -> str:
    """systemd.unit(5), "String escaping for inclusion in unit names"."""
    path = name.replace("-", "/").encode().decode("unicode_escape")
    return path.encode("latin-1").decode()
