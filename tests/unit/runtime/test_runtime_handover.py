"""Handing over: the real init is found inside the root; memory is freed and nothing else."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from initpy.runtime import handover, syscalls
from initpy.runtime.handover import INITS, NoInitError, awaits_checks, find_init, resolve


def program(root: Path, path: str, mode: int = 0o755) -> Path:
    """A file inside the root."""
    file = root / path.lstrip("/")
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("#!/bin/sh\n")
    file.chmod(mode)
    return file


def link(root: Path, path: str, target: str) -> None:
    """A link inside the root."""
    place = root / path.lstrip("/")
    place.parent.mkdir(parents=True, exist_ok=True)
    place.symlink_to(target)


@pytest.mark.parametrize("path", INITS)
def test_the_inits_that_the_kernel_tries_are_found(tmp_path: Path, path: str) -> None:
    """R18: `init=` with the fallback list."""
    program(tmp_path, path)
    assert find_init(str(tmp_path), None) == (path, "")


def test_the_first_of_several_is_taken(tmp_path: Path) -> None:
    program(tmp_path, "/bin/sh")
    program(tmp_path, "/etc/init")
    assert find_init(str(tmp_path), None) == ("/etc/init", "")


def test_the_one_asked_for_comes_before_them(tmp_path: Path) -> None:
    program(tmp_path, "/sbin/init")
    program(tmp_path, "/opt/init")
    assert find_init(str(tmp_path), "/opt/init") == ("/opt/init", "")


@pytest.mark.parametrize("wrong", ["missing", "folder", "not executable", "dangling link"])
def test_one_that_cannot_be_run_is_complained_about_and_replaced(
    tmp_path: Path, wrong: str
) -> None:
    program(tmp_path, "/sbin/init")
    if wrong == "folder":
        (tmp_path / "opt").mkdir()
    elif wrong == "not executable":
        program(tmp_path, "/opt", 0o644)
    elif wrong == "dangling link":
        link(tmp_path, "/opt", "/nowhere")
    assert find_init(str(tmp_path), "/opt") == (
        "/sbin/init",
        "init=/opt is not an executable file on the root file system",
    )


def test_a_root_without_an_init_is_refused_with_what_was_tried(tmp_path: Path) -> None:
    with pytest.raises(NoInitError) as error:
        find_init(str(tmp_path), "/opt/init")
    assert str(error.value) == (
        "init=/opt/init is not an executable file on the root file system; "
        "no init among /sbin/init, /etc/init, /bin/init, /bin/sh on the root"
    )


@pytest.mark.parametrize(
    "target", ["/lib/systemd/systemd", "../lib/systemd/systemd", "/../lib/./systemd//systemd"]
)
def test_a_link_is_followed_inside_the_root(tmp_path: Path, target: str) -> None:
    """/sbin/init -> /lib/systemd/systemd is not our own /lib."""
    root = tmp_path / "sysroot"
    program(root, "/usr/lib/systemd/systemd")
    link(root, "/lib", "usr/lib")
    link(root, "/sbin", "/usr/sbin")
    link(root, "/usr/sbin/init", target if target[0] == "/" else f"../{target}")
    assert find_init(str(root), None) == ("/sbin/init", "")
    assert resolve(str(root), "/sbin/init") == f"{root}/usr/lib/systemd/systemd"


def test_a_link_cannot_lead_out_of_the_root(tmp_path: Path) -> None:
    root = tmp_path / "sysroot"
    outside = program(tmp_path, "/outside")
    link(root, "/sbin/init", "../../../../outside")
    link(root, "/etc/init", str(outside))
    with pytest.raises(NoInitError):
        find_init(str(root), None)


def test_links_in_a_circle_lead_nowhere(tmp_path: Path) -> None:
    link(tmp_path, "/sbin/init", "/sbin/init")
    link(tmp_path, "/etc/init", "/bin/init")
    link(tmp_path, "/bin/init", "../etc/init")
    program(tmp_path, "/bin/sh")
    assert find_init(str(tmp_path), None) == ("/bin/sh", "")


# Freeing the memory of the initramfs. /dev/shm is a tmpfs of its own.

SHM = Path("/dev/shm")
needs_tmpfs = pytest.mark.skipif(
    not SHM.is_dir() or SHM.stat().st_dev == Path("/").stat().st_dev, reason="no tmpfs"
)


def delete(folder: Path) -> None:
    handover._delete_tree(os.open(folder, os.O_RDONLY | os.O_DIRECTORY))


@needs_tmpfs
def test_files_in_memory_are_deleted(tmp_path: Path) -> None:
    tree = SHM / f"initpy-test-{os.getpid()}"
    precious = program(tmp_path, "/precious")
    program(tree, "/usr/bin/python")
    link(tree, "/bin", str(tmp_path))
    os.mkfifo(tree / "fifo")
    try:
        delete(tree)
        assert list(tree.iterdir()) == []
        assert precious.exists()
    finally:
        subprocess.run(["rm", "-rf", tree], check=True)


def test_files_on_a_disk_are_not_deleted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the old root is no ramfs, deleting it would delete an installed system."""
    precious = program(tmp_path, "/precious")
    monkeypatch.setattr(syscalls, "file_system_type", lambda _: 0xEF53)  # ext4
    real = os.stat
    monkeypatch.setattr(
        os, "stat", lambda path, **how: real("/proc" if path == "/" else path, **how)
    )
    delete(tmp_path)
    assert precious.exists()


def test_the_type_of_a_file_system_is_the_kernels() -> None:
    with open("/proc/self/status", encoding="ascii") as file:
        assert syscalls.file_system_type(file.fileno()) == 0x9FA0  # PROC_SUPER_MAGIC


