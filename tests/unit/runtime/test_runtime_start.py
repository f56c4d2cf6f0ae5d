"""The engine's process ends when the engine's work is done, whatever has not ended (R5)."""

import asyncio
import contextlib
import os
import select
import time
from collections.abc import Coroutine
from pathlib import Path

import pytest

from initpy.runtime.aside import Aside
from initpy.runtime.start import run_alone


async def _nothing() -> None:
    return


async def _deaf_task() -> None:
    while True:
        with contextlib.suppress(asyncio.CancelledError):
            await asyncio.sleep(60)


async def _has_a_deaf_task() -> None:
    task = asyncio.get_running_loop().create_task(_deaf_task())
    await asyncio.sleep(0)
    assert not task.done()


async def _has_a_thread() -> None:
    """asyncio.run waits for the threads of `to_thread` for ever."""
    asyncio.get_running_loop().run_in_executor(None, time.sleep, 60)
    await asyncio.sleep(0.05)


async def _has_a_program() -> None:
    await asyncio.create_subprocess_exec("/bin/sh", "-c", "trap '' TERM; sleep 3")


async def _has_a_child() -> None:
    Aside().ask("hangs", lambda: time.sleep(60))
    await asyncio.sleep(0.05)


@pytest.mark.parametrize(
    "work", [_nothing, _has_a_deaf_task, _has_a_thread, _has_a_program, _has_a_child]
)
def test_the_end_waits_for_nothing(work: object) -> None:
    assert callable(work)
    pid = os.fork()
    if pid == 0:
        _end_with(work())
    end = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(end, select.POLLIN)
    ended = poll.poll(5_000)
    os.close(end)
    if not ended:
        os.kill(pid, 9)
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def _end_with(work: Coroutine[object, object, None]) -> None:
    """As supervisor's child does it."""
    status = 70
    try:
        run_alone(work)
        status = 0
    finally:
        os._exit(status)


def test_a_bug_in_a_callback_ends_the_process(tmp_path: Path) -> None:
    """R5: the supervisor starts another engine."""

    async def work() -> None:
        asyncio.get_running_loop().call_soon(lambda: {}["bug"])  # type: ignore[index]
        await asyncio.sleep(60)

    pid = os.fork()
    if pid == 0:
        said = os.open(tmp_path / "said", os.O_WRONLY | os.O_CREAT)
        os.dup2(said, 2)
        _end_with(work())
    _, status = os.waitpid(pid, 0)
    assert os.waitstatus_to_exitcode(status) == 70
    assert "the engine has failed" in (tmp_path / "said").read_text()
