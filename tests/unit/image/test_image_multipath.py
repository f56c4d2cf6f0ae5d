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
        ('blacklist {\n wwid ".*"\n}', 'wwid ".*"'),
        # As the real tool: "ignoring extra data", and a missing brace is a warning.
        ('blacklist { wwid ".*" }', ""),
        ('blacklist {\n wwid ".*" }\n', 'wwid ".*"'),
        ('blacklist{\n wwid ".*"', 'wwid ".*"'),
        ('blacklist {\n nonsense x\n wwid ".*"\n}', 'wwid ".*"'),
        ("blacklist {\n wwid 35000c500e8b7be43\n}", f'wwid "{WWID}"'),
        ("blacklist {\n wwid 36\n}", ""),
        ('blacklist {\n # wwid ".*"\n ! devnode sda\n}', ""),
        # A name that multipath no longer knows: its braces are none of a section.
        ('devnode_blacklist {\n devnode "^sd[a-z]"\n}', ""),
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
        # A documented file of Nimble's, one for ISCSI alone, and one for local disks
        (
            'blacklist {\n device {\n  vendor ".*"\n  product ".*"\n }\n}\nblacklist_exceptions {\n'
            ' device {\n  vendor "IBM"\n  product "2145"\n }\n}',
            "",
        ),
        (
            'blacklist {\n protocol ".*"\n}\nblacklist_exceptions {\n protocol "scsi:iscsi"\n}',
            '? protocol ".*"',
        ),
        (
            'blacklist {\n devnode "^(ram|raw|loop|fd|md|dm-|sr|scd|st)[0-9]*"\n'
            ' devnode "^hd[a-z]"\n devnode "^cciss!c[0-9]d[0-9]*"\n}',
            "",
        ),
        (
            'blacklist {\n wwid "26353900f02796769"\n devnode "^sd[a-z][0-9]*"\n}\n',
            'devnode "^sd[a-z][0-9]*"',
        ),
        ('blacklist {\n device {\n  vendor "VMware"\n  product "Virtual disk"\n }\n}', ""),
        ("multipaths {\n multipath {\n  wwid 35000c500e8b7be43\n  alias vol1\n }\n}", ""),
        ('overrides {\n protocol {\n  type "scsi:fcp"\n  fast_io_fail_tmo 5\n }\n}', ""),
        ('devices {\n device {\n  vendor "IBM"\n  product "2145"\n }\n}', ""),
    ],
)
def test_a_blacklist_is_read_as_multipath_reads_it(text: str, rule: str) -> None:
    assert refused(text) == rule


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        # Words are of ASCII, a comment begins within one, and a quote goes to the line's end.
        ("blacklist {\n wwid 3500!x\n}", 'wwid "3500"'),
        ('blacklist {\n wwid "3500 x\n}', ""),
        ('blacklist {\n wwid "^3500\n}', 'wwid "^3500"'),
        ("blacklist {\r\n wwid 3500\r\n}\r\n", 'wwid "3500"'),
        # What is not known opens no section; the keyword alone does.
        ('black {\n wwid ".*"\n}', ""),
        ('blacklist\n wwid ".*"\n}', 'wwid ".*"'),
        ('foo {\n blacklist {\n wwid ".*"\n}\n}', 'wwid ".*"'),
        ('blacklist {\n device {\n  no_path_retry ".*"\n }\n}', ""),
        ('overrides {\n protocol {\n }\n}\nblacklist {\n wwid ".*"\n}', 'wwid ".*"'),
    ],
)
def test_a_file_with_slips_is_read_as_multipath_reads_it(text: str, rule: str) -> None:
    assert refused(text) == rule


@pytest.mark.parametrize("pattern", ["*", "(", "[", "a{2,1}", "!("])
def test_a_pattern_that_regcomp_refuses(pattern: str) -> None:
    assert multipathconf.read([f'blacklist {{\n wwid "{pattern}"\n}}\n']).invalid is not None


def test_a_value_that_is_ignored_leaves_the_one_before() -> None:
    text = "defaults {\n find_multipaths greedy\n find_multipaths YES\n wwids_file x\n}\n"
    tables = multipathconf.read([text])
    assert (tables.find, tables.wwids) == ("greedy", multipathconf.WWIDS)


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


PARTS = {f"/usr/lib/multipath/{each}": "" for each in ("libchecktur.so", "libprioconst.so")}


def rows(files: Mapping[str, str | None], root: str = "LABEL=system") -> list[Row]:
    """The rows for the recorded machine with these files; None: without that file."""
    found = {"/usr/sbin/multipath": "", "/etc/multipath.conf": ""} | PARTS
    named = {"conf": "/etc/multipath.conf", "wwids": multipathconf.WWIDS,
             "more": "/etc/more/one.conf", "bindings": multipathconf.BINDINGS}  # fmt: skip
    found |= {named[key]: text for key, text in files.items() if text is not None}
    for key in (key for key, text in files.items() if text is None):
        del found[named[key]]
    archive = image(found)
    stack, settings = recorded(STACK), read_settings(f"root={root}")[0]
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


