"""Each file that a build or a check opens is in one list, and may hold anything (R38)."""

import functools
import json
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest
import rich_etc
from fake_modules import VERSION, make_modules

from initpy.image.content import ownfiles

MODULES = [("kernel/drivers/md/md-mod.ko", ""), ("kernel/drivers/md/raid1.ko", "md_mod")]
NAMESPACE = ("unshare", "--user", "--map-root-user", "--mount")
SECONDS = 120  # a build takes four; a pipe that is opened would take for ever


class Run(NamedTuple):
    """What a command did in the namespace."""

    status: int
    opened: tuple[str, ...]
    said: str


@functools.cache
def _may_cover() -> str:
    """Return why this system permits no mounts in a namespace; "" if it does."""
    script = "mount -t tmpfs x /boot && mount --bind /boot /etc"
    try:
        done = subprocess.run(
            [*NAMESPACE, "sh", "-c", script], capture_output=True, text=True, check=False
        )
    except OSError as error:
        return str(error)
    return done.stderr if done.returncode else ""


def run(tmp_path: Path, number: int, *words: str) -> Run:
    if why := _may_cover():
        pytest.skip(f"no mounts in a namespace: {why}")
    work = tmp_path / "work"
    work.mkdir()
    command = [*NAMESPACE, sys.executable, rich_etc.__file__, str(work), str(number), *words]
    done = subprocess.run(
        command, capture_output=True, text=True, errors="replace", timeout=SECONDS, check=False,
        stdin=subprocess.DEVNULL,
    )  # fmt: skip
    assert "Traceback" not in done.stderr, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    return Run(found["status"], tuple(found["opened"]), done.stdout + done.stderr)


def build(tmp_path: Path, number: int) -> Run:
    modules = make_modules(tmp_path / "kernel", MODULES)
    return run(
        tmp_path, number, "build", "--kernel", VERSION, "--modules-dir", str(modules),
        "--output", str(tmp_path / "image"), "--compression", "none",
    )  # fmt: skip


def _known(path: str) -> bool:
    listed = path in (*ownfiles.TOLD, *ownfiles.OTHERS)
    return listed or path.startswith(tuple(f"{each}/" for each in ownfiles.FOLDERS))


def test_all_files_that_are_opened_are_in_the_list(tmp_path: Path) -> None:
    for name in ("build", "check"):
        folder = tmp_path / name
        folder.mkdir()
        found = build(folder, -1) if name == "build" else run(folder, -1, "check", "--describe")
        assert found.status == 0, found.said
        own = [each for each in found.opened if each.startswith(("/etc/", "/boot/", "/efi/"))]
        assert [each for each in own if not _known(each)] == []
        assert len(own) > 15


def test_the_rich_system_has_all_files_of_the_list() -> None:
    made = {*rich_etc.FILES, *rich_etc.REFUSING}
    of_every_system = {"/etc/passwd", "/etc/group", "/etc/os-release", "/etc/ld.so.conf"}
    rare = {"/etc/nvme/config.json"}
    assert {*ownfiles.TOLD, *ownfiles.OTHERS} - made == of_every_system | rare
    assert all(map(_known, made))


@pytest.mark.parametrize("number", range(0, len(rich_etc.DAMAGE), 6))
def test_damage_in_all_files_at_once(number: int, tmp_path: Path) -> None:
    """A build ends with one line that names a file, or well; a pipe is never opened."""
    found = build(tmp_path, number)
    if found.status:
        assert any(each in found.said for each in rich_etc.REFUSING), found.said


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(rich_etc.DAMAGE)))
def test_damage_of_each_kind_in_each_file(number: int, tmp_path: Path) -> None:
    found = build(tmp_path, number)
    if found.status:
        assert any(each in found.said for each in rich_etc.REFUSING), found.said


def test_what_is_no_file_is_named(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    (etc / "crypttab").mkdir(parents=True)
    (etc / "fstab").symlink_to("nowhere")
    (etc / "hostname").write_text("host\n")
    (etc / "vconsole.conf").symlink_to("default/keyboard")  # as systemd of Debian 13 has it
    assert [*ownfiles.strange(str(tmp_path))] == [
        f"{etc}/crypttab: taken for absent, as it is a folder",
        f"{etc}/fstab: taken for absent, as it leads nowhere (No such file or directory)",
    ]
