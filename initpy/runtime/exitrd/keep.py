"""Leave the exitrd in /run/initramfs at the handover: what a process has loaded that can run it.

A child imports it and copies the files that it has imported and mapped, so that the list cannot be
wrong. The program to run comes last: without it, systemd-shutdown ends the machine by itself.
"""

import os
import select
import shutil
import signal
import sys
import time
from collections.abc import Sequence

from initpy.core.shutdown.declared import DeclaredLayer
from initpy.runtime.children import say
from initpy.runtime.exitrd import declared, programs

FOLDER = "/run/initramfs"
PROGRAM = "/shutdown"
# Seconds. Nothing in it waits for a device or a server; it takes one or two seconds of an emulated
# processor, of which a busy machine may give it little.
LIMIT = 60.0
# In kB: with less available memory than this many times its size, nothing is kept.
SPARE = 8
LINKED = ("/usr/lib64", "/usr/lib")  # ELF names its loader by a path in these
WITHOUT = ("/dev/", "/proc/", "/sys/", "/run/")


def keep(layers: Sequence[DeclaredLayer] = (), folder: str = FOLDER) -> bool:
    """Fill the folder; True if it can be run. A failure costs the way back only.

    `layers`: those that job files declare, with the programs that take them down.
    """
    try:
        ours, theirs = os.pipe2(os.O_CLOEXEC)
    except OSError as error:
        say(f"no way back at shutdown: {error.strerror}")
        return False
    try:
        pid = os.fork()
    except OSError as error:
        os.close(ours)
        os.close(theirs)
        say(f"no way back at shutdown: {error.strerror}")
        return False
    if pid == 0:
        status = 1
        try:
            _fill(folder, layers)
            status = 0
        except BaseException as error:  # noqa: BLE001 the boot goes on
            say(f"no way back at shutdown: {error}")
        finally:
            os._exit(status)
    os.close(theirs)
    in_time = _has_ended(ours, LIMIT)
    os.close(ours)
    if in_time:
        done = os.waitpid(pid, 0)[1] == 0
    else:
        done = False
        os.kill(pid, signal.SIGKILL)
        say(f"no way back at shutdown: it was not made within {LIMIT:.0f} s")
    if not done:
        remove(folder)
    return done


def _has_ended(end: int, limit: float) -> bool:
    """Wait until the child, which alone has the other end of this pipe, is no more.

    False if that takes more than `limit` seconds. Waiting costs no processor: the child needs it.
    """
    until = time.monotonic() + limit
    poll = select.poll()
    poll.register(end, select.POLLIN)
    while (left := until - time.monotonic()) > 0:
        if poll.poll(left * 1000):
            return True
    return False


def remove(folder: str = FOLDER) -> None:
    """Take away what cannot be run. What others have left in the folder stays."""
    for name in ("usr", "lib", "lib64", "bin", PROGRAM.strip("/")):
        path = f"{folder}/{name}"
        if os.path.islink(path) or os.path.isfile(path):
            os.unlink(path)
        else:
            shutil.rmtree(path, ignore_errors=True)


def _fill(folder: str, layers: Sequence[DeclaredLayer]) -> None:
    from initpy.runtime.exitrd import main  # noqa: F401 for what it loads

    names = {each.run[0] for each in layers} | programs.monitors()
    files = sorted(loaded().union(*map(programs.files_of, names)))
    size = sum(os.path.getsize(each) for each in files) // 1024
    available = _available()
    if available < SPARE * size:
        raise OSError(f"{available} kB of memory are available, and it takes {size} kB")
    for each in files:
        _copy(each, folder)
    for link, target in sorted(links(files)):
        path = f"{folder}{link}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if not os.path.lexists(path):
            os.symlink(target, path)
    if layers:
        os.makedirs(os.path.dirname(f"{folder}{declared.FILE}"), exist_ok=True)
        with open(f"{folder}{declared.FILE}", "wb") as packed:
            packed.write(declared.packed(layers))
    version = f"{sys.version_info.major}.{sys.version_info.minor}"
    text = f"#!/usr/bin/python{version} -ISB\nfrom initpy.runtime.exitrd.main import main\nmain()\n"
    with open(f"{folder}{PROGRAM}.new", "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o755)
        file.write(text)
    os.rename(f"{folder}{PROGRAM}.new", f"{folder}{PROGRAM}")


def loaded() -> set[str]:
    """Return the files that this process has mapped or imported, without links in their paths."""
    found = {os.path.realpath(sys.executable or "/proc/self/exe")}
    with open("/proc/self/maps", encoding="utf-8", errors="surrogateescape") as lines:
        for line in lines:
            path = line.rstrip("\n").split(maxsplit=5)[5:]
            if path and path[0].startswith("/") and not path[0].endswith("(deleted)"):
                found.add(path[0])
    for module in tuple(sys.modules.values()):
        cached = getattr(getattr(module, "__spec__", None), "cached", None)
        for file in (getattr(module, "__file__", None), cached):
            if file and os.path.isfile(file):
                found.add(os.path.realpath(file))
    # By this file the interpreter knows its library; the module itself is frozen.
    library = os.path.dirname(os.path.realpath(os.__file__)) if hasattr(os, "__file__") else ""
    found.update(f"{library}/{name}" for name in ("os.pyc", "os.py"))
    return {each for each in found if os.path.isfile(each) and not each.startswith(WITHOUT)}


def links(files: list[str]) -> set[tuple[str, str]]:
    """Return the links that lead to these files from their folders, and those of the merged /usr.

    Programs name libraries and their loader by such links.
    """
    kept, numbers = set(files), set(map(_number, files))
    found = {(f"/{name}", f"usr/{name}") for name in ("bin", "lib", "lib64")}
    for folder in {*LINKED, *(os.path.dirname(each) for each in files)}:
        try:
            entries = list(os.scandir(folder))
        except OSError:
            continue
        for each in entries:
            # A path takes many system calls to resolve, and there are a thousand links.
            if not each.is_symlink() or _number(each.path) not in numbers:
                continue
            if os.path.realpath(each.path) in kept:
                found.add((each.path, os.readlink(each.path)))
    return found


def _number(path: str) -> tuple[int, int] | None:
    """What tells a file from others, whatever its path; None if there is none."""
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _copy(path: str, folder: str) -> None:
    target = f"{folder}{path}"
    os.makedirs(os.path.dirname(target), exist_ok=True)
    with open(path, "rb") as source, open(target, "wb") as copy:
        os.fchmod(copy.fileno(), os.fstat(source.fileno()).st_mode & 0o777)
        while os.sendfile(copy.fileno(), source.fileno(), None, 1 << 22):
            pass


def _available() -> int:
    """Return MemAvailable in kB (proc(5)); a kernel that does not tell has enough."""
    with open("/proc/meminfo", encoding="ascii") as lines:
        for line in lines:
            if line.startswith("MemAvailable:"):
                return int(line.split()[1])
    return 1 << 30
