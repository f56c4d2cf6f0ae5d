"""R19: a check outlives the engine at the handover, and the real system takes its result."""

import asyncio
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from initpy.core.actions import StartCheck, Stop
from initpy.core.events import JobEnded, Progressed
from initpy.core.goals import take_over
from initpy.runtime import keeper
from initpy.runtime.processes import Processes

# An engine that starts a check of the script in its second argument, then hands over or is killed.
ENGINE = """
import asyncio, os, sys
from initpy.core.actions import StartCheck
from initpy.runtime import keeper
from initpy.runtime.processes import Processes

async def main():
    keeper.FOLDER = sys.argv[1]
    processes = Processes(lambda *_: None, lambda _: None)
    argv = ("/bin/sh", "-c", sys.argv[2])
    processes.start_check(StartCheck("check@vdb", 1, argv, "vdb", "vdb"))
    await asyncio.sleep(1)
    if sys.argv[3] == "goes-on":
        processes.go_on()
    os._exit(0)

asyncio.run(main())
"""
SLOW = "echo 1 50 100 /dev/vdb; sleep 2; echo /dev/vdb: clean; echo hm >&2; exit 1"


def wait_for(what: Callable[[], bool], seconds: float = 10) -> None:
    """Wait until this is so."""
    limit = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < limit
        time.sleep(0.02)


def checked(folder: Path, script: str, *, stop: bool = False) -> tuple[JobEnded, list[float]]:
    """Run a check with an engine that stays; how it ended, and what it told of its progress."""
    ended: list[JobEnded] = []
    told: list[float] = []

    async def run() -> None:
        over = asyncio.Event()

        def take(event: JobEnded, _: str | None) -> None:
            ended.append(event)
            over.set()

        def progress(event: Progressed) -> None:
            told.append(event.share)

        processes = Processes(take, progress)
        argv = ("/bin/sh", "-c", script)
        processes.start_check(StartCheck("check@vdb", 1, argv, "vdb", "vdb"))
        if stop:
            await asyncio.sleep(0.5)
            processes.stop(Stop("check@vdb", 1))
        await asyncio.wait_for(over.wait(), 10)

    asyncio.run(run())
    return ended[0], told


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the files for the real system."""
    monkeypatch.setattr(keeper, "FOLDER", str(tmp_path))
    return tmp_path


def begin(folder: Path, script: str, how: str) -> None:
    """Have an engine start a check, and end."""
    code = [sys.executable, "-c", ENGINE, str(folder), script, how]
    subprocess.run(code, check=True, timeout=20)


def test_the_engine_is_told_of_progress_and_end(folder: Path) -> None:
    ended, told = checked(folder, SLOW)
    assert ended == JobEnded("check@vdb", 1, 1, "/dev/vdb: clean\n", "hm", "hm")
    assert told == [0.35]
    assert not (folder / "status/vdb").exists()


def test_a_checker_that_is_killed_or_stopped_has_no_exit_status(folder: Path) -> None:
    assert checked(folder, "kill -9 $$")[0].status < 0
    assert checked(folder, "sleep 60", stop=True)[0].status < 0


def test_a_checker_that_is_not_there_is_told(folder: Path) -> None:
    ended: list[JobEnded] = []

    async def run() -> None:
        processes = Processes(lambda event, _: ended.append(event), lambda _: None)
        processes.start_check(StartCheck("check@vdb", 1, ("/no/e2fsck",), "vdb", "vdb"))
        while not ended:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(run(), 10))
    assert ended[0].status == 127 and "No such file" in ended[0].error


def test_a_check_goes_on_without_the_engine_and_leaves_its_result(folder: Path) -> None:
    begin(folder, SLOW, "goes-on")
    keeping = int((folder / "pid/vdb").read_text())
    assert Path(f"/proc/{keeping}/cmdline").read_bytes().startswith(b"@")
    children = Path(f"/proc/{keeping}/task/{keeping}/children").read_text().split()
    assert Path(f"/proc/{children[0]}/cmdline").read_bytes().startswith(b"@sh\0")
    with (folder / "running/vdb").open() as lock, pytest.raises(BlockingIOError):
        fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    assert os.sched_getscheduler(int(children[0])) == os.SCHED_OTHER
    assert (folder / "progress/vdb").read_text() == "35%\n"

    wait_for((folder / "status/vdb").exists)
    assert (folder / "status/vdb").read_text() == "1\n"
    assert (folder / "output/vdb").read_text() == "/dev/vdb: clean\nhm\n"


def test_a_check_ends_with_an_engine_that_dies(folder: Path) -> None:
    begin(folder, f"echo $$ > {folder}/checker; exec sleep 60", "dies")
    checker = int((folder / "checker").read_text())
    wait_for(lambda: not Path(f"/proc/{checker}").exists())
    assert not (folder / "status/vdb").exists()


def test_a_result_is_left_although_no_path_leads_there_any_more(folder: Path) -> None:
    """Process 1 moves /run at the handover; the keeper's root stays that of the initramfs."""
    begin(folder, SLOW, "goes-on")
    moved = folder.with_name("moved")
    folder.rename(moved)
    wait_for((moved / "status/vdb").exists)
    assert (moved / "status/vdb").read_text() == "1\n"
    assert (moved / "output/vdb").read_text() == "/dev/vdb: clean\nhm\n"


