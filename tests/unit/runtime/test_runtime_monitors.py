"""Which process monitors a container of firmware RAID, and that its end is told."""

import asyncio
import subprocess
from pathlib import Path

from initpy.core.storage.md.firmware import is_containers
from initpy.runtime.monitors import Monitors, process_of


def started(words: str = "@mdmon") -> "subprocess.Popen[bytes]":
    """A process that is called so."""
    process = subprocess.Popen([words, "60"], executable="/bin/sleep")
    # The parent goes on before the kernel knows the words of the new program.
    while not Path(f"/proc/{process.pid}/cmdline").read_bytes():
        assert process.poll() is None
    return process


def told(folder: Path, number: int) -> str:
    """The file in which mdmon leaves its number."""
    (folder / "md127.pid").write_text(f"{number}\n")
    return f"{folder}/{{}}.pid"


def test_only_a_container_has_a_monitor() -> None:
    assert is_containers("external:ddf") and is_containers("external:imsm")
    for other in ("external:/md127/0", "external:-md127/0", "1.2", "0.90", ""):
        assert not is_containers(other), other


def test_a_living_monitor_is_found_by_the_file_that_it_leaves(tmp_path: Path) -> None:
    with started() as process:
        assert process_of("md127", told(tmp_path, process.pid)) == str(process.pid)
        process.kill()
        wait_until_dead(process.pid)
        assert process_of("md127", told(tmp_path, process.pid)) == ""  # nobody has awaited it


def wait_until_dead(number: int) -> None:
    while Path(f"/proc/{number}/cmdline").read_bytes():
        pass


def test_another_process_may_have_got_its_number(tmp_path: Path) -> None:
    with started("sleep") as process:
        assert process_of("md127", told(tmp_path, process.pid)) == ""
        process.kill()


def test_without_a_file_or_with_a_damaged_one_there_is_none(tmp_path: Path) -> None:
    assert process_of("md127", f"{tmp_path}/{{}}.pid") == ""
    for text in ("", "none", "-"):
        (tmp_path / "md127.pid").write_text(text)
        assert process_of("md127", f"{tmp_path}/{{}}.pid") == ""


def test_the_end_of_a_monitor_is_told_once() -> None:
    async def followed() -> list[str]:
        ended: list[str] = []
        monitors = Monitors(ended.append)
        with started() as process:
            for _ in range(3):
                monitors.follow("md127", str(process.pid))
            await asyncio.sleep(0.05)
            assert ended == []
            process.kill()
            while not ended:
                await asyncio.sleep(0.01)
        await asyncio.sleep(0.05)
        return ended

    assert asyncio.run(asyncio.wait_for(followed(), 20)) == ["md127"]


def test_the_end_of_a_monitor_between_two_looks_at_it_is_told() -> None:
    async def followed() -> list[str]:
        ended: list[str] = []
        with started() as process:
            process.kill()
        Monitors(ended.append).follow("md127", str(process.pid))
        assert ended == []  # the engine has not taken the device yet
        await asyncio.sleep(0.05)
        return ended

    assert asyncio.run(asyncio.wait_for(followed(), 20)) == ["md127"]
