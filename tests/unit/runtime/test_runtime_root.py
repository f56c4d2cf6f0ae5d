"""What the runtime reads for the root: superblocks, fstab, firmware variables; overlays."""

import asyncio
import errno
import os
import stat
from pathlib import Path

import pytest

from initpy.config.discoverable import ROOT_TYPES
from initpy.core.actions import Changes
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.settings import Settings
from initpy.runtime import btrfs, discoverable, mounts, overlays, syscalls
from initpy.runtime.aside import Aside

VARIABLE = "LoaderDevicePartUUID-4a67b082-0a4c-41cf-b6c7-440b29bb8c4f"


def test_a_btrfs_superblock_tells_how_many_devices_there_are(tmp_path: Path) -> None:
    block = bytearray(0x1000)
    block[0x40:0x48] = b"_BHRfS_M"
    block[0x88] = 3
    block[0xC9] = 2
    disk = tmp_path / "disk"
    disk.write_bytes(bytes(0x10000) + bytes(block))
    assert btrfs.facts(str(disk)) == {"btrfs/num_devices": "3", "btrfs/devid": "2"}
    disk.write_bytes(bytes(0x11000))
    assert btrfs.facts(str(disk)) == {}
    assert btrfs.facts(str(tmp_path / "none")) == {}


def test_the_boot_loader_s_partition_is_read_from_the_firmware(tmp_path: Path) -> None:
    assert discoverable.booted_partition(str(tmp_path / "none")) is None
    (tmp_path / VARIABLE).write_bytes(b"\6\0\0\0" + "ABCD-12\0".encode("utf-16-le"))
    assert discoverable.booted_partition(str(tmp_path)) == "abcd-12"


def complete(settings: Settings) -> Settings:
    async def run() -> Settings:
        return await discoverable.complete(settings, Aside())

    return asyncio.run(run())


def test_only_gpt_auto_needs_to_know_the_machine() -> None:
    named = Settings(root=DeviceSpec(Naming.LABEL, "r"))
    assert complete(named) is named
    auto = complete(Settings(root=DeviceSpec(Naming.GPT_AUTO, "")))
    assert auto.root is not None
    assert auto.root.value == ROOT_TYPES.get(os.uname().machine, "unknown")


