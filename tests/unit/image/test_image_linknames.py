"""A name that only a link of the machine's own rules gives a device is not there at boot (R28)."""

from pathlib import Path

import pytest
from fake_system import nested
from test_image_parameters import image

from initpy.image.check.check import prove
from initpy.image.check.linknames import made_by_rules
from initpy.image.check.proof import Verdict
from initpy.image.formats.archive import Archive
from initpy.image.stack.describe import describe
from initpy.image.tree import File, Folder

STANDARD = (
    'ENV{ID_FS_UUID_ENC}=="?*", SYMLINK+="disk/by-uuid/$env{ID_FS_UUID_ENC} x%n"\n'
    'ENV{DM_NAME}=="?*", SYMLINK+="mapper/$env{DM_NAME}"\n'
)
OWN = 'ENV{ID_FS_UUID}=="7a0c", SYMLINK+="system-%k"\n'


def with_rules(text: str, crypttab: str = "") -> Archive:
    archive = image(crypttab)
    folder = "/usr/lib/udev/rules.d"
    folders = {each: Folder() for each in ("/usr", "/usr/lib", "/usr/lib/udev", folder)}
    rules = {f"{folder}/60-x.rules": File(text.encode())} if text else {}
    return Archive(archive.path, 0, entries={**folders, **archive.entries, **rules})


@pytest.mark.parametrize(
    ("root", "rules", "verdict"),
    [
        ("/dev/system-dm-1", STANDARD + OWN, Verdict.OK),
        ("/dev/system-dm-1", STANDARD, Verdict.MISSING),
        ("/dev/system-dm-1", "", Verdict.OK),  # none at all: not an image of udev's
        ("/dev/disk/by-uuid/7a0c", STANDARD, Verdict.OK),
        ("/dev/mapper/vg0-root", OWN, Verdict.OK),
        ("/dev/vg0/root", OWN, Verdict.OK),
        ("UUID=7a0c", OWN, Verdict.OK),
    ],
)
def test_root_by_a_link(root: str, rules: str, verdict: Verdict) -> None:
    system = nested()
    links = "S:system-dm-1\nS:disk/by-uuid/7a0c\nS:mapper/vg0-root\nS:vg0/root\n"
    system.texts["/run/udev/data/b253:1"] += links
    stack = describe("/", system)
    proof = prove(
        with_rules(rules), stack, stack.kernel, modules=Path("/nonexistent"), run=False,
        cmdline=f"root={root}",
    )  # fmt: skip
    assert [row.verdict for row in proof.rows if row.need == "root="] == [verdict]


@pytest.mark.parametrize(("rules", "lost"), [(STANDARD, True), (STANDARD + OWN, False)])
def test_a_volumes_device_by_a_link(rules: str, lost: bool) -> None:
    system = nested()
    system.texts["/run/udev/data/b9:127"] += "S:system-md127\n"
    stack = describe("/", system)
    archive = with_rules(rules, "crypt /dev/system-md127 none luks,initramfs\n")
    proof = prove(
        archive, stack, stack.kernel, modules=Path("/nonexistent"), run=False,
        cmdline="root=UUID=7a0c",
    )  # fmt: skip
    assert any(row.need == "device" for row in proof.of(Verdict.MISSING)) is lost


def test_the_links_of_rules() -> None:
    archive = with_rules(STANDARD + 'SYMLINK="a b/$name-part%E{N}"\n# SYMLINK+="c"\n')
    assert made_by_rules(archive) == (
        "disk/by-uuid/*", "x*", "mapper/*", "a", "b/*-part*",
    )  # fmt: skip
