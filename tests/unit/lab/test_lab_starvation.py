"""Time limits of boots do not count the time in which the host had no processor for the machine."""

import os
from pathlib import Path

import pytest

from initpy.lab.starvation import Starvation, run_delays


def stat(proc: Path, pid: int, delays: tuple[float, ...], children: str = "") -> None:
    """A process with a thread for each delay, in seconds; the first has the children."""
    for number, delay in enumerate(delays):
        task = proc / str(pid) / "task" / str(pid + number)
        task.mkdir(parents=True, exist_ok=True)
        (task / "schedstat").write_text(f"5 {delay * 1e9:.0f} 7\n")
        (task / "children").write_text("" if number else children)


def test_the_most_delayed_thread_counts_and_every_descendant(tmp_path: Path) -> None:
    stat(tmp_path, 10, (1.0, 4.0), "20 30 ")
    stat(tmp_path, 20, (2.0,))
    assert run_delays(10, tmp_path) == {10: 4.0, 20: 2.0, 30: 0.0}  # 30 has ended


def test_the_kernel_counts_for_this_process() -> None:
    assert run_delays(os.getpid())[os.getpid()] >= 0.0


def test_delays_of_processes_that_run_in_turn_add_up() -> None:
    readings = iter([{1: 3.0}, {1: 3.5, 2: 0.5}, {1: 4.5}])
    starvation = Starvation(1, 100.0, lambda _: next(readings))
    assert starvation.seconds(100.5) == 0.0
    assert starvation.seconds(102.0) == pytest.approx(1.0)
    assert starvation.seconds(104.0) == pytest.approx(2.0)


def test_a_guest_in_a_loop_meets_its_limit_in_the_end() -> None:
    total = iter(range(0, 100_000, 1000))
    starvation = Starvation(1, 0.0, lambda _: {1: float(next(total))})
    assert [round(now - starvation.seconds(now), 6) for now in (10.0, 20.0)] == [1.0, 2.0]
