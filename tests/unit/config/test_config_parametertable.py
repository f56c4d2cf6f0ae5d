"""The table of all parameters: complete, without contradictions, and what the document says."""

from pathlib import Path

import pytest

from initpy.config.othernames import NAMES, may_be_ours
from initpy.config.parametertable import EXPLAINED, OLD, REFUSED, SAID, SILENT, document
from initpy.config.settings import known_names, read_settings

DOCUMENTED = Path(__file__).with_name("documented_parameters.txt")
DOCUMENT = Path(__file__).parents[3] / "docs/parameters.md"
ROWS = (EXPLAINED, *SILENT, *SAID, *REFUSED)
KNOWN = frozenset(known_names())


def documented() -> list[str]:
    """The names of parameters that initramfs of other systems document."""
    lines = DOCUMENTED.read_text().splitlines()
    return [each.replace("_", "-") for each in lines if each and not each.startswith("#")]


@pytest.mark.parametrize("name", sorted(set(documented())))
def test_each_documented_parameter_is_understood_or_in_the_table(name: str) -> None:
    there = name in KNOWN or name in OLD or name == "boot"
    assert there or any(row.names_of(name) for row in ROWS)


def test_no_parameter_is_both_understood_and_not() -> None:
    exact = [each for row in ROWS for each in row.names.split() if not each.endswith("*")]
    assert KNOWN.isdisjoint(exact)
    assert KNOWN.isdisjoint(OLD)
    assert len(exact) == len(set(exact))


def test_all_that_is_to_be_said_is_looked_up() -> None:
    said = [each for row in (*SAID, *REFUSED) for each in row.names.split()]
    for name in (*said, *OLD):
        assert may_be_ours(name.removesuffix("*")), name
    exact = {each for each in (*said, *OLD) if not each.endswith("*")}
    assert exact | {"boot"} >= NAMES


def test_the_document_has_each_parameter() -> None:
    text = DOCUMENT.read_text()
    assert document() in text, "replace the last sections by what document() returns"
    for name in KNOWN:
        assert f"`{name.replace('-', '_')}" in text or f"`{name}" in text, name


@pytest.mark.parametrize(
    ("line", "said", "refused"),
    [
        ("fcoe=eth0:nodcb", "fcoe: 'eth0:nodcb': not supported: no disk is looked for", False),
        ("team=team0:eth0", "command line: team: 'team0:eth0': not supported: use bond=", False),
        ("rd.fcoe=0 rd.dm=0 rd.bootif=no rd_NO_DM rd.neednet=0", "", False),
        ("systemd.unit=x rd.udev.log_level=3 splash console=ttyS0", "", False),
        ("netroot=iscsi:a::::b", "command line: netroot: ", False),
        ("boot=nbd", "command line: boot: 'nbd': not supported: nbdroot=", True),
        ("cifspass=hush", "command line: cifspass: '…': not supported", False),
        ("rd.systemd.pull=raw,x:http://a/b", "command line: rd.systemd.pull: ", False),
        (
            "rd.luks.uid=x",
            "expected a parameter that initpy knows, such as rd.luks.uuid; it",
            False,
        ),
        ("rd.live.image", "command line: rd.live.image: not supported: live images", True),
        ("rd.live.image=0", "", False),
        ("rd.writable.fsimg=1", "command line: rd.writable.fsimg: '1': not supported", True),
        ("roothash=1234", "command line: roothash: '1234': not supported: dm-verity", True),
        ("systemd.verity_root_data=/dev/a", "systemd.verity_root_data: '/dev/a': not sup", True),
        ("rd.overley=1", "such as rd.overlay; root is left alone", True),
        ("rd.overlay.cript=LABEL=a", "rd.overlay.cript: 'LABEL=a': not supported", True),
        ("boot=live", "command line: boot: 'live': not supported: live images", True),
        ("boot=UUID=1-2 boot=local", "", False),
    ],
)
def test_what_is_said_of_a_parameter_that_nothing_reads(
    line: str, said: str, refused: bool
) -> None:
    settings, problems = read_settings(f"root=LABEL=a {line}")
    assert [said in str(each) for each in problems] == [True] * bool(said)
    assert bool(settings.refusal) is refused


def test_older_names_mean_what_they_meant() -> None:
    uuid = "f1f2f3f4:a1a2a3a4:b1b2b3b4:c1c2c3c4"
    line = f"rd_MD_UUID={uuid} rd_NO_LVM rd_NO_MDADMCONF rdshell=0"
    same = f"rd.md.uuid={uuid} rd.lvm=0 rd.md.conf=0 rd.shell=0"
    assert read_settings(line) == read_settings(same)
