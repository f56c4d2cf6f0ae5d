"""Chroots with a small Debian to install kernels in.

`make setup` caches the Debian; each test writes to an overlay. The holder process keeps the mount
namespace and ends with the test's process, even if that is killed: no mount stays.
"""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

PROJECT = Path(__file__).parents[2]

# Arguments: the cached Debian, a directory for the mounts, the directory to mount on /mnt.
HOLD = """
set -e
mount --make-rprivate /
mount -t tmpfs -o mode=0755 changes "$2"
mkdir "$2/upper" "$2/work" "$2/root"
mount -t overlay -o "lowerdir=$1,upperdir=$2/upper,workdir=$2/work" debian "$2/root"
mount -t proc proc "$2/root/proc"
mount --rbind /dev "$2/root/dev"
mount --bind "$3" "$2/root/mnt"
echo ready
cat
"""


@dataclass(frozen=True)
class Chroot:
    """A test's Debian. `shared` is its /mnt."""

    holder: int
    root: Path
    shared: Path

    def run(self, *command: str, accept: int | None = 0, **environment: str) -> "Done":
        """Run a command in the chroot; assert its exit status, unless accept is None."""
        clean = {"PATH": "/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C.UTF-8"}
        done = subprocess.run(
            ["nsenter", f"--mount=/proc/{self.holder}/ns/mnt", "chroot", str(self.root), *command],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            env={**clean, "DEBIAN_FRONTEND": "noninteractive", **environment},
        )
        result = Done(done.returncode, done.stdout, done.stderr)
        if accept is not None:
            assert done.returncode == accept, f"{command}: {result}"
        return result

    def write(self, path: str, content: str) -> None:
        """Write a file in the chroot."""
        (self.shared / ".new").write_text(content)
        self.run("install", "-D", "-m", "0644", "/mnt/.new", path)

    def names(self, folder: str) -> list[str]:
        """Return the names in a directory of the chroot, hidden names too."""
        return sorted(self.run("ls", "-A", folder).output.split())

    def exists(self, path: str) -> bool:
        return self.run("test", "-e", path, accept=None).status == 0


@dataclass(frozen=True)
class Done:
    """Exit status and output of a command."""

    status: int
    output: str
    errors: str

    def __str__(self) -> str:
        return f"exit status {self.status}\n{self.output}\n{self.errors}"


def debian() -> Path:
    """Return the directory of the cached Debian, which need not exist."""
    script = PROJECT / "qemu/debian.sh"
    return Path(subprocess.check_output([script, "--print", "debian-12"], text=True).strip())


def for_one_test(work: Path) -> Iterator[Chroot]:
    """Yield a Debian with initpy installed; skip the test without root. A fixture's body."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount and enter a chroot")
    assert debian().is_dir(), "no Debian for these tests: run `make setup`"
    with opened(work) as found:
        yield found


@contextmanager
def opened(work: Path, system: Path | None = None) -> Iterator[Chroot]:
    """Yield a Debian with this initpy installed; discard it with all changes afterwards.

    `system`: another one than the cached Debian 12.
    """
    mounts, shared = work / "mounts", work / "shared"
    mounts.mkdir()
    shared.mkdir()
    command = ["unshare", "--mount", "sh", "-c", HOLD, "hold", str(system or debian())]
    with subprocess.Popen(
        [*command, str(mounts), str(shared)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as holder:
        assert holder.stdin is not None and holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        chroot = Chroot(holder.pid, mounts / "root", shared)
        for name in ("initpy", "jobs", "rules", "build"):
            bytecode = shutil.ignore_patterns("__pycache__")
            shutil.copytree(PROJECT / name, shared / "checkout" / name, ignore=bytecode)
        chroot.run("/mnt/checkout/build/install.sh", "/usr/local")
        yield chroot
        holder.stdin.close()
