"""What the runtime reads for the root: superblocks, fstab, firmware variables; overlays."""

import asyncio
import errno
import os
from pathlib import Path

import pytest

from initpy.config.discoverable import ROOT_TYPES
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.settings import Settings
from initpy.runtime import btrfs, discoverable, mounts, syscalls
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
    monkeypatch.setattr(mounts, "mounted_at", lambda _: None)
    monkeypatch.setattr(mounts, "BELOW", str(tmp_path / "below"))
    monkeypatch.setattr(mounts, "CHANGES", str(tmp_path / "changes"))
    return made


def test_a_root_with_an_overlay_is_mounted_in_three_steps(
    calls: list[tuple[object, ...]], tmp_path: Path
) -> None:
    target = str(tmp_path / "root")
    done = mounts.mount_root("/dev/vda", target, ("squashfs",), ("rw", "noatime"), ("", "tmpfs"))
    assert done == (0, "")
    assert [(call[0], call[2]) for call in calls] == [
        ("/dev/vda", "squashfs"), ("tmpfs", "tmpfs"), ("overlay", "overlay"),
    ]  # fmt: skip
    assert calls[0][3] == syscalls.MS_RDONLY | syscalls.MS_NOATIME
    assert (tmp_path / "changes/upper").is_dir()


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
