"""Mount options as mount(2) wants them, and errors in words that help."""

import errno
import random
import subprocess
from pathlib import Path
from sys import executable

import namespaces
import pytest

from initpy.runtime import syscalls as sys
from initpy.runtime.mounts import (
    FLAGS,
    IGNORED,
    explain_failure,
    flags_and_data,
    mount_first,
    mounted_at,
)


@pytest.mark.parametrize(
    ("options", "flags", "data"),
    [
        ("", 0, ""),
        ("ro", sys.MS_RDONLY, ""),
        ("rw", 0, ""),
        ("ro,rw", 0, ""),  # the last one wins
        ("rw,ro", sys.MS_RDONLY, ""),
        ("defaults,noatime", sys.MS_NOATIME, ""),
        ("noatime,atime", 0, ""),
        ("nosuid,nodev,noexec,suid", sys.MS_NODEV | sys.MS_NOEXEC, ""),
        ("subvol=@,compress=zstd", 0, "subvol=@,compress=zstd"),
        ("errors=remount-ro,ro", sys.MS_RDONLY, "errors=remount-ro"),
        ("_netdev,nofail,auto,nouser", 0, ""),
        # mount(8): where users may mount it, they may run nothing on it as somebody else.
        ("user", sys.MS_NOEXEC | sys.MS_NOSUID | sys.MS_NODEV, ""),
        ("users,exec,dev", sys.MS_NOSUID, ""),
        ("suid,owner", sys.MS_NOSUID | sys.MS_NODEV, ""),
        ("group,suid,ro", sys.MS_NODEV | sys.MS_RDONLY, ""),
        # libmount without SELinux's policy; the kernel refuses them then.
        ("context=u:r:t,ro", sys.MS_RDONLY, ""),
        ('rootcontext="u:r:t:c0,c1",subvol=@,seclabel', 0, "subvol=@"),
        ("uhelper=udisks2,helper=ntfs,shared,fail", 0, ""),
        ("iversion,nosymfollow,loud", sys.MS_I_VERSION | sys.MS_NOSYMFOLLOW, ""),
        ("strictatime,nostrictatime,iversion,noiversion,silent,loud,mand,nomand", 0, ""),
        # Comments for others, that kernel file systems refuse.
        ("x-systemd.device-timeout=0,noatime", sys.MS_NOATIME, ""),
        ("x-initrd.mount,X-mount.mkdir,comment=mine,data=journal", 0, "data=journal"),
    ],
)
def test_options_become_flags_and_data(options: str, flags: int, data: str) -> None:
    """R18: rootflags."""
    assert flags_and_data(tuple(options.split(","))) == (flags, data)


# Of several words for the times of access, mount(8) takes the last only since 2.39.
OPTIONS = (
    *(each for each in FLAGS if "time" not in each), "noatime", "size=1m", "nr_inodes=99",
    *sorted({*IGNORED}.difference(("fail", "loop"))), "mode=755", "comment=a", "x-a", "X-b=c",
    "context=x", "uhelper=x", "",
)  # fmt: skip
PROBE = """
from initpy.runtime import mounts, syscalls
import sys
for number, line in enumerate(sys.stdin.read().split("\\n")):
    flags, data = mounts.flags_and_data(tuple(line.split(",")))
    syscalls.mount("none", f"{sys.argv[1]}/ours{number}", "tmpfs", flags, data)
"""
SCRIPT = (
    'n=0; while read -r line; do mkdir "$1/ours$n" "$1/theirs$n"; '
    'mount -t tmpfs -o "$line" none "$1/theirs$n" || exit; n=$((n + 1)); done < "$1/lines"; '
    '"$2" -c "$3" "$1" < "$1/lines" && cat /proc/self/mountinfo'
)


def test_random_options_are_those_of_mount_8(tmp_path: Path) -> None:
    chance = random.Random(18)
    lines = [",".join(chance.choices(OPTIONS, k=chance.randint(1, 5))) for _ in range(60)]
    (tmp_path / "lines").write_text("\n".join(lines) + "\n")
    # The last line, which is empty, is one for ours alone.
    (tmp_path / "ours60").mkdir()
    command = namespaces.command(SCRIPT, str(tmp_path), executable, PROBE)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode and "unshare" in done.stderr:
        pytest.skip("needs namespaces to mount in")
    found: dict[str, set[str]] = {}
    for line in done.stdout.splitlines():
        before, _, after = line.partition(" - ")
        words = before.split()
        if words[4].startswith(f"{tmp_path}/"):
            found[Path(words[4]).name] = {words[5], *after.split()[2].split(",")}
    assert len(found) == 121, done.stderr
    for number, options in enumerate(lines):
        assert found[f"ours{number}"] == found[f"theirs{number}"], options


class Kernel:
    """mount(2) that accepts one type and remembers what it was asked."""

    def __init__(self, accepts: str, number: int = errno.EINVAL) -> None:
        self.accepts, self.number = accepts, number
        self.asked: list[str] = []

    def mount(self, source: str, target: str, kind: str, flags: int = 0, data: str = "") -> None:
        self.asked.append(kind)
        if kind != self.accepts:
            raise OSError(self.number, "no", target)


def attempt(
    kernel: Kernel, monkeypatch: pytest.MonkeyPatch, target: Path, types: tuple[str, ...]
) -> tuple[int, str]:
    """Mount with the fake kernel."""
    monkeypatch.setattr(sys, "mount", kernel.mount)
    return mount_first("/dev/sda", str(target), types, ("ro",))


def test_the_first_type_that_works_is_taken(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    kernel = Kernel("xfs")
    done = attempt(kernel, monkeypatch, tmp_path / "sysroot", ("ext4", "xfs", "btrfs"))
    assert (done, kernel.asked) == ((0, ""), ["ext4", "xfs"])


def test_when_none_works_the_last_error_is_told(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    number, message = attempt(Kernel("none", errno.ENODEV), monkeypatch, tmp_path, ("a", "b"))
    assert number == errno.ENODEV
    assert message == "b: the kernel has no driver for b (is its module in the image?)"


@pytest.mark.parametrize("types", [(), ("",)])
def test_without_a_type_the_cure_is_named(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, types: tuple[str, ...]
) -> None:
    number, message = attempt(Kernel("x"), monkeypatch, tmp_path, types)
    assert number != 0
    assert "rootfstype= may name one" in message


@pytest.mark.parametrize(
    ("number", "data", "words"),
    [
        (errno.EINVAL, "", "not a valid ext4 file system (see dmesg)"),
        (errno.EINVAL, "subvol=@", "an option it does not know among 'subvol=@'"),
        (errno.EBUSY, "", "in use by another layer"),
        (errno.EIO, "", "Input/output error"),
    ],
)
def test_an_error_is_told_in_words_that_help(number: int, data: str, words: str) -> None:
    assert words in explain_failure(number, "ext4", data)


def test_what_is_mounted_is_known() -> None:
    assert mounted_at("/proc") == "proc"
    assert mounted_at("/no/such/mount") is None


def test_an_error_of_the_kernel_names_the_target() -> None:
    with pytest.raises(OSError, match="/nowhere") as error:
        sys.umount("/nowhere")
    assert error.value.errno in (errno.ENOENT, errno.EINVAL, errno.EPERM)


def test_options_that_are_no_text_reach_the_kernel_as_they_are() -> None:
    """A stray byte in rootflags= must be an error of the mount, not of the engine."""
    with pytest.raises(OSError, match="/nowhere"):
        sys.mount("none", "/nowhere", "no\udcfftype", 0, "subvol=\udcff")
