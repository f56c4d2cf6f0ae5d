"""Random mdadm.conf as mdadm itself and initpy read them (R36).

mdadm gets a member of an array to add to it. A member that something holds open comes no further
than mdadm's judgment, so no array is made of it.
"""

import os
import random
import shutil
import socket
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import namespaces
import pytest

from initpy.image.content import mdadmconf
from initpy.image.content.mdadmconf import Known

CASES = 400
UUID = "15266e43:c7bf5d06:fb348b96:f173b958"
DIGITS = UUID.replace(":", "")
NAME = "deb:system"
UUIDS = (
    UUID, DIGITS, UUID.upper(), UUID.replace(":", "-"), "15266e43-c7bf-5d06-fb34-8b96f173b958",
    "15266e43.c7bf5d06 fb348b96:f173b958", UUID[:-1], f"{UUID}0", f"x{UUID}", f"0x{UUID}",
    UUID.replace("9", "8"), "", f"{DIGITS}g", f"{UUID}\r",
)  # fmt: skip
IDENTITIES = (
    *(f"UUID={each}" for each in UUIDS), *(f"uuid={each}" for each in UUIDS[:4]),
    f"name={NAME}", "NAME=DEB:System", "name=other:system", "name=", f"name={'x' * 33}",
    "super-minor=0", "super-minor=-1", "super-minor=x", "super-minor=", "super-minor=+3",
    "devices=/dev/loop*", "devices=/dev/sda,/dev/loop?", "devices=/dev/loop[^x]", "devices=",
    "devices=/dev/sd*", "devices=/dev/l\\oop*", "metadata=1.2", "level=raid1", "num-devices=2",
    "spares=1", "container=/dev/md/x", "member=0", "nonsense=1",
)  # fmt: skip
ARRAYS = ("/dev/md0", "/dev/md/a", "<ignore>", "<ignore>", "<IGNORE>", "a", "", "/a=b")
HOSTS = ("deb", "DEB", "other", "<system>", "<SYSTEM>", "<none>", "<ignore>", "<Ignore>", "")
AUTO = (
    "yes", "no", "-all", "+all", "homehost", "+1.x", "-1.x", "+1", "-1", "-1.0", "+imsm", "-0.90",
    "-0", "-ddf", "NO", "-ALL", "HomeHost", "x", "+", "-1.X", "all", "", "-1.2x", "-11",
)  # fmt: skip
DEVICES = (
    "/dev/loop*", "/dev/sd*", "partitions", "PARTITIONS", "containers", "none", "/dev/*",
    "/dev/loop[0-9]*", "/dev/loop[!0-9]*", "/dev/loop[^0-9]*", "/dev/\\loop*", "/dev/loop\\*",
    "loop0", "", "/*",
)  # fmt: skip
KEYWORDS = {
    "ARRAY": ("ARRAY", "array", "ARR", "AR", "ARRAYS", "ArrA"),
    "DEVICE": ("DEVICE", "DEVICES", "dev", "DE", "DEVICEX"),
    "AUTO": ("AUTO", "auto", "AUT", "AU", "AUTOX"),
    "HOMEHOST": ("HOMEHOST", "hom", "HOMEHOSTS", "HomeHost"),
    "MAILADDR": ("MAILADDR", "MAIL", "PROGRAM", "POLICY", "CREATE", "PROBING", "nonsense", ""),
}
WORDS = {"DEVICE": DEVICES, "AUTO": AUTO, "HOMEHOST": HOSTS, "MAILADDR": ("root", "x=y")}
FORMS = (*("{}",) * 12, '"{}"', "'{}'", '"{}', "'{}", '""{}', "{}''", "#{}", "{}#x", "'#'{}")
BREAKS = (*(" ",) * 8, "\t", "  ", "\n ", "\n\t", " # c\n ", "\n# c\n ", "\n\n ", "\n \n ", "\r\n ")


def configuration(chance: random.Random) -> str:
    text = "".join(_line(chance) for _ in range(chance.randint(1, 4)))
    return chance.choice((*("",) * 12, " ", "\ufeff", "\n")) + text


def _line(chance: random.Random) -> str:
    key = chance.choice(("ARRAY", *KEYWORDS))
    if key == "ARRAY":
        words = [chance.choice(ARRAYS)] if chance.random() < 0.8 else []
        words += (chance.choice(IDENTITIES) for _ in range(chance.randint(0, 3)))
        if chance.random() < 0.2:
            chance.shuffle(words)
    else:
        words = [chance.choice(WORDS[key]) for _ in range(chance.randint(0, 3))]
    keyword = KEYWORDS[key][0] if chance.random() < 0.7 else chance.choice(KEYWORDS[key])
    line = chance.choice(FORMS).format(keyword) if chance.random() < 0.1 else keyword
    for word in words:
        form = f'"{word}"' if " " in word and chance.random() < 0.8 else _form(chance, word)
        line += chance.choice(BREAKS) + form
    return line + chance.choice(("\n", "\n", "\n", "\n", " \n", "\r\n", "\n\n", " # c\n"))


