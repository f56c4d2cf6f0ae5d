"""The set-up names no release of Debian, and asks the system where releases differ (R38)."""

import os
import platform
import re
import subprocess
from pathlib import Path

import pytest

from initpy.lab import images

PROJECT = Path(__file__).parents[2]
# Packages that every Debian has.
ESSENTIAL = {"libc6", "util-linux"}


def listed() -> set[str]:
    """The names and patterns of qemu/packages."""
    lines = (PROJECT / "qemu/packages").read_text(encoding="utf-8").splitlines()
    return {line.split()[0] for line in lines if line and not line.startswith("#")}


class Machine:
    """A machine whose package tools are scripts of the test; it has no network and no cache."""

    def __init__(self, folder: Path) -> None:
        self.tools, self.cache = folder / "tools", folder / "cache"
        self.tools.mkdir()
        self.tool("id", "echo 1000")
        self.tool("dpkg", "echo amd64")

    def tool(self, name: str, script: str) -> None:
        """Put a program before the machine's own."""
        (self.tools / name).write_text(f"#!/bin/sh\n{script}\n")
        (self.tools / name).chmod(0o755)

    def run(self, script: str, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a script of the set-up there."""
        path = f"{self.tools}:{os.environ['PATH']}"
        return subprocess.run(
            [PROJECT / "qemu" / script, *words],
            env={"PATH": path, "HOME": "/root", "XDG_CACHE_HOME": str(self.cache), **environment},
            capture_output=True,
            text=True,
            check=False,
        )

    def missing(self, *installed: str) -> list[str]:
        """The packages that `make setup` asks a user to install."""
        self.tool("dpkg-query", "\n".join(f"echo 'installed {name}'" for name in installed))
        done = self.run("setup.sh")
        assert done.returncode == 1
        return done.stderr.partition("--no-install-recommends ")[2].split()


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_no_package_is_named_by_a_version() -> None:
    names = {name.partition("[")[0] for name in listed()}
    assert not [name for name in names if re.search(r"t64|python3\.|-\d|tss2.*\d$", name)]


def test_setup_installs_every_package_whose_version_the_lab_asks_for() -> None:
    named = {*images._PACKAGES, *images._OF_OWN_JOBS}
    assert named - ESSENTIAL <= listed()


def test_the_lab_knows_the_version_of_the_interpreter_in_the_image() -> None:
    major, minor, _ = platform.python_version_tuple()
    assert f"python{major}.{minor}-minimal" in images.tool_versions()


@pytest.mark.parametrize(
    "libraries",
    [
        ("libtss2-esys-3.0.2-0", "libtss2-mu0", "libtss2-rc0", "libtss2-tcti-swtpm0"),
        (
            "libtss2-esys-3.0.2-0t64",
            "libtss2-mu-4.0.1-0t64",
            "libtss2-rc0t64",
            "libtss2-tcti-swtpm0t64",
        ),
    ],
    ids=["12", "13"],
)
def test_libraries_are_known_by_the_name_that_either_debian_gives_them(
    machine: Machine, libraries: tuple[str, ...]
) -> None:
    plain = [name for name in listed() if "tss2" not in name and name != "lzop"]
    assert machine.missing(*plain, *libraries) == ["lzop"]
    assert machine.missing(*plain, *libraries[1:]) == ["lzop", "libtss2-esys-[0-9]*"]


def test_a_package_of_another_architecture_is_not_asked_for(machine: Machine) -> None:
    assert "user-mode-linux" in machine.missing()
    machine.tool("dpkg", "echo arm64")
    assert "user-mode-linux" not in machine.missing()


def build(machine: Machine, kind: str, **environment: str) -> list[str]:
    """Make a Debian with tools that make none; the words that mmdebstrap was given."""
    machine.tool("id", "echo 0")
    machine.tool("unshare", 'while [ "$1" != mmdebstrap ]; do shift; done; exec "$@"')
    machine.tool(
        "mmdebstrap",
        f'printf "%s\\n" "$@" >{machine.cache}/words\n'
        f'mkdir "$(echo {machine.cache}/initpy/debian/.new.*)/root"',
    )
    done = machine.run("debian.sh", kind, **environment)
    assert done.returncode == 0, done.stderr
    folder = machine.run("debian.sh", "--print", kind, **environment).stdout.strip()
    assert Path(folder).is_dir()
    return (machine.cache / "words").read_text().splitlines()


APT = """case "$*" in
*'Label: Debian'*) echo http://mirror.example/debian/ ;;
esac"""


def test_a_debian_comes_from_the_mirror_that_apt_uses(machine: Machine) -> None:
    machine.tool("apt-get", APT)
    source = build(machine, "debian-12")[-1]
    assert source.endswith("] http://mirror.example/debian/ bookworm main")


def test_a_list_of_mirrors_is_read(machine: Machine) -> None:
    """Debian's images for clouds name their mirrors in a file."""
    mirrors = machine.tools / "debian.list"
    mirrors.write_text("# near\nhttps://mirror.example/debian\tpriority:1\nhttps://b.example/\n")
    machine.tool("apt-get", f"echo mirror+file://{mirrors}/")
    assert build(machine, "debian-12")[-1].endswith("] https://mirror.example/debian bookworm main")


def test_lists_are_fetched_where_apt_has_none(machine: Machine) -> None:
    """Containers come without lists."""
    lists = machine.tools / "lists"
    machine.tool(
        "apt-get", f'case "$*" in *update) touch {lists} ;; esac\n[ -e {lists} ] || exit 0\n{APT}'
    )
    assert "http://mirror.example/debian/" in build(machine, "debian-12")[-1]


def test_a_user_names_another_mirror(machine: Machine) -> None:
    machine.tool("apt-get", APT)
    words = build(machine, "debian-12", INITPY_DEBIAN_MIRROR="http://near.example/debian")
    assert words[-1].endswith("] http://near.example/debian bookworm main")


def test_the_other_debian_has_all_that_setup_installs(machine: Machine) -> None:
    machine.tool("apt-get", APT)
    words = build(machine, "other")
    included = next(word for word in words if word.startswith("--include="))
    start = words.index(included)
    more = words[start + 1 : words.index('--customize-hook="$script" --finish "$kind" "$1"')]
    assert {included.partition("=")[2], *more} == listed()


def test_a_user_without_root_is_told_what_is_skipped(machine: Machine) -> None:
    done = machine.run("debian.sh", "other")
    assert done.returncode == 0
    assert "only root can create the other Debian" in done.stderr


def test_a_user_without_root_is_told_what_does_not_run_in_the_other_debian(
    machine: Machine,
) -> None:
    done = machine.run("other-debian.sh")
    assert done.returncode == 0
    lines = done.stdout.splitlines()
    assert "only root can mount another Debian" in lines[0]
    assert [line.split()[0] for line in lines[1:]] == ["lint", "types", "unit", "boots"]
    assert not machine.cache.exists()
