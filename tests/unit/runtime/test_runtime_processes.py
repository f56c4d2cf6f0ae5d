"""Programs for jobs, really run: status, complaint, secret on standard input, an end in time."""

import asyncio
import errno
import os
import select
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from initpy.core.actions import Run, Stop
from initpy.core.events import JobEnded, Progressed
from initpy.core.secret import Secret
from initpy.runtime import processes as processes_module
from initpy.runtime.processes import Processes, _Watched
from initpy.runtime.progress import OUTPUT_LIMIT, share_done

Start = Callable[[Processes], None]


def shell(script: str, secret: bytes | None = None, run: int = 1) -> Run:
    """A job `job@sda` that runs a shell script."""
    kept = Secret(secret) if secret is not None else None
    return Run("job@sda", run, ("/bin/sh", "-c", script), "sda", kept)


def play(*starts: Start, ends: int = 1) -> list[tuple[JobEnded, str | None]]:
    """Do this, wait for so many ends."""
    ended: list[tuple[JobEnded, str | None]] = []

    async def run() -> None:
        enough = asyncio.Event()

        def take(event: JobEnded, subject: str | None) -> None:
            ended.append((event, subject))
            if len(ended) == ends:
                enough.set()

        processes = Processes(take, lambda _: None)
        for start in starts:
            start(processes)
            await asyncio.sleep(0.05 if len(starts) > 1 else 0)
        await asyncio.wait_for(enough.wait(), 10)

    asyncio.run(run())
    return ended


def end_of(action: Run) -> JobEnded:
    """How this command ended."""
    ((ended, subject),) = play(lambda processes: processes.start(action))
    assert subject == "sda"
    return ended


def test_a_program_that_ends_well_brings_its_output() -> None:
    ended = end_of(shell("echo MD_STARTED=yes; echo grumble >&2"))
    assert ended == JobEnded("job@sda", 1, 0, "MD_STARTED=yes\n", "grumble", "grumble")


@pytest.mark.parametrize(
    ("script", "status", "complaint"),
    [
        ("exit 3", 3, ""),
        ("echo first >&2; echo last >&2; echo >&2; exit 2", 2, "last"),
        ("kill -9 $$", -9, ""),
        ("printf 'no newline' >&2; exit 1", 1, "no newline"),
        (r"printf '\377\n' >&2; exit 1", 1, "\ufffd"),
    ],
)
def test_a_program_that_fails_brings_its_status_and_its_last_complaint(
    script: str, status: int, complaint: str
) -> None:
    ended = end_of(shell(script))
    assert (ended.status, ended.error) == (status, complaint)


@pytest.mark.parametrize(
    ("program", "reason"),
    [
        ("/nowhere/mdadm", "cannot run /nowhere/mdadm: No such file or directory"),
        ("/etc/passwd", "cannot run /etc/passwd: Permission denied"),
    ],
)
def test_a_program_that_cannot_be_run_says_so(program: str, reason: str) -> None:
    ended = end_of(Run("job@sda", 1, (program,), "sda"))
    assert (ended.status, ended.error) == (127, reason)