def _form(chance: random.Random, word: str) -> str:
    if len(word) > 2 and chance.random() < 0.05:
        return f'{word[:2]}"{word[2:]}"'
    return chance.choice(FORMS).format(word)


def member() -> bytes:
    """A member of a RAID1 with metadata 1.2 (struct mdp_superblock_1)."""
    size = 4 << 20
    data, block = bytearray(size), bytearray(260)
    uuid = bytes.fromhex(DIGITS)
    struct.pack_into("<IIII16s32sQiiQII", block, 0, 0xA92B4EFC, 1, 0, 0, uuid, NAME.encode(), 1,
                     1, 0, 2048, 0, 2)  # fmt: skip
    struct.pack_into("<QQQQII16sB", block, 128, 2048, size // 512 - 2048, 8, 0, 0, 0, b"d" * 16, 0)
    struct.pack_into("<QQQII", block, 192, 1, 1, 2**64 - 1, 0, 2)
    struct.pack_into("<HH", block, 256, 0, 1)
    total = sum(struct.unpack("<65I", block))
    struct.pack_into("<I", block, 216, ((total & 0xFFFFFFFF) + (total >> 32)) & 0xFFFFFFFF)
    data[4096 : 4096 + len(block)] = block
    return bytes(data)


@pytest.fixture
def device(tmp_path: Path) -> Iterator[str]:
    """A device with a member, which is in use."""
    disk = tmp_path / "disk"
    disk.write_bytes(member())
    made = subprocess.run(
        ["losetup", "-f", "--show", disk], capture_output=True, text=True, check=False
    )
    if made.returncode:
        pytest.skip("no loop device to be had")
    path = made.stdout.strip()
    held = os.open(path, os.O_RDONLY | os.O_EXCL)
    try:
        yield path
    finally:
        os.close(held)
        subprocess.run(["losetup", "-d", path], check=False)


def said(file: Path, mode: str, path: str) -> str:
    script = 'mount -t tmpfs none /run && exec mdadm "$1" -v -v -c "$2" "$3"'
    command = namespaces.command(script, mode, str(file), path)
    done = subprocess.run(command, capture_output=True, check=False, timeout=30)
    return (done.stdout + done.stderr).decode(errors="replace")


def judged(text: str) -> str:
    """What mdadm says of the member, in a word."""
    for message, meaning in (
        ("not permitted", "device"), ("explicitly ignored", "ignored"),
        ("we match both", "several"), ("multiple lines", "several"), ("auto-assembly", "auto"),
        ("cannot reopen", ""),
    ):  # fmt: skip
        if message in text:
            return meaning
    raise AssertionError(text)


def read(text: str, path: str, *, names: bool) -> str:
    """What initpy makes of the same."""
    conf = mdadmconf.read([text])
    lines = conf.lines_of(Known(UUID, NAME), path, names=names)
    if not conf.permits([path]):
        return "device"
    if len(lines) > 1:
        return "several"
    if lines:
        return "ignored" if lines[0].ignores else ""
    return "" if conf.assembles("1.2") else "auto"


def host_of(text: str) -> str:
    conf = mdadmconf.read([text])
    return socket.gethostname() if conf.host is None else conf.host


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("mdadm"), reason="needs root and mdadm")
def test_random_files_are_read_as_by_mdadm(tmp_path: Path, device: str) -> None:
    file = tmp_path / "mdadm.conf"
    file.write_text(f"ARRAY <ignore> name={NAME}\n")
    names = judged(said(file, "-I", device)) == "ignored"
    chance = random.Random(36)
    for _ in range(CASES):
        text = configuration(chance)
        file.write_bytes(text.encode())
        expected = judged(said(file, "-I", device))
        assert read(text, device, names=names) == expected, text
        local = "(local to host" in said(file, "-E", device)
        assert (host_of(text) == NAME.partition(":")[0]) is local, text
        # The image carries the file without what editors of other systems leave there.
        kept = mdadmconf.reduced(text, own=True)
        if "\r" not in text and "\ufeff" not in text:
            assert [*map(str, _facts(kept))] == [*map(str, _facts(text))], text


def _facts(text: str) -> tuple[object, ...]:
    conf = mdadmconf.read([text])
    return conf.host, conf.required, conf.devices, conf.auto
