"""The check says whose volume groups the root stands on, and if the boot uses them (R9, R36)."""

from pathlib import Path

import pytest
from writing import archive_of

from initpy.image.check.groups import Groups
from initpy.image.check.proof import Verdict
from initpy.image.formats.archive import Archive
from initpy.image.stack.layers import Kind, Layer, Stack
from initpy.image.tree import File, Tree

LOCAL = 'global/system_id_source = "lvmlocal"\nlocal {\n\tsystem_id = "%s"\n}\n'


def image(**files: str) -> Archive:
    tree = Tree()
    names = {"conf": "/etc/lvm/lvm.conf", "local": "/etc/lvm/lvmlocal.conf",
             "hostname": "/etc/hostname", "machine": "/etc/machine-id"}  # fmt: skip
    for name, text in files.items():
        tree.add(names[name], File(text.encode()))
    return archive_of(tree, Path("test.img"))


def stack(owner: str = "", targets: str = "linear", lock: str = "") -> Stack:
    facts = (("group", "vg"), ("system_id", owner), ("shared", lock), ("targets", targets))
    volume = Layer("block:dm-0", Kind.LVM, "/dev/mapper/vg-root", (), (), facts)
    return Stack("/", "6.1", "x86_64", ("block:dm-0",), (volume,))


def judged(archive: Archive, found: Stack, cmdline: str = "root=LABEL=x") -> tuple[Verdict, str]:
    groups = Groups(archive, found, cmdline)
    (row,) = (row for layer in found.layers for row in groups.rows(layer))
    return row.verdict, row.reason


@pytest.mark.parametrize(
    ("archive", "owner", "cmdline", "verdict", "words"),
    [
        (image(), "", "root=LABEL=x", Verdict.OK, "no system ID"),
        (image(conf=LOCAL % "deb"), "deb", "root=LABEL=x", Verdict.OK, "so is this image"),
        (image(conf=LOCAL % "deb"), "old", "root=LABEL=x", Verdict.WARNING, "image is of deb"),
        (image(), "old", "root=LABEL=x", Verdict.WARNING, "of no system"),
        (image(), "old", "root=/dev/vg/root", Verdict.OK, "the command line names it"),
        (image(), "old", "root=LABEL=x rd.lvm.vg=vg", Verdict.OK, "the command line names it"),
        (image(), "old", "root=LABEL=x rd.lvm.vg=other", Verdict.WARNING, "add rd.lvm.vg=vg"),
        (image(conf='global/system_id_source = "uname"', hostname="deb\n"), "deb",
         "root=LABEL=x", Verdict.OK, "so is this image"),
        (image(conf='global/system_id_source = "uname"', hostname="deb\n"), "deb",
         "root=LABEL=x systemd.hostname=new", Verdict.WARNING, "of new"),
        (image(conf='global/system_id_source = "machineid"', machine="0123\n"), "0123",
         "root=LABEL=x", Verdict.OK, "so is this image"),
        (image(conf='global/system_id_source = "uname"', hostname="localhost\n"), "localhost",
         "root=LABEL=x", Verdict.WARNING, "of no system"),
        (image(conf=LOCAL % "deb" + 'local/extra_system_ids = [ "old", "x" ]\n'), "old",
         "root=LABEL=x", Verdict.OK, "so is this image"),
        (image(conf=LOCAL % "deb"), "deb", "root=LABEL=x rd.lvm.conf=0", Verdict.WARNING,
         "of no system"),
        (image(conf='global/system_id_source = "appmachineid"'), "abc", "root=LABEL=x",
         Verdict.WARNING, "only the boot knows"),
    ],
)  # fmt: skip
def test_r36_whose_group(
    archive: Archive, owner: str, cmdline: str, verdict: Verdict, words: str
) -> None:
    found, reason = judged(archive, stack(owner), cmdline)
    assert found is verdict, reason
    assert words in reason


@pytest.mark.parametrize("targets", ["thin", "raid", "cache", "mirror"])
def test_r9_what_cannot_be_looked_into_is_missing_unless_it_is_named(targets: str) -> None:
    verdict, reason = judged(image(), stack("old", targets))
    assert verdict is Verdict.MISSING
    assert "add rd.lvm.vg=vg" in reason
    assert judged(image(), stack("old", targets), "root=/dev/vg/root")[0] is Verdict.OK


def test_r9_a_shared_group_is_left_alone() -> None:
    verdict, reason = judged(image(), stack("", lock="sanlock"))
    assert verdict is Verdict.MISSING
    assert "sanlock" in reason