def test_the_root_s_fstab_is_read_through_links_inside_the_root(tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    etc.mkdir()
    complaints: list[object] = []
    assert mounts.read_fstab(str(tmp_path)) is None
    (etc / "table").write_text("LABEL=u /usr ext4 ro\nnonsense /usr/x none x-initrd.mount\n")
    (etc / "fstab").symlink_to("/etc/table")
    table = mounts.read_fstab(str(tmp_path))
    assert table is not None
    found = mounts.extra_mounts(table, complaints.append)
    assert [each.target for each in found] == ["/usr"]
    assert len(complaints) == 1


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[tuple[object, ...]]:
    """The mount(2) calls; nothing is mounted before them."""
    made: list[tuple[object, ...]] = []
    monkeypatch.setattr(syscalls, "mount", lambda *words: made.append(words))
    monkeypatch.setattr(overlays, "mounted_at", lambda _: None)
    for name in ("BELOW", "CHANGES", "DEVICE", "MEMORY", "NEW", "UPPER", "WORK", "EARLIER", "BASE"):
        monkeypatch.setattr(overlays, name, str(tmp_path / name.lower()))
    return made


def test_a_root_with_an_overlay_is_mounted_in_three_steps(
    calls: list[tuple[object, ...]], tmp_path: Path
) -> None:
    target = str(tmp_path / "root")
    memory = Changes("", "tmpfs", ("size=32M",))
    done = overlays.mount_root("/dev/vda", target, ("squashfs",), ("rw", "noatime"), memory)
    assert done == (0, "")
    assert [(call[0], call[2]) for call in calls] == [
        ("/dev/vda", "squashfs"), ("tmpfs", "tmpfs"), ("overlay", "overlay"),
    ]  # fmt: skip
    assert calls[0][3] == syscalls.MS_RDONLY | syscalls.MS_NOATIME
    assert calls[1][4] == "mode=755,size=32M"
    assert (tmp_path / "changes/upper").is_dir()
    assert (tmp_path / "upper").resolve() == (tmp_path / "memory/upper").resolve()


def test_the_root_of_an_overlay_has_the_mode_of_root(
    calls: list[tuple[object, ...]], tmp_path: Path
) -> None:
    """With less, no user but root could enter any folder."""
    (tmp_path / "below").mkdir()
    (tmp_path / "below").chmod(0o751)
    before = os.umask(0o177)
    try:
        memory = Changes("", "tmpfs")
        done = overlays.mount_root("/dev/vda", str(tmp_path / "root"), ("ext4",), (), memory)
    finally:
        os.umask(before)
    assert done == (0, "")
    assert stat.S_IMODE((tmp_path / "memory/upper").stat().st_mode) == 0o751


@pytest.mark.parametrize(
    ("present", "reset", "upper", "kept"),
    [
        ((), False, "upper", False),
        (("overlay", "ovlwork"), False, "overlay", True),
        (("overlay", "upper"), False, "upper", True),
        (("overlay",), True, "overlay", False),
    ],
)
def test_changes_on_a_device_are_where_dracut_or_initpy_has_put_them(
    calls: list[tuple[object, ...]],
    tmp_path: Path,
    present: tuple[str, ...],
    reset: bool,
    upper: str,
    kept: bool,
) -> None:
    for name in present:
        (tmp_path / "device" / name).mkdir(parents=True)
        (tmp_path / "device" / name / "file").touch()
    disk = Changes("/dev/vdb", "ext4", reset=reset)
    assert overlays.mount_root("/dev/vda", str(tmp_path / "root"), ("ext4",), (), disk) == (0, "")
    assert [call[0] for call in calls] == ["/dev/vda", "/dev/vdb", "overlay"]
    assert f"upperdir={tmp_path}/changes/{upper}," in str(calls[2][4])
    assert (tmp_path / "device" / upper / "file").exists() is kept


def test_changes_that_are_to_be_read_only_are_below_those_in_memory(
    calls: list[tuple[object, ...]], tmp_path: Path
) -> None:
    (tmp_path / "device/overlay").mkdir(parents=True)
    disk = Changes("/dev/vdb", "ext4", readonly=True)
    assert overlays.mount_root("/dev/vda", str(tmp_path / "root"), ("ext4",), (), disk) == (0, "")
    assert [call[0] for call in calls] == ["/dev/vda", "/dev/vdb", "tmpfs", "overlay"]
    assert calls[1][3] == syscalls.MS_RDONLY
    assert f"lowerdir={tmp_path}/earlier:{tmp_path}/below," in str(calls[3][4])
    assert f"upperdir={tmp_path}/changes/upper," in str(calls[3][4])
    assert (tmp_path / "changes").resolve() == (tmp_path / "memory").resolve()


def test_of_a_volatile_root_only_usr_is_seen(
    calls: list[tuple[object, ...]], tmp_path: Path
) -> None:
    memory, target = Changes("", "tmpfs", usr_only=True), str(tmp_path / "root")
    status, error = overlays.mount_root("/dev/vda", target, ("ext4",), (), memory)
    assert (status, "no /usr/lib" in error) == (errno.ENOENT, True)
    (tmp_path / "below/usr/lib").mkdir(parents=True)
    del calls[:]
    assert overlays.mount_root("/dev/vda", target, ("ext4",), (), memory) == (0, "")
    assert [(call[0], call[1]) for call in calls] == [
        ("/dev/vda", f"{tmp_path}/below"),
        ("tmpfs", f"{tmp_path}/new"),
        (f"{tmp_path}/below/usr", f"{tmp_path}/new/usr"),
        (f"{tmp_path}/new", target),
    ]
    assert (tmp_path / "new/lib").is_symlink()


def test_a_device_that_cannot_be_written_is_mounted_read_only(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tried = []

    def mount(_: str, target: str, __: str, flags: int, ___: str) -> None:
        tried.append(flags)
        if not flags & syscalls.MS_RDONLY:
            raise OSError(errno.EROFS, "read-only", target)

    monkeypatch.setattr(syscalls, "mount", mount)
    done = mounts.mount_first("/dev/sr0", str(tmp_path / "root"), ("iso9660",), ("rw",))
    assert done == (0, "")
    assert tried == [0, syscalls.MS_RDONLY]
