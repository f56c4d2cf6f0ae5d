"""Calls that may never return are made by children: the loop goes on, nothing piles up (R5)."""

import asyncio
import errno
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from initpy.core.secret import Secret
from initpy.runtime.aside import Answer, Aside, answered_within


def play(scene: Callable[[Aside], Awaitable[None]]) -> None:
    """Play a scene with a loop that is not to be blocked for a moment."""

    async def run() -> None:
        await asyncio.wait_for(scene(Aside()), 20)

    asyncio.run(run())


def read(path: Path) -> Callable[[], str]:
    """Read a file. Opening a FIFO without a writer hangs, like a read from a dead disk."""
    return lambda: path.read_text()


@pytest.fixture
def silent(tmp_path: Path) -> Path:
    """What open(2) hangs at."""
    os.mkfifo(tmp_path / "silent")
    return tmp_path / "silent"


@pytest.fixture(autouse=True)
def reaped() -> Iterator[None]:
    """The loop of a scene may end before its children: the next scene counts its own.

    Children of earlier tests are none of this one's: the tracker of a pool of processes lives as
    long as the tests do.
    """
    before = set(children())
    yield
    for pid in set(children()) - before:
        os.kill(int(pid), signal.SIGKILL)
        os.waitpid(int(pid), 0)


def children() -> list[str]:
    """The process numbers of the children that there are."""
    return Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()


def test_what_a_call_returns_is_the_answer() -> None:
    async def scene(aside: Aside) -> None:
        value = {"a": [1, None, "\udcff"], "pid": os.getpid()}
        answer = await aside.ask("key", lambda: {**value, "pid": os.getpid()})
        assert answer.value["a"] == value["a"]
        assert answer.value["pid"] != os.getpid()
        assert not aside.open("key")

    play(scene)


def test_a_call_that_does_not_return_costs_nothing_but_its_answer(silent: Path) -> None:
    """Fault 3: open(2) of a device that does not answer."""

    async def scene(aside: Aside) -> None:
        started = time.monotonic()
        hangs, other = aside.ask("hangs", read(silent)), aside.ask("other", lambda: 1)
        assert (await other).value == 1
        assert not await answered_within(0.1, hangs)
        assert time.monotonic() - started < 30
        aside.stop("hangs")
        assert (await hangs).error == "it was stopped"

    play(scene)


def test_one_of_many_that_hangs_leaves_the_others_alone(silent: Path, tmp_path: Path) -> None:
    (tmp_path / "disk").write_text("content")
    paths = {"gone": tmp_path / "gone", "silent": silent, "disk": tmp_path / "disk"}

    async def scene(aside: Aside) -> None:
        answers = aside.ask_all({key: read(path) for key, path in paths.items()}, limit=0.6)
        assert await answers["disk"] == Answer("content")
        assert await answers["gone"] == Answer(error="No such file or directory")
        assert aside.open("silent")
        assert (await answers["silent"]).error == "no answer within 1 s"

    play(scene)


def test_many_are_asked_at_the_same_time() -> None:
    async def scene(aside: Aside) -> None:
        started = time.monotonic()
        answers = aside.ask_all({f"{n}": lambda: time.sleep(0.3) for n in range(50)})
        assert await answered_within(10, *answers.values())
        assert time.monotonic() - started < 14

    play(scene)


def test_a_second_caller_shares_the_answer_and_no_child_is_added(silent: Path) -> None:
    """A user who types `initpy status` again and again must not fill the machine."""

    async def scene(aside: Aside) -> None:
        before = children()
        first = aside.ask("silent", read(silent))
        for _ in range(10):
            assert aside.ask("silent", read(silent)) is first
        assert len(children()) == len(before) + 1
        silent.write_text("awake")
        assert await first == Answer("awake")
        # Answered, it may be asked anew.
        assert await aside.ask("silent", lambda: 2) == Answer(2)

    play(scene)


def test_children_that_have_ended_are_reaped() -> None:
    async def scene(aside: Aside) -> None:
        before = set(children())
        await aside.ask("key", lambda: 1)
        while set(children()) - before:
            await asyncio.sleep(0.01)

    play(scene)


