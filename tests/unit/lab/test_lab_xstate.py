"""User Mode Linux may set a part of a process's registers: the rest gets initial values."""

import subprocess
import sys
from pathlib import Path

import pytest

from initpy.lab import xstate
from initpy.lab.errors import LabError

# Stops a process of its own, and prints what ptrace(2) says of a part of its registers.
ASKED = """
import ctypes, os, signal
libc = ctypes.CDLL(None, use_errno=True)
class Area(ctypes.Structure):
    _fields_ = [("base", ctypes.c_void_p), ("size", ctypes.c_size_t)]
child = os.fork()
if not child:
    libc.ptrace(0, 0, None, None)
    os.kill(os.getpid(), signal.SIGSTOP)
    os._exit(7)
os.waitpid(child, 0)
part = ctypes.create_string_buffer(1088)  # without AVX-512 and all after it
area = Area(ctypes.addressof(part), len(part))
kind = ctypes.c_void_p(0x202)
got = libc.ptrace(0x4204, child, kind, ctypes.byref(area))
size = area.size
area.size = len(part)
put = libc.ptrace(0x4205, child, kind, ctypes.byref(area))
libc.ptrace(7, child, None, None)
print(got, size, put, os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def _processors(path: Path, flags: str) -> Path:
    path.write_text(f"processor\t: 0\nflags\t\t: fpu {flags} avx\n")
    return path


def test_a_processor_with_more_registers_is_known_by_its_flag(tmp_path: Path) -> None:
    assert xstate.needs_help(_processors(tmp_path / "new", "amx_tile"))
    assert not xstate.needs_help(_processors(tmp_path / "old", "amx_tile_2"))


def test_a_part_of_the_registers_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xstate, "needs_help", lambda: True)
    done = subprocess.run(
        ["env", *xstate.preloaded(), sys.executable, "-c", ASKED],
        capture_output=True,
        text=True,
        check=True,
    )
    got, size, put, ended = map(int, done.stdout.split())
    assert (got, put, ended) == (0, 0, 7)
    assert size <= 1088


def test_without_a_compiler_it_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(xstate, "needs_help", lambda: True)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(LabError, match=r"no gcc\n  try: apt-get install gcc"):
        xstate.preloaded()


def test_a_compiler_that_fails_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    compiler = tmp_path / "gcc"
    compiler.write_text("#!/bin/sh\necho no dlfcn.h >&2; exit 1\n")
    compiler.chmod(0o755)
    monkeypatch.setattr(xstate, "needs_help", lambda: True)
    monkeypatch.setattr(xstate, "_COMPILER", str(compiler))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(LabError, match=r"output: no dlfcn.h"):
        xstate.preloaded()
