"""Modules that DKMS has not built: one screen says why, and what comes next (R28)."""

from pathlib import Path

import pytest

from initpy.image.kernel import external

CONF = 'PACKAGE_NAME="zfs"\nBUILT_MODULE_NAME[0]="spl"\nBUILT_MODULE_NAME[1]="zfs"\n'


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    source = tmp_path / "dkms/zfs/2.1.11/source"
    source.mkdir(parents=True)
    (source / "dkms.conf").write_text(CONF)
    (tmp_path / "modules/6.1-old/updates/dkms").mkdir(parents=True)
    (tmp_path / "modules/6.1-old/updates/dkms/zfs.ko.xz").touch()
    (tmp_path / "modules/6.1-new").mkdir()
    return tmp_path


def shown(tree: Path, *names: str) -> str:
    lines = external.screen(names, "6.1-new", tree / "dkms", tree / "modules")
    assert all(len(line) <= 80 for line in lines if str(tree) not in line)
    return "\n".join(lines)


def test_headers_that_are_missing_are_named(tree: Path) -> None:
    text = shown(tree, "zfs", "ext4")
    assert "DKMS has not built zfs for kernel 6.1-new" in text
    assert "apt install linux-headers-6.1-new" in text
    assert "other kernels have it: 6.1-old" in text
    assert "dkms install zfs/2.1.11 -k 6.1-new" in text
    assert "initpy install --kernel 6.1-new" in text


def test_the_log_of_a_failed_build_is_named(tree: Path) -> None:
    (tree / "modules/6.1-new/build").mkdir()
    log = tree / "dkms/zfs/2.1.11/build/make.log"
    log.parent.mkdir()
    log.touch()
    assert f"its last build failed: {log}" in shown(tree, "zfs")


def test_what_dkms_says_is_quoted(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = tree / "dkms-program/dkms"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'zfs/2.1.11, 6.1-old, x86_64: installed'\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}:/usr/bin:/bin")
    assert "dkms status     zfs/2.1.11, 6.1-old, x86_64: installed" in shown(tree, "zfs")


def test_nothing_is_said_of_modules_that_dkms_does_not_build(tree: Path) -> None:
    assert shown(tree, "ext4") == ""
    assert shown(tree) == ""
    assert external.screen(("zfs",), "6.1-new", tree / "none", tree) == ()