FRIENDLY = "defaults {\n find_multipaths greedy\n user_friendly_names yes\n}\n"
ALIAS = GREEDY + f"multipaths {{\n multipath {{\n  wwid {WWID}\n  alias data\n }}\n}}\n"


@pytest.mark.parametrize(
    ("files", "root", "verdict"),
    [
        ({"conf": GREEDY}, f"/dev/mapper/{WWID}", Verdict.OK),
        ({"conf": GREEDY}, f"/dev/mapper/{WWID}-part1", Verdict.OK),
        ({"conf": ALIAS}, f"/dev/mapper/{WWID}-part1", Verdict.MISSING),
        ({"conf": ALIAS}, f"/dev/mapper/{WWID}a", Verdict.OK),  # another map
        ({"conf": ALIAS}, "LABEL=system", Verdict.OK),
        ({"conf": FRIENDLY}, f"/dev/mapper/{WWID}", Verdict.UNKNOWN),
        ({"conf": FRIENDLY, "bindings": f"# x\nmpatha {WWID}\n"}, f"/dev/mapper/{WWID}",
         Verdict.MISSING),
        ({"conf": FRIENDLY, "bindings": f"{WWID} {WWID}\n"}, f"/dev/mapper/{WWID}", Verdict.OK),
        ({"conf": FRIENDLY + "overrides {\n user_friendly_names no\n}\n"}, f"/dev/mapper/{WWID}",
         Verdict.OK),
    ],
)  # fmt: skip
def test_the_name_of_a_map_at_boot(
    files: dict[str, str | None], root: str, verdict: Verdict
) -> None:
    found = [row.verdict for row in rows(files, root) if row.need == "its name"]
    assert found == ([] if verdict is Verdict.OK else [verdict])


def test_no_other_machine_has_such_a_row() -> None:
    stack = recorded("lvm-thin")
    judge = Multipaths(
        image({"/usr/sbin/multipath": ""}), stack, read_settings("root=/dev/x")[0], may_run=False
    )
    assert not [row for layer in stack.layers for row in judge.rows(layer)]


@pytest.mark.parametrize(
    ("pattern", "name", "left_out"),
    [
        ("^sd[[:alpha:]]$", "sda", True),
        ("^sd[[:digit:]]$", "sda", False),
        ("!^(sd[[:lower:]]|nvme[[:digit:]])", "sda", False),
    ],
)
def test_patterns_have_the_classes_of_posix(pattern: str, name: str, left_out: bool) -> None:
    text = f'blacklist {{\n devnode "{pattern}"\n}}\n'
    rule, sure = multipathconf.read([text]).refusal(multipathconf.Disk(name, "w"))
    assert ((rule is not None), sure) == (left_out, True)


def test_a_file_that_is_named_on_the_line_of_its_section() -> None:
    text = 'defaults { wwids_file "/etc/mp/wwids" }\ndefaults {\n config_dir /etc/mp/d\n}\n'
    assert [*multipathconf.files(text)] == ["/etc/mp/wwids", "/etc/mp/d"]


ISCSI = DISK._replace(protocol="scsi:iscsi")


@pytest.mark.parametrize(
    ("text", "rule"),
    [
        ('blacklist {\n protocol ".*"\n}\nblacklist_exceptions {\n protocol "scsi:iscsi"\n}', ""),
        ('blacklist {\n protocol "scsi:(ata|sas)"\n}', ""),
        ('blacklist {\n protocol "!scsi:fcp"\n}', 'protocol "!scsi:fcp"'),
    ],
)
def test_a_protocol_that_is_known_is_compared(text: str, rule: str) -> None:
    assert refused(text, disk=ISCSI) == rule


@pytest.mark.parametrize("pattern", ['"*"', "*", '"!*"', '"["', '"+a"'])
def test_a_pattern_that_is_none_has_multipath_refuse_all(pattern: str) -> None:
    """Manuals of RHEL 4 to 6 have wwid "*"; multipath-tools 0.9 ends with an error by it."""
    conf = f"blacklist {{\n wwid {pattern}\n}}\nblacklist_exceptions {{\n wwid {WWID}\n}}\n"
    found = rows({"conf": GREEDY + conf})
    assert {row.verdict for row in found} == {Verdict.MISSING}
    assert all("multipath refuses the configuration" in row.reason for row in found)


@pytest.mark.parametrize("pattern", ['".*"', '"^[[:alpha:]]"', '"[]a]"', '"a[0-9]*"', '"\\*"'])
def test_a_pattern_that_is_one_is_no_reason(pattern: str) -> None:
    assert multipathconf.read([f"blacklist {{\n wwid {pattern}\n}}"]).invalid is None
