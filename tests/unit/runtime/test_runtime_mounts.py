"""Mount options as mount(2) wants them, and errors in words that help."""

import errno
from pathlib import Path

import pytest

from initpy.runtime import syscalls as sys
from initpy.runtime.mounts import explain_failure, flags_and_data, mount_first, mounted_at


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
        ("_netdev,nofail,auto,user", 0, ""),
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