def test_the_checker_opens_its_device_without_a_path() -> None:
    command = ("/usr/sbin/e2fsck", "-a", "-C", "1", "/dev/mapper/a-b")
    assert keeper.words(command) == ["@e2fsck", "-a", "-C", "1", "mapper/a-b"]


def test_the_checker_works_in_dev(folder: Path) -> None:
    assert checked(folder, "pwd")[0].output == "/dev\n"


# The script in the real system


def taken_over(folder: Path, *, wait: bool = True) -> "subprocess.Popen[str]":
    """Run the script for /dev/vdb, with a systemd-fsck that says so and ends with status 7."""
    fsck = folder / "systemd-fsck"
    fsck.write_text('#!/bin/sh\necho "checks $1"\nexit 7\n')
    fsck.chmod(0o755)
    text = take_over.SCRIPT.replace(take_over.FOLDER, str(folder))
    text = text.replace(take_over.FSCKS[0], str(fsck)).replace(take_over.FSCKS[1], str(fsck))
    text = text.replace("/dev/console", str(folder / "console"))
    text = text.replace(f"--timeout {take_over.TELL_SECONDS}", "--timeout 1")
    text = text.replace("/run/systemd/quotacheck", str(folder / "quotacheck"))
    (folder / "take-over").write_text(text)
    command = ["/bin/sh", str(folder / "take-over"), "/dev/vdb"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True)
    if wait:
        process.wait(20)
    return process


def expect(folder: Path, status: str) -> None:
    """A check of /dev/vdb ended in the initramfs."""
    keeper.prepare("vdb")
    (folder / "expected/vdb").touch()
    (folder / "status/vdb").write_text(f"{status}\n")
    (folder / "output/vdb").write_text("/dev/vdb: clean\n")


def said(process: "subprocess.Popen[str]") -> str:
    """What it has printed."""
    assert process.stdout is not None
    with process.stdout as output:
        return output.read()


def test_a_device_that_was_not_checked_is_checked_by_the_real_system(folder: Path) -> None:
    process = taken_over(folder)
    assert (process.returncode, said(process)) == (7, "checks /dev/vdb\n")


@pytest.mark.parametrize(
    ("status", "ends", "again"),
    [("0", 0, False), ("1", 0, False), ("4", 1, False), ("2", 1, False), ("6", 1, False),
     ("12", 1, False), ("8", 7, True), ("32", 7, True), ("", 7, True)],
)  # fmt: skip
def test_the_unit_ends_as_that_of_systemd_would(
    folder: Path, status: str, ends: int, again: bool
) -> None:
    expect(folder, status)
    process = taken_over(folder)
    text = said(process)
    assert process.returncode == ends
    assert ("checks /dev/vdb" in text) is again
    assert ("/dev/vdb: clean" in text) is bool(status)
    assert (folder / "quotacheck").exists() is (status == "1")
    # Only once: a user who restarts the unit wants a check.
    process = taken_over(folder)
    assert (process.returncode, said(process)) == (7, "checks /dev/vdb\n")


def test_the_real_system_waits_for_a_check_that_goes_on(folder: Path) -> None:
    begin(folder, SLOW.replace("2;", "4;"), "goes-on")
    (folder / "expected/vdb").touch()
    process = taken_over(folder)
    assert process.returncode == 0
    assert "/dev/vdb: clean" in said(process)
    told = (folder / "console").read_text()
    assert told == "initpy: the check of /dev/vdb goes on, 35% done\n"


def test_a_real_system_that_shuts_down_ends_the_check(folder: Path) -> None:
    begin(folder, "exec sleep 60", "goes-on")
    (folder / "expected/vdb").touch()
    keeping = int((folder / "pid/vdb").read_text())
    process = taken_over(folder, wait=False)
    time.sleep(0.5)
    os.killpg(process.pid, signal.SIGTERM)  # as systemd ends a unit: all of its processes
    assert process.wait(10) == 1
    said(process)
    wait_for(lambda: not Path(f"/proc/{keeping}/exe").exists())
