"""Disks that multipath.conf leaves out: in the image, and as the real multipath tells (R28)."""

import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from writing import archive_of

from initpy.config.settings import read_settings
from initpy.image.check.multipaths import Multipaths
from initpy.image.check.proof import Row, Verdict
from initpy.image.content import multipathconf
from initpy.image.content.multipathconf import Disk
from initpy.image.formats.archive import Archive
from initpy.image.stack.describe import describe
from initpy.image.stack.layers import Stack
from initpy.image.stack.system import Recorded
from initpy.image.tree import File, Tree

WWID = "35000c500e8b7be43"
STACK = "multipath-path-late"
GREEDY = "defaults {\n find_multipaths greedy\n}\n"
DISK = Disk("sda", WWID, "IBM", "2145")


def refused(*texts: str, disk: Disk = DISK) -> str:
    rule, certain = multipathconf.read([multipathconf.BUILT_IN, *texts]).refusal(disk)
    return "" if rule is None else f"{'' if certain else '? '}{rule}"


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ("", ""),
        ('blacklist { wwid ".*" }', 'wwid ".*"'),
        ("blacklist {\n wwid 35000c500e8b7be43\n}", f'wwid "{WWID}"'),
        ("blacklist {\n wwid 36\n}", ""),
        ('blacklist {\n # wwid ".*"\n ! devnode sda\n}', ""),
        ('devnode_blacklist {\n devnode "^sd[a-z]"\n}', 'devnode "^sd[a-z]"'),
        ('blacklist {\n devnode "!^nvme"\n}', 'devnode "!^nvme"'),
        ('blacklist {\n wwid ".*"\n}\nblacklist_exceptions {\n wwid "^3500"\n}', ""),
        # An exception of another kind does not count.
        ('blacklist {\n wwid ".*"\n}\nblacklist_exceptions {\n devnode "sda"\n}', 'wwid ".*"'),
        (
            'blacklist {\n device {\n  vendor "IBM"\n  product ".*"\n }\n}',
            'device { vendor "IBM" product ".*" }',
        ),
        ('blacklist {\n device {\n  vendor "HP"\n }\n}', ""),
        ('blacklist {\n protocol "scsi:fcp"\n}', '? protocol "scsi:fcp"'),
        ('blacklist {\n wwid "*"\n}', '? wwid "*"'),
        ('devices {\n device {\n  vendor "IBM"\n  product "2145"\n }\n}', ""),
    ],
)
def test_a_blacklist_is_read_as_multipath_reads_it(text: str, rule: str) -> None:
    assert refused(text) == rule


def test_what_is_no_disk_for_multipath_is_left_out_without_a_word() -> None:
    assert refused(disk=DISK._replace(name="vda")).startswith('devnode "!^(sd')


def test_a_folder_of_more_configuration_adds_to_it() -> None:
    assert refused('blacklist {\n wwid ".*"\n}', "blacklist_exceptions {\n wwid 3500\n}") == ""


@pytest.mark.skipif(shutil.which("multipath") is None, reason="needs multipath-tools")
def test_the_real_tool_prints_what_is_read_here() -> None:
    done = subprocess.run(["multipath", "-t"], capture_output=True, text=True, check=True)
    tables = multipathconf.read([done.stdout])
    assert tables.refusal(Disk("sda", WWID)) == (None, True)
    assert tables.refusal(Disk("vda", WWID))[1] is True
    assert tables.wwids == multipathconf.WWIDS


def recorded(name: str) -> Stack:
    path = Path(__file__).parent / "stacks" / f"{name}.json"
    return describe("/sysroot", Recorded(path.read_text(), path.name))


def image(files: Mapping[str, str]) -> Archive:
    tree = Tree()
    for path, text in files.items():
        tree.add(path, File(text.encode()))
    return archive_of(tree, Path("x.img"))


def rows(files: Mapping[str, str | None]) -> list[Row]:
    """The rows for the recorded machine with these files; None: without that file."""
    found = {"/usr/sbin/multipath": "", "/etc/multipath.conf": ""}
    named = {"conf": "/etc/multipath.conf", "wwids": multipathconf.WWIDS,
             "more": "/etc/more/one.conf"}  # fmt: skip
    found |= {named[key]: text for key, text in files.items() if text is not None}
    for key in (key for key, text in files.items() if text is None):
        del found[named[key]]
    archive = image(found)
    stack, settings = recorded(STACK), read_settings("root=LABEL=system")[0]
    judge = Multipaths(archive, stack, settings, may_run=False)
    return [row for layer in stack.layers for row in judge.rows(layer)]


def test_paths_that_the_configuration_allows_are_ok() -> None:
    assert {row.verdict for row in rows({"conf": GREEDY})} == {Verdict.OK}
    assert {row.verdict for row in rows({"wwids": f"# known\n/{WWID}/\n"})} == {Verdict.OK}


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"conf": None}, "without /etc/multipath.conf in the image no disk is a path"),
        ({}, f"find_multipaths is strict, and /etc/multipath/wwids does not list {WWID}"),
        ({"conf": GREEDY + 'blacklist {\n wwid ".*"\n}\n'}, 'leaves out /dev/sda: wwid ".*"'),
        (
            {"conf": 'defaults {\n config_dir "/etc/more"\n find_multipaths greedy\n}\n',
             "more": "blacklist {\n devnode ^sd\n}\n"},
            'leaves out /dev/sda: devnode "^sd"',
        ),
    ],
)  # fmt: skip
def test_a_map_that_does_not_appear_is_no_way_to_lvm(
    files: dict[str, str | None], said: str
) -> None:
    found = {(row.verdict, row.reason) for row in rows(files)}
    assert {verdict for verdict, _ in found} == {Verdict.MISSING}
    assert any(said in reason for _, reason in found), found


def test_no_other_machine_has_such_a_row() -> None:
    stack = recorded("lvm-thin")
    judge = Multipaths(
        image({"/usr/sbin/multipath": ""}), stack, read_settings("root=/dev/x")[0], may_run=False
    )
    assert not [row for layer in stack.layers for row in judge.rows(layer)]