def short_of_processes(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Have fork(2) fail so often."""
    real, left = subprocess.Popen, [times]

    def popen(*words: object, **more: object) -> object:
        left[0] -= 1
        if left[0] >= 0:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return real(*words, **more)  # type: ignore[call-overload]

    monkeypatch.setattr(subprocess, "Popen", popen)


def test_r5_a_program_is_started_once_there_is_room_for_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """The core counts tries: a machine that is short of processes for a while uses none up."""
    short_of_processes(monkeypatch, 3)
    ended = end_of(shell("cat", b"correct horse"))
    assert (ended.status, ended.output) == (0, "correct horse")


def test_what_waits_for_room_is_stopped_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    short_of_processes(monkeypatch, 1000)
    action = shell("true")
    ((ended, _),) = play(
        lambda processes: processes.start(action),
        lambda processes: processes.stop(Stop(action.job, action.run)),
    )
    assert ended.error == "cannot run /bin/sh: Resource temporarily unavailable"


def test_the_secret_arrives_on_standard_input_whole_and_without_a_newline() -> None:
    """R14."""
    ended = end_of(shell("od -An -c", b"corr\xc3\xa9ct \n horse"))
    assert " ".join(ended.output.split()) == r"c o r r 303 251 c t \n h o r s e"


def test_the_secret_is_nowhere_but_on_standard_input() -> None:
    """R14: never argv, environment."""
    script = "tr '\\0' '\\n' < /proc/$$/cmdline; tr '\\0' '\\n' < /proc/$$/environ; env"
    ended = end_of(shell(script, b"correct horse"))
    assert "sh" in ended.output
    assert "horse" not in ended.output


def test_the_core_may_wipe_the_secret_as_soon_as_the_program_is_started() -> None:
    secret = Secret(b"correct horse")
    action = Run("job@sda", 1, ("/bin/cat",), "sda", secret)

    def start(processes: Processes) -> None:
        processes.start(action)
        secret.wipe()

    ((ended, _),) = play(start)
    assert ended.output == "correct horse"


def test_a_program_without_a_secret_cannot_wait_for_input() -> None:
    assert end_of(shell("cat; echo done")).output == "done\n"


def test_the_environment_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("INITPY_STRAY", "1")
    names = {each.partition("=")[0] for each in end_of(shell("env")).output.splitlines()}
    assert names - {"PWD", "_", "SHLVL", "OLDPWD"} == {"PATH", "LC_ALL"}


def test_no_descriptor_of_the_engine_is_passed_on() -> None:
    reading, writing = os.pipe()
    try:
        shown = end_of(shell("ls /proc/$$/fd")).output.split()
    finally:
        os.close(reading)
        os.close(writing)
    assert set(shown) <= {"0", "1", "2", "3"}  # 3: the folder that ls reads


def test_a_program_that_is_stopped_ends_with_its_children() -> None:
    """R35: a tool that hangs. Its whole session is told."""
    ((ended, _),) = play(
        lambda each: each.start(shell("sleep 60 & sleep 60")),
        lambda each: each.stop(Stop("job@sda", 1)),
    )
    assert ended.status == -15


def test_a_program_that_ignores_the_request_is_killed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes_module, "KILL_AFTER", 0.1)
    ((ended, _),) = play(
        lambda each: each.start(shell("trap '' TERM; sleep 60 & wait; sleep 60")),
        lambda each: each.stop(Stop("job@sda", 1)),
    )
    assert ended.status == -9


def test_what_a_stopped_program_has_started_ends_with_it_though_deaf_to_sigterm(
    tmp_path: Path,
) -> None:
    """A shell ends at SIGTERM; what it waits for may not. The next try must not meet it."""
    note = tmp_path / "pid"
    deaf = tmp_path / "deaf"
    deaf.write_text(f"trap '' TERM; echo $$ >{note}; for _ in $(seq 100); do sleep 0.1; done\n")

    def started(processes: Processes) -> None:
        while not (note.exists() and note.read_text().strip()):
            time.sleep(0.01)
        processes.stop(Stop("job@sda", 1))

    ((ended, _),) = play(
        lambda each: each.start(shell(f"sh {deaf} & trap 'exit 1' TERM; wait; exit 1")), started
    )
    assert ended.status == 1
    limit = time.monotonic() + 2
    while _runs(int(note.read_text())) and time.monotonic() < limit:
        time.sleep(0.01)
    assert not _runs(int(note.read_text()))


def test_a_program_is_stopped_that_has_not_begun_yet() -> None:
    """Its device goes in the moment in which it is started."""

    def at_once(processes: Processes) -> None:
        processes.start(shell("sleep 60"))
        processes.stop(Stop("job@sda", 1))

    ((ended, _),) = play(at_once)
    assert ended.status == -15


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_stopping_what_does_not_run_does_nothing() -> None:
    ((ended, _),) = play(
        lambda each: each.start(shell("sleep 0.2")),
        lambda each: each.stop(Stop("job@sda", 2)),
        lambda each: each.stop(Stop("other", 1)),
    )
    assert ended.status == 0


def test_a_daemon_left_behind_does_not_keep_the_job_from_ending(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """mdadm starts mdmon, lvm dmeventd: they may hold the pipes for ever."""
    monkeypatch.setattr(processes_module, "LATE_OUTPUT", 0.1)
    started = time.monotonic()
    pid = tmp_path / "pid"
    ended = end_of(shell(f"setsid sleep 60 & echo $! > {pid}; echo said; exit 5"))
    assert (ended.status, ended.output) == (5, "said\n")
    assert time.monotonic() - started < 30
    os.kill(int(pid.read_text()), 0)  # it lives: it may serve the root
    os.kill(int(pid.read_text()), 9)


def test_output_without_end_does_not_eat_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(processes_module, "OUTPUT_LIMIT", 1000)
    ended = end_of(shell("head -c 3000000 /dev/zero"))
    assert ended.status == 0
    assert len(ended.output) < 1_000_000


def test_several_programs_run_at_the_same_time(tmp_path: Path) -> None:
    wait = f"until [ -e {tmp_path}/1 -a -e {tmp_path}/2 -a -e {tmp_path}/3 ]; do sleep 0.01; done"
    ends = play(
        *(
            lambda each, n=n: each.start(shell(f"touch {tmp_path}/{n}; {wait}", run=n))
            for n in range(1, 4)
        ),
        ends=3,
    )
    assert sorted(each.run for each, _ in ends) == [1, 2, 3]


def test_a_bug_in_what_follows_an_end_is_noticed_at_once() -> None:
    """R5: an engine that lost the end of a job would wait for ever; one that dies is restarted."""

    async def run() -> None:
        loop = asyncio.get_running_loop()
        noticed: asyncio.Future[object] = loop.create_future()
        loop.set_exception_handler(lambda _, context: noticed.set_result(context["exception"]))

        def broken(_: JobEnded, __: str | None) -> None:
            raise RuntimeError("a bug")

        processes = Processes(broken, lambda _: None)
        processes.start(shell("exit 0"))
        assert isinstance(await asyncio.wait_for(noticed, 5), RuntimeError)

    asyncio.run(run())


def watched(script: str) -> Run:
    """A job whose progress is told."""
    return shell(script)._replace(watched=True)


def test_r19_how_far_a_check_is_is_told_and_is_no_part_of_its_output() -> None:
    told: list[Progressed] = []
    ends: list[JobEnded] = []
    script = (
        "printf '1 2 8 /dev/'; sleep 0.1; printf 'sda\\nis clean\\n'; sleep 0.6; "
        "echo 3 1 2 /dev/sda; echo 3 2 2 /dev/sda; printf 'the end'"
    )

    async def run() -> None:
        done = asyncio.Event()

        def take(event: JobEnded, _: str | None) -> None:
            ends.append(event)
            done.set()

        Processes(take, told.append).start(watched(script))
        await asyncio.wait_for(done.wait(), 10)

    asyncio.run(run())
    # The last one comes too soon after the one before.
    assert told == [Progressed("job@sda", 1, 0.17), Progressed("job@sda", 1, 0.91)]
    assert ends == [JobEnded("job@sda", 1, 0, "is clean\nthe end")]


def test_a_check_that_ends_no_line_does_not_fill_memory() -> None:
    async def run() -> int:
        program = _Watched(("job", 1), lambda _: None)
        for _ in range(400):
            program.pipe_data_received(1, b"x" * 8192)
        program.pipe_connection_lost(1, None)
        return len(program.output) + len(program._line)

    assert asyncio.run(run()) <= OUTPUT_LIMIT + 2 * 8192


@pytest.mark.parametrize(
    ("line", "share"),
    [
        (b"1 0 8 /dev/sda", 0.0),
        (b"1 8 8 /dev/sda", 0.7),
        (b"5 16 16 /dev/with blank", 1.0),
        (b"5 99 16 /dev/sda", 1.0),
        (b"2 0 0 /dev/sda", None),
        (b"6 1 2 /dev/sda", None),
        (b"0 1 2 /dev/sda", None),
        (b"12 errors left", None),
        (b"1 5 " + b"9" * 9000, None),
        (b"", None),
    ],
)
def test_lines_of_progress(line: bytes, share: float | None) -> None:
    assert share_done(line) == share


def test_r5_a_check_ends_with_the_engine(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    script = f"echo $$ >{note}; exec sleep 60"
    engine = os.fork()
    if engine == 0:  # an engine that is killed while it has a check made
        asyncio.run(_start_and_hang(watched(script)))
        os._exit(0)
    deadline = time.monotonic() + 10
    while not (note.exists() and note.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.01)
    check = os.pidfd_open(int(note.read_text()))
    os.kill(engine, signal.SIGKILL)
    os.waitpid(engine, 0)
    poll = select.poll()
    poll.register(check, select.POLLIN)
    ended = poll.poll(10_000)
    os.close(check)
    assert ended


async def _start_and_hang(action: Run) -> None:
    Processes(lambda _, __: None, lambda _: None).start(action)
    await asyncio.sleep(60)
