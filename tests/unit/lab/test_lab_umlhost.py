"""Whether User Mode Linux runs on this host is found out once, and why not is said."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from initpy.lab import umlhost, xstate
from initpy.lab.errors import LabError


@pytest.fixture
def kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A kernel's place, and a cache and a memory of its own."""
    path = tmp_path / "linux.uml"
    monkeypatch.setattr(umlhost, "LINUX_UML", path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(xstate, "preloaded", list)
    umlhost._problem.cache_clear()
    yield path
    umlhost._problem.cache_clear()


def says(kernel: Path, script: str) -> None:
    kernel.write_text(f"#!/bin/sh\necho >> {kernel}.runs\n{script}\n")
    kernel.chmod(0o755)


def test_a_host_without_it_is_told_how_to_get_it(kernel: Path) -> None:
    assert not kernel.exists()
    assert "make setup" in umlhost.problem()


def test_the_last_words_of_its_kernel_are_the_reason(kernel: Path) -> None:
    says(kernel, "echo Core dump limits; echo 'ptrace set fp regs failed, errno = 14';"
         "echo 'Kernel panic - not syncing'; echo 'Call Trace:'; exit 134")  # fmt: skip
    assert umlhost.problem() == "ptrace set fp regs failed, errno = 14"
    with pytest.raises(LabError, match=r"errno = 14\n  or boot in QEMU"):
        umlhost.require()


def test_a_kernel_that_ends_before_it_starts_is_the_reason(kernel: Path) -> None:
    says(kernel, "echo 'check_ptrace : expected SIGSTOP'; exit 1")
    assert umlhost.problem() == "check_ptrace : expected SIGSTOP"


def test_one_trial_serves_all_that_follow(kernel: Path) -> None:
    says(kernel, f"echo '{umlhost._REACHED}'")
    for _ in range(3):
        umlhost._problem.cache_clear()  # as another process
        assert umlhost.problem() == ""
    assert Path(f"{kernel}.runs").read_text() == "\n"


def test_memory_that_may_not_hold_programs_is_not_used(
    kernel: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = os.statvfs("/")

    def about(flags: int, free: int) -> None:
        fields = [1, 1, *real[2:4], free, *real[5:8], flags, real[9]]
        monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result(fields))

    about(0, 4 << 30)
    assert not any(word.startswith("TMPDIR=") for word in umlhost.environment())
    for flags, free in ((os.ST_NOEXEC, 4 << 30), (0, 64 << 20)):
        about(flags, free)
        assert any(word.startswith("TMPDIR=") for word in umlhost.environment())