# Ending what runs, in a process namespace of its own.

SCENE = """
import os, subprocess, time
assert os.getpid() == 1
from initpy.runtime import handover, syscalls
handover.KILL_SECONDS = 0.3
def start(script):
    child = subprocess.Popen(["/bin/bash", "-c", script + "; :"], stdout=subprocess.PIPE)
    child.stdout.readline()
    return child.pid
plain = start("echo; sleep 60")
start("trap '' TERM; echo; while :; do sleep 0.1; done")  # has to be killed
start("trap 'sleep 60 & exit' TERM; echo; while :; do sleep 0.1; done")  # leaves a child
start("sleep 60 & echo")  # the child is about to run its program when it is looked at
daemon = start("echo; exec -a @mdmon sleep 60")
while not open(f"/proc/{daemon}/cmdline", "rb").read().startswith(b"@mdmon"):
    time.sleep(0.01)
started = time.monotonic()
left = handover.end_processes(plain)
took = time.monotonic() - started
stay = {int(each) for each in os.listdir("/proc") if each.isdecimal()}
print("RESULT", left, stay == {1, daemon}, took < 30)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a process namespace")
def test_every_process_ends_but_the_daemons_of_the_roots_storage() -> None:
    """R17, R21: whose name begins with "@", see ROOT_STORAGE_DAEMONS of systemd."""
    command = ["unshare", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child"]
    done = subprocess.run(
        [*command, sys.executable, "-c", SCENE], capture_output=True, text=True, timeout=20
    )
    if done.returncode and "Operation not permitted" in done.stderr:
        pytest.skip("no namespaces here")
    assert "RESULT [] True True" in done.stdout, done.stderr


UDEVD = """
import os, subprocess, sys, time
from initpy.runtime import handover
# A daemon whose worker is at a program of a rule: it ends when that has said what it had to say.
script = '''
    (trap : TERM; sleep 0.5 && touch %s) & worker=$!
    trap 'until wait $worker; do :; done; exit' TERM
    echo
    wait
'''
daemon = subprocess.Popen(["/bin/bash", "-c", script % sys.argv[1]], stdout=subprocess.PIPE)
daemon.stdout.readline()
time.sleep(0.1)
print("RESULT", handover.end_processes(daemon.pid))
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root for a process namespace")
def test_what_udevd_has_begun_is_finished(tmp_path: Path) -> None:
    """R21: the programs of its rules are not ended beneath it."""
    command = ["unshare", "--pid", "--mount", "--fork", "--mount-proc", "--kill-child"]
    said = tmp_path / "said"
    done = subprocess.run(
        [*command, sys.executable, "-c", UDEVD, str(said)],
        capture_output=True, text=True, timeout=20,
    )  # fmt: skip
    if done.returncode and "Operation not permitted" in done.stderr:
        pytest.skip("no namespaces here")
    assert "RESULT []" in done.stdout, done.stderr
    assert said.exists()


def test_systemd_learns_when_the_initramfs_began(tmp_path: Path) -> None:
    """R21: `systemd-analyze` shows the time in the initramfs."""
    program(tmp_path, "/usr/lib/systemd/systemd")
    (tmp_path / "init").symlink_to("usr/lib/systemd/systemd")
    started = time.monotonic() - 5.0
    *words, number = handover.words_for(str(tmp_path / "init"), started)
    assert words == ["--switched-root", "--system", "--deserialize"]
    assert os.get_inheritable(int(number))
    with os.fdopen(int(number), encoding="ascii") as state:
        name, _, stamps = state.read().strip().partition("=")
    realtime, monotonic = map(int, stamps.split())
    assert (name, monotonic) == ("initrd-timestamp", int(started * 1e6))
    assert abs(time.time() - 5.0 - realtime / 1e6) < 1.0


@pytest.mark.parametrize("path", ["/sbin/init", "/bin/sh", "/usr/lib/systemd/systemd-nspawn"])
def test_other_inits_get_the_kernels_arguments_alone(tmp_path: Path, path: str) -> None:
    file = program(tmp_path, path)
    assert handover.words_for(str(file), time.monotonic()) == []


def systemd_root(folder: Path, *without: str) -> str:
    """A root whose init is systemd, without some of its programs."""
    programs = {
        "/usr/lib/systemd/systemd", "/usr/lib/systemd/systemd-fsck", "/usr/bin/dash",
        "/usr/bin/flock",
    }  # fmt: skip
    for each in programs - {*without}:
        path = folder / each.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(0o755)
    for link, target in (
        ("lib", "usr/lib"), ("bin", "usr/bin"), ("sbin", "usr/bin"),
        ("usr/bin/sh", "dash"), ("usr/bin/init", "/lib/systemd/systemd"),
    ):  # fmt: skip
        (folder / link).symlink_to(target)
    return str(folder)


def test_r19_systemd_awaits_checks(tmp_path: Path) -> None:
    root = systemd_root(tmp_path)
    assert awaits_checks(root, None)
    assert not awaits_checks(root, "/bin/sh")


@pytest.mark.parametrize("path", ["systemd/systemd-fsck", "flock", "dash", "systemd/systemd"])
def test_without_its_programs_it_does_not(tmp_path: Path, path: str) -> None:
    folder = "/usr/lib" if "/" in path else "/usr/bin"
    assert not awaits_checks(systemd_root(tmp_path, f"{folder}/{path}"), None)


def test_a_root_without_an_init_awaits_nothing(tmp_path: Path) -> None:
    assert not awaits_checks(str(tmp_path), None)
