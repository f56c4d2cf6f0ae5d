"""Folders that QEMU shares with the machine."""

from pathlib import Path

from initpy.lab.shares import SharedFolder, words


def test_only_virtiofs_needs_memory_that_another_process_can_use(tmp_path: Path) -> None:
    nine = SharedFolder("9p", "system", tmp_path)
    assert "mount_tag=system" in " ".join(words([nine], tmp_path, 512))
    assert "memfd" not in " ".join(words([nine], tmp_path, 512))
    both = words([nine, SharedFolder("virtiofs", "home", tmp_path)], tmp_path, 512)
    assert "vhost-user-fs-pci,chardev=share1,tag=home" in both
    assert "memory-backend-memfd,id=memory,size=512M,share=on" in both
    assert words([], tmp_path, 512) == []
