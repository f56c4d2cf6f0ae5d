"""The check judges the user's own udev rules in an image (R28)."""

from pathlib import Path

import pytest
from fake_system import nested
from writing import archive_of

from initpy.config.jobs import parse_job_file
from initpy.image.check.proof import Verdict
from initpy.image.check.userrules import UserRules
from initpy.image.formats.udevrules import reached, read
from initpy.image.stack.describe import describe
from initpy.image.tree import File, Tree

NAME = "60-persistent-storage.rules"
JOB = parse_job_file("x.toml", f'summary = "x"\n[image]\nrules = ["{NAME}"]\n')
PACKAGED = """
ACTION=="remove", GOTO="end"
KERNEL=="md*", ATTR{md/array_state}=="clear", ENV{SYSTEMD_READY}="0"
IMPORT{builtin}="blkid"
ENV{ID_FS_UUID_ENC}=="?*", SYMLINK+="disk/by-uuid/$env{ID_FS_UUID_ENC}"
IMPORT{program}="/sbin/x --export"
LABEL="end"
"""


def judged(own: str, packaged: str = "", of_machine: str = "", *, ours: bool = True) -> list[str]:
    tree = Tree()
    tree.add(f"/etc/udev/rules.d/{NAME}", File(own.encode()))
    if packaged:
        tree.add(f"/usr/lib/udev/rules.d/{NAME}", File(packaged.encode()))
    there = {f"/usr/lib/udev/rules.d/{NAME}": of_machine.encode()} if of_machine else {}
    rules = UserRules(
        archive_of(tree, Path("x.img")), [JOB], there.get, ours=ours, by_path=True
    )  # fmt: skip
    stack = describe("/", nested())
    rows = [*rules.general(), *(row for layer in stack.layers for row in rules.rows(layer))]
    assert {row.verdict for row in rows} <= {Verdict.UNKNOWN}
    return [f"{row.layer.partition(' ')[0]} {row.reason}" for row in rows]


@pytest.mark.parametrize("where", [(PACKAGED, ""), ("", PACKAGED)])
def test_a_file_that_replaces_a_packages_does_all_that_that_one_does(
    where: tuple[str, str],
) -> None:
    assert judged(PACKAGED, *where) == []
    assert judged(PACKAGED + 'ENV{UDISKS_IGNORE}="1"\n', *where) == []
    lacking = judged(PACKAGED.replace("/sbin/x", "/sbin/y"), *where)
    assert len(lacking) == 1 and "IMPORT of /sbin/x" in lacking[0]


def test_only_other_lines_than_the_packages_may_hide_a_device() -> None:
    found = judged(PACKAGED + 'ENV{DM_NAME}=="other", ENV{SYSTEMD_READY}="0"\n', PACKAGED)
    assert found == []
    found = judged(PACKAGED.replace('=="clear"', '!="x"'), PACKAGED)
    assert [each.partition(" ")[0] for each in found] == ["/dev/md127"]
    assert "line 3 of /etc/udev" in found[0]


def test_another_generators_image_may_have_rules_of_the_user() -> None:
    assert judged('ENV{SYSTEMD_READY}="0"\n', ours=False) != []


def test_rules_are_read_with_continued_lines_and_odd_values() -> None:
    text = '# x\n\nA=="b", \\\n ENV{X}+="a \\"q\\" b", GOTO="z"\nKERNEL!=e"v*", LABEL="z"\nnoise\n'
    first, second, third = read(text)
    assert (first.line, str(first.words[1])) == (3, 'ENV{X}+="a \\"q\\" b"')
    assert (second.line, second.conditions[0].value, second.value("LABEL")) == (5, "v*", "z")
    assert third.words == ()


@pytest.mark.parametrize(
    ("text", "lines"),
    [
        ('KERNEL=="sda", GOTO="e"\nA="1"\nLABEL="e"\nB="1"\n', [1, 3, 4]),
        ('KERNEL=="sdb", GOTO="e"\nA="1"\nLABEL="e"\n', [2, 3]),
        ('ATTR{x}=="1", GOTO="e"\nA="1"\nLABEL="e"\n', [1, 2, 3]),
        ('KERNEL=="sd[!b]|x", GOTO="nowhere"\nA="1"\n', [1, 2]),
        ('KERNEL!="$env{X}", A="1"\nKERNEL!="sd?", A="1"\n', [1]),
    ],
)
def test_a_device_surely_jumps_only_where_all_conditions_are_known(
    text: str, lines: list[int]
) -> None:
    known = {"KERNEL": "sda"}.get
    assert [each.line for each in reached(list(read(text)), known)] == lines
