"""Write the content of an image into a folder."""

import os
from pathlib import Path

from initpy.config.errors import InputError
from initpy.image.formats.archive import Archive
from initpy.image.tree import File, Folder, Link


def unpack(archive: Archive, folder: Path, *, devices: bool = False) -> None:
    """Write the image's content into a folder, which must be new or empty.

    It writes nothing outside the folder: paths of entries contain no links, and links are
    created last. It keeps no owners, set-uid bits or times. It creates device nodes only with
    `devices`, which needs privileges. Raises InputError for a folder that is not empty, OSError
    if writing fails.
    """
    if folder.is_symlink() or (folder.exists() and (not folder.is_dir() or any(folder.iterdir()))):
        raise InputError(str(folder), "something is there", "a folder that is new or empty")
    folder.mkdir(parents=True, exist_ok=True)
    later: list[tuple[Path, str]] = []
    modes: list[tuple[Path, int]] = []
    for path, entry in archive.items():
        target = folder / path.lstrip("/")
        match entry:
            case Folder(mode=mode):
                target.mkdir(exist_ok=True)
                modes.append((target, mode & 0o777))
            case File(mode=mode):
                target.write_bytes(entry.read())
                target.chmod(mode & 0o777)
            case Link(target=pointed):
                later.append((target, pointed))
            case _ if devices:
                os.mknod(target, entry.mode, os.makedev(entry.major, entry.minor))
    for target, pointed in later:
        target.symlink_to(pointed)
    for target, mode in reversed(modes):
        target.chmod(mode)
