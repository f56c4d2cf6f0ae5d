"""A small Debian to install kernels in: `make setup` keeps one, an overlay takes the changes.

The mounts are in a name space that ends with its holder, and the holder ends when the test's
process does, whatever ends that: nothing is left mounted.
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

# Arguments: the Debian, a folder to mount things on, one that is /mnt there.
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
    """A Debian of one's own. `shared` is its /mnt."""

    holder: int
    root: Path
    shared: Path

    def run(self, *command: str, accept: int | None = 0, **environment: str) -> "Done":
        """Run a command there; `accept` is the exit status it must have, if any."""
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
        """Put a file there."""
        (self.shared / ".new").write_text(content)
        self.run("install", "-D", "-m", "0644", "/mnt/.new", path)

    def names(self, folder: str) -> list[str]:
        """What a folder there holds, hidden names too."""
        return sorted(self.run("ls", "-A", folder).output.split())

    def exists(self, path: str) -> bool:
        return self.run("test", "-e", path, accept=None).status == 0


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    status: int
    output: str
    errors: str

    def __str__(self) -> str:
        return f"exit status {self.status}\n{self.output}\n{self.errors}"


def debian() -> Path:
    """The cached Debian's folder, which need not exist."""
    script = PROJECT / "qemu/debian.sh"
    return Path(subprocess.check_output([script, "--print", "hooks"], text=True).strip())


def for_one_test(work: Path) -> Iterator[Chroot]:
    """The body of a fixture: a Debian with initpy installed, or a skipped test without root."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount a Debian and change to it")
    assert debian().is_dir(), "`make setup` makes the Debian for these tests"
    with opened(work) as found:
        yield found


@contextmanager
def opened(work: Path) -> Iterator[Chroot]:
    """A Debian with this initpy installed in it, gone with all changes when the block ends."""
    mounts, shared = work / "mounts", work / "shared"
    mounts.mkdir()
    shared.mkdir()
    command = ["unshare", "--mount", "sh", "-c", HOLD, "hold", str(debian())]
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