def test_a_secret_comes_as_one_and_through_nothing_but_the_pipe() -> None:
    """R14."""

    async def scene(aside: Aside) -> None:
        key = bytes(range(256)) * 1000
        answer = await aside.ask("key", lambda: Secret(key))
        assert answer.secret is not None
        assert bytes(answer.secret.reveal()) == key
        assert "\\x01" not in repr(answer)

    play(scene)


def test_a_child_that_dies_is_an_answer() -> None:
    async def scene(aside: Aside) -> None:
        answer = await aside.ask("key", lambda: os.kill(os.getpid(), signal.SIGSEGV))
        assert "has ended (killed by signal 11)" in answer.error

    play(scene)


def test_a_bug_in_a_child_is_shown_and_ends_nothing_else(
    capfd: pytest.CaptureFixture[str],
) -> None:
    def bug() -> None:
        raise KeyError("bug")

    async def scene(aside: Aside) -> None:
        assert "exit status 70" in (await aside.ask("key", bug)).error

    play(scene)
    assert "KeyError: 'bug'" in capfd.readouterr().err


def test_without_memory_for_a_process_there_is_an_answer_all_the_same(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def no_memory() -> int:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))

    async def scene(aside: Aside) -> None:
        before = os.listdir("/proc/self/fd")  # noqa: PTH208
        monkeypatch.setattr(os, "fork", no_memory)
        answer = await aside.ask("key", lambda: 1, 0.2)
        assert answer.error == "no process to read with: Cannot allocate memory"
        assert os.listdir("/proc/self/fd") == before  # noqa: PTH208

    play(scene)


def test_a_call_is_made_once_there_is_room_for_a_process(monkeypatch: pytest.MonkeyPatch) -> None:
    fork, left = os.fork, [3]

    def at_last() -> int:
        left[0] -= 1
        if left[0] >= 0:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        return fork()

    async def scene(aside: Aside) -> None:
        monkeypatch.setattr(os, "fork", at_last)
        stopped = aside.ask("other", lambda: 2)
        aside.stop("other")
        assert (await aside.ask("key", lambda: 1)).value == 1
        assert (await stopped).error == "it was stopped"

    play(scene)


def test_a_child_holds_nothing_of_the_engine_open() -> None:
    """The pipe to PID 1, say: a child that hangs outlives the engine."""

    async def scene(aside: Aside) -> None:
        reading, writing = os.pipe()
        os.set_inheritable(writing, True)
        assert _is_open(writing)
        assert (await aside.ask("key", lambda: _is_open(writing))).value is False
        os.close(reading)
        os.close(writing)

    play(scene)


def _is_open(descriptor: int) -> bool:
    return Path(f"/proc/self/fd/{descriptor}").is_symlink()


def test_a_child_ends_with_the_engine(silent: Path, tmp_path: Path) -> None:
    """R5: the engine that is started next must not meet it at the device."""
    note = tmp_path / "pid"

    def hang() -> None:
        note.write_text(f"{os.getpid()}\n")
        silent.read_text()

    async def engine_hangs() -> None:
        Aside().ask("key", hang)
        await asyncio.sleep(60)

    engine = os.fork()
    if engine == 0:
        asyncio.run(engine_hangs())
        os._exit(0)
    deadline = time.monotonic() + 10
    while not (note.exists() and note.read_text().strip()) and time.monotonic() < deadline:
        time.sleep(0.01)
    child = int(note.read_text())
    os.kill(engine, signal.SIGKILL)
    os.waitpid(engine, 0)
    while time.monotonic() < deadline and _runs(child):
        time.sleep(0.01)
    assert not _runs(child)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def test_what_a_child_has_started_ends_with_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"

    def start() -> None:
        import subprocess

        subprocess.run(["/bin/sh", "-c", f"echo $$ >{note}; exec sleep 60"], check=False)

    async def scene(aside: Aside) -> None:
        answer = aside.ask("key", start)
        while not (note.exists() and note.read_text().strip()):
            await asyncio.sleep(0.01)
        aside.stop("key")
        assert (await answer).error == "it was stopped"
        while _runs(int(note.read_text())):
            await asyncio.sleep(0.01)

    play(scene)
