"""Finds out with a bounded trial how User Mode Linux runs on this host, and caches the answer.

It needs ptrace(2), memory that may hold programs, and a processor whose registers it knows
(xstate.c). Containers and hosts of clouds often lack one of these.
"""

import os
import shutil
import subprocess
from functools import cache
from pathlib import Path

from initpy.image.formats import cpio
from initpy.image.formats.elf import read_elf
from initpy.image.tree import Entry, File, Folder
from initpy.lab import xstate
from initpy.lab.cache import cache_folder, locked
from initpy.lab.errors import LabError
from initpy.lab.kernels import LINUX_UML

_BOUND = 20  # seconds; it takes a third of one
_SHARED = Path("/dev/shm")
_ENOUGH = 2 << 30  # bytes free: memory of two machines; Docker's /dev/shm has 64 MiB
_REACHED = "the first process runs"
_HELP = "\n  or boot in QEMU, which is slower: initpy boot --machine qemu"


def require() -> None:
    """Raise LabError if User Mode Linux does not run on this host."""
    if why := problem():
        raise LabError(f"User Mode Linux does not run on this host: {why}{_HELP}")


def problem() -> str:
    """Return why User Mode Linux does not run on this host; "" if it does."""
    if not LINUX_UML.exists():
        return f"there is no {LINUX_UML} (make setup installs it)"
    # The answer is valid until the host reboots, for this user and this memory.
    session = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return _problem(session, os.geteuid(), _memory_folder(), LINUX_UML)


@cache
def _problem(session: str, user: int, memory: str, kernel: Path) -> str:
    known = f"{session} {user} {memory or '-'} {kernel} {kernel.stat().st_mtime_ns}"
    answer = cache_folder() / "uml-trial"
    with locked("uml-trial"):
        lines = answer.read_text().splitlines() if answer.exists() else []
        if lines[:1] != [known]:
            try:
                lines = [known, _trial()]
            except LabError as error:  # of the help that it needs here
                return str(error)
            answer.write_text("\n".join(lines) + "\n")
    return "".join(lines[1:])


def own_processes() -> list[str]:
    """Return the words before a command whose processes are to end with it."""
    user = [] if os.geteuid() == 0 else ["--user", "--map-root-user"]
    return ["unshare", *user, "--pid", "--fork", "--kill-child"]


def environment() -> list[str]:
    """Return the words before User Mode Linux's command line: what it needs on this host.

    Raises LabError if the library that helps it cannot be compiled.
    """
    memory = _memory_folder()
    return [
        # Its memory is a file in one of these folders, or in the faster /dev/shm.
        "env", "--unset=TMP", "--unset=TMPDIR", "--unset=TEMP",
        *([f"TMPDIR={memory}"] if memory else []), *xstate.preloaded(),
    ]  # fmt: skip


def _memory_folder() -> str:
    """Return the folder for machines' memory, "" for /dev/shm."""
    try:
        about = os.statvfs(_SHARED)
    except OSError:
        return str(cache_folder("uml"))
    enough = about.f_bavail * about.f_frsize >= _ENOUGH
    return "" if enough and not about.f_flag & os.ST_NOEXEC else str(cache_folder("uml"))


def _trial() -> str:
    """Let a machine run one process; return why it could not, "" if it could."""
    busybox = shutil.which("busybox")
    if busybox is None or ((elf := read_elf(Path(busybox))) and elf.interpreter):
        return ""  # nothing to try it with
    script = f'#!/busybox sh\necho "{_REACHED}"\n'.encode()
    files: dict[str, bytes | Entry] = {
        "/dev": Folder(0o755),
        "/busybox": File(Path(busybox).read_bytes(), 0o755),
        "/trial": File(script, 0o755),
    }
    initrd = cache_folder("uml") / f"trial-{os.getpid()}"
    initrd.write_bytes(cpio.segment(files))
    words = [
        # Process 1 of a namespace cannot kill itself with a signal, as this kernel does at its end.
        *own_processes(), "sh", "-c", '"$@"; :', "sh",
        *environment(), str(LINUX_UML), "mem=64M", f"initrd={initrd}", "rdinit=/trial",
        "con=null", "con0=null,fd:1", "ssl=null", "initcall_blacklist=raid6_select_algo",
    ]  # fmt: skip
    try:
        done = subprocess.run(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
            timeout=_BOUND, check=False,
        )  # fmt: skip
        said = done.stdout.decode(errors="replace")
    except subprocess.TimeoutExpired:
        return f"its first process did not run within {_BOUND} s"
    finally:
        initrd.unlink()
    return "" if _REACHED in said else _reason(said)


def _reason(said: str) -> str:
    """Return the line of a kernel's last words that says most."""
    found = panic(said)
    if found:
        return found[0].strip()
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return lines[-1] if lines else "it ended without a word"


def panic(said: str) -> list[str]:
    """Return a kernel's line before its panic, and the panic; nothing if it had none."""
    lines = [line for line in said.splitlines() if line.strip()]
    place = next((place for place, line in enumerate(lines) if "Kernel panic" in line), None)
    return lines[max(0, place - 1) : place + 1] if place is not None else []
