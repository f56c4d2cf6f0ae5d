"""Folders of the host that QEMU shares with the machine: 9p by itself, virtiofs by virtiofsd.

The content is that of a disk of the scenario; debugfs copies it out of the file system.
"""

import os
import shlex
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from initpy.image.process import run
from initpy.lab.errors import LabError
from initpy.scenario.servers import Share

# Debian 13's is written in Rust, Debian 12's is part of QEMU.
_RUST, _OLD = "/usr/libexec/virtiofsd", "/usr/lib/qemu/virtiofsd"
_PATIENCE = 10.0  # seconds


@dataclass(frozen=True, slots=True)
class SharedFolder:
    """A folder, and how the machine knows it."""

    kind: str
    tag: str
    folder: Path


def shared_folder(share: Share, disk: Path) -> SharedFolder:
    """Copy a file system out of its disk, next to it."""
    folder = disk.with_suffix(".shared")
    folder.mkdir()
    run(["debugfs", "-R", f"rdump / {folder}", str(disk)], hint="apt-get install e2fsprogs")
    return SharedFolder(share.kind, share.tag, folder)


def words(shares: Iterable[SharedFolder], folder: Path, memory: int) -> list[str]:
    """Return QEMU's arguments; `folder` holds the sockets, `memory` is the machine's in MiB."""
    found: list[str] = []
    for number, each in enumerate(shares):
        if each.kind == "9p":
            found += [
                "-fsdev", f"local,id=share{number},path={each.folder},security_model=none",
                "-device", f"virtio-9p-pci,fsdev=share{number},mount_tag={each.tag}",
            ]  # fmt: skip
            continue
        found += [
            "-chardev", f"socket,id=share{number},path={_socket(folder, number)}",
            "-device", f"vhost-user-fs-pci,chardev=share{number},tag={each.tag}",
        ]  # fmt: skip
    if any(each.kind == "virtiofs" for each in shares):
        # virtiofsd reads and writes the machine's memory.
        found += ["-object", f"memory-backend-memfd,id=memory,size={memory}M,share=on",
                  "-machine", "memory-backend=memory"]  # fmt: skip
    return found


class ShareServers:
    """The daemons of virtiofs; `close` ends them. They end with this process, too."""

    def __init__(self, shares: Iterable[SharedFolder], folder: Path) -> None:
        self._running: list[subprocess.Popen[bytes]] = []
        for number, each in enumerate(shares):
            if each.kind == "virtiofs":
                self._start(each, _socket(folder, number))

    def _start(self, share: SharedFolder, socket: Path) -> None:
        if os.access(_RUST, os.X_OK):
            command = [_RUST, f"--shared-dir={share.folder}", "--sandbox=chroot"]
        elif os.access(_OLD, os.X_OK):
            command = [_OLD, "-o", f"source={share.folder}", "-o", "sandbox=chroot"]
        else:
            raise LabError("virtiofsd is not installed\n  try: apt-get install virtiofsd")
        argv = ["setpriv", "--pdeathsig", "KILL", *command, f"--socket-path={socket}"]
        log = socket.with_suffix(".log")
        with log.open("wb") as output:
            process = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        self._running.append(process)
        limit = time.monotonic() + _PATIENCE
        while not socket.exists():
            if process.poll() is not None or time.monotonic() > limit:
                self.close()
                said = log.read_text(errors="replace").strip()
                raise LabError(f"virtiofsd does not start: {said}\n  try: {shlex.join(argv)}")
            time.sleep(0.02)

    def close(self) -> None:
        """End all."""
        for each in self._running:
            with suppress(ProcessLookupError):
                each.kill()
            each.wait()


def _socket(folder: Path, number: int) -> Path:
    return folder / f"share{number}"
