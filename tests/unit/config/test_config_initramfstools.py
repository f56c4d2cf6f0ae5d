"""Debian's RESUME, as mkinitramfs reads it (initramfs.conf(5))."""

import pytest

from initpy.config.commandline import parse
from initpy.config.initramfstools import is_for_image, parameters, resume_of

ETC = "/etc/initramfs-tools"
USR = "/usr/share/initramfs-tools"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("RESUME=UUID=7a0c\n", "UUID=7a0c"),
        ('RESUME="LABEL=my swap" # the second disk\n', "LABEL=my swap"),
        ("export RESUME=/dev/mapper/vg-swap\n", "/dev/mapper/vg-swap"),
        ("# RESUME=none\n", "auto"),
        ("RESUME=\n", "auto"),
        ("RESUME=none\n", "none"),
        ("RESUME='/dev/sda2\n", "auto"),
        ("MODULES=most\nRESUME=none\nRESUME=/dev/sda2\n", "/dev/sda2"),
    ],
)
def test_the_last_assignment_counts(text: str, expected: str) -> None:
    assert resume_of({f"{ETC}/conf.d/resume": text}) == expected


def test_files_are_read_in_the_order_of_mkinitramfs() -> None:
    texts = {
        f"{ETC}/initramfs.conf": "RESUME=/dev/a\n",
        f"{USR}/conf.d/resume": "RESUME=/dev/masked\n",
        f"{USR}/conf.d/zz": "RESUME=/dev/b\n",
        f"{ETC}/conf.d/resume": "RESUME=/dev/c\n",
        f"{ETC}/conf.d/resume.dpkg-old": "RESUME=/dev/old\n",
        f"{ETC}/conf.d/.hidden": "RESUME=/dev/hidden\n",
    }
    assert resume_of(texts) == "/dev/c"
    del texts[f"{ETC}/conf.d/resume"]
    assert resume_of(texts) == "/dev/b"
    assert resume_of({}) == "auto"


def test_the_image_gets_a_parameter() -> None:
    assert parameters("UUID=7a0c") == "resume=UUID=7a0c\n"
    for nothing in ("", "auto", "none"):
        assert parameters(nothing) == ""
    (parameter,) = parse(parameters("LABEL=my swap")).parameters
    assert parameter.value == "LABEL=my swap"


def test_key_files_match_a_shell_pattern() -> None:
    hook = '#KEYFILE_PATTERN="/other/*"\nKEYFILE_PATTERN="/etc/keys/*.key"\nASKPASS=y\n'
    assert is_for_image("/etc/keys/root.key", hook)
    assert is_for_image("/etc/keys/more/root.key", hook)
    assert not is_for_image("/other/root.key", hook)
    assert not is_for_image("/etc/keys/root.key", "KEYFILE_PATTERN=\n")
    assert not is_for_image("/etc/keys/root.key", "")
