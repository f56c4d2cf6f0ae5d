"""Command lines that systemd's generators are tested with or document, and what they mean here.

The expected values are those of its manual pages; where initpy has no such thing, a line says so.
"""

import pytest

from initpy.config.settings import read_settings
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.settings import BreakPoint

GPT_AUTO = DeviceSpec(Naming.GPT_AUTO, "")
ALONE = "beside it"


def said(line: str) -> list[str]:
    """What is wrong with a command line."""
    return [str(each) for each in read_settings(line)[1]]


@pytest.mark.parametrize("word", ["dissect-force", "fstab", "off", "0", "no", "false"])
def test_words_for_a_root_that_systemd_alone_has(word: str) -> None:
    """systemd-fstab-generator(8), systemd-dissect(1)"""
    settings, (problem,) = read_settings(f"root={word}")
    assert settings.root is None
    assert f"root={word} is of systemd's initramfs" in str(problem)


@pytest.mark.parametrize(
    ("unit", "breaks", "says"),
    [
        ("rescue.target", {BreakPoint.MOUNT}, ""),
        ("emergency.target", {BreakPoint.START}, ""),
        ("emergency", {BreakPoint.START}, ""),
        ("initrd.target", set(), ""),
        ("multi-user.target", set(), "expected rescue.target or emergency.target"),
        ("", set(), "expected rescue.target or emergency.target"),
    ],
)
def test_units_that_are_shells(unit: str, breaks: set[BreakPoint], says: str) -> None:
    """kernel-command-line(7): rd.emergency and rd.rescue are short for them."""
    settings, problems = read_settings(f"root=LABEL=x rd.systemd.unit={unit}")
    assert settings.breaks == breaks
    assert [says in str(each) for each in problems] == [True] * bool(says)


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("roothash=12", True),
        ("roothash=12 rd.systemd.verity=1", True),
        ("roothash=12 rd.systemd.verity=0", False),
        ("rd.systemd.verity=no roothash=12", False),
        ("usrhash=12 systemd.verity=0", False),
        ("systemd.verity_root_data=/dev/a systemd.verity_root_hash=/dev/b systemd.verity=0", False),
        ("roothash=12 systemd.verity=0 systemd.verity=1", True),
        ("roothash=12 systemd.verity=0 rd.live.image", True),
        ("roothash=12 systemd.verity=o", True),
        ("roothash=12 veritytab=0", True),  # the hash is no line of veritytab
    ],
)
def test_a_root_is_left_alone_for_its_hash_unless_verity_is_off(line: str, refused: bool) -> None:
    """systemd-veritysetup-generator(8)"""
    settings, problems = read_settings(f"root=LABEL=x {line}")
    assert bool(settings.refusal) is refused
    assert bool(problems) is refused


@pytest.mark.parametrize(
    ("line", "refused"),
    [
        ("systemd.image_policy=root=verity+signed", True),
        ("rd.systemd.image_policy=root=encrypted+absent:usr=unprotected", True),
        ("systemd.image-policy==verity", True),  # of all that is not named
        ("systemd.image-policy=~", True),
        ("systemd.image_policy=root=encrypted root=gpt-auto-force", True),
        ("systemd.image_policy=root=unprotected+encrypted", False),
        ("systemd.image_policy=usr=verity:=open", False),
        ("systemd.image_policy=*", False),
        ("systemd.image_policy=root=verity systemd.image_policy=*", False),
        ("systemd.image_policy=root=verity root=LABEL=x", False),
    ],
)
def test_no_partition_is_root_that_a_policy_rules_out(line: str, refused: bool) -> None:
    """systemd.image-policy(7), systemd-gpt-auto-generator(8)"""
    settings, problems = read_settings(line)
    assert settings.refusal == "; ".join(map(str, problems))
    assert bool(settings.refusal) is refused
    if refused:
        assert settings.root == GPT_AUTO
        assert "not compared with a policy; root is left alone" in settings.refusal


@pytest.mark.parametrize("word", ["nohibernate", "noresume", "hibernate=no"])
def test_the_kernels_words_against_resuming(word: str) -> None:
    settings, problems = read_settings(f"root=LABEL=x resume=LABEL=s {word}")
    assert (settings.resume, settings.may_resume, problems) == (None, False, ())


@pytest.mark.parametrize(
    "line",
    [
        "nbdport=2000", "root=nbd:10.0.7.2:export nbdport=2000", "root=dhcp nbdport=2000",
        "nbdroot=10.0.7.2:export nbdport=2000", "nbdroot=dhcp nbdport=2000", "nbddev=/dev/nbd1",
        "loopflags=ro", "loopfstype=ext4", "resume_offset=34816", "rd.overlay.reset=1",
        "rd.overlay.readonly", "rd.live.overlay.readonly=1",
    ],
)  # fmt: skip
def test_what_counts_only_beside_another_parameter_is_not_dropped_in_silence(line: str) -> None:
    (problem,) = said(line if "root=" in line else f"root=LABEL=x {line}")
    key = line.split()[-1].partition("=")[0]
    assert problem.startswith(f"command line: {key}: ")
    assert ALONE in problem


@pytest.mark.parametrize(
    "line",
    [
        "nbdroot=10.0.7.2 nbdport=2000", "nbdroot=dhcp nbddev=/dev/nbd1", "loop=/a loopflags=ro",
        "resume=none resume_offset=34816", "resume=LABEL=s resume_offset=34816",
        "noresume resume_offset=34816", "rd.overlay=LABEL=c rd.overlay.readonly=1",
        "rd.overlay=0 rd.overlay.readonly=1 rd.overlay.reset=1", "rd.overlay.readonly=0",
        "rd.overlay.readonly=1 rd.overlay",
    ],
)  # fmt: skip
def test_what_stands_beside_the_other_parameter(line: str) -> None:
    assert said(f"root=LABEL=x {line}") == []


def test_root_is_left_alone_where_only_its_overlay_is_to_be_kept() -> None:
    """With rw, what was meant to go nowhere would be written to root."""
    assert read_settings("root=LABEL=x rw rd.overlay.readonly=1")[0].refusal
    assert not read_settings("root=LABEL=x rw rd.overlay.reset=1")[0].refusal
