"""Runs in a virtual machine, on a real vfat: installs images, is killed, fills it up.

Every line that it prints and that begins with FAILED is one; the last is DONE.
"""

import os
import shutil
import signal
import subprocess
from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

from initpy.image.build.output import explaining_full_disk
from initpy.image.build.place import Claim, NoSpaceError, claim, previous, remove

SIZE = 8 << 20
DISK = Path("/run/disk")
ESP = Path("/run/esp")
IMAGE = ESP / "initpy-6.1.0-56-amd64.img"
STEPS = [(Path, "replace"), (Path, "hardlink_to"), (Path, "unlink"), (os, "fsync"), (os, "fchmod")]
OLD, OLDER, NEW = b"3" * 500_000, b"2" * 400_000, b"4" * 600_000


def run(*command: str) -> None:
    subprocess.run(command, check=True)


def say(text: str) -> None:
    os.write(1, f"{text}\n".encode())


def expect(what: str, true: bool) -> None:
    say(f"{'ok' if true else 'FAILED'} {what}")


def fresh() -> None:
    """An empty vfat."""
    subprocess.run(["umount", str(ESP)], check=False, stderr=subprocess.DEVNULL)
    DISK.write_bytes(b"")
    os.truncate(DISK, SIZE)
    run("mkfs.vfat", str(DISK))
    run("mount", "-t", "vfat", "-o", "loop,umask=0022", str(DISK), str(ESP))


def put(content: bytes, mode: int = 0o644, keep: int = 1) -> tuple[str, ...]:
    with claim(IMAGE) as place:
        write(place, content)
        return place.put_in_place(mode, keep)


def write(place: Claim, content: bytes) -> None:
    with explaining_full_disk(place):
        place.file.write(content)
        place.file.flush()


def names() -> list[str]:
    return sorted(path.name for path in ESP.iterdir())


def after_power_loss() -> tuple[bytes, list[str]]:
    """The image, and the names, that are on the disk as it is now, without any sync."""
    shutil.copyfile(DISK, "/run/copy")
    Path("/run/seen").mkdir(exist_ok=True)
    run("mount", "-t", "vfat", "-o", "loop,ro", "/run/copy", "/run/seen")
    try:
        found = Path("/run/seen", IMAGE.name)
        data = found.read_bytes() if found.exists() else b"gone"
        return data, sorted(path.name for path in Path("/run/seen").iterdir())
    finally:
        run("umount", "/run/seen")


def put_and_die(number: int) -> None:
    """Install an image and be killed before one of the steps that change the folder."""
    taken = count()

    def fatal(step: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*arguments: Any, **named: Any) -> Any:
            if next(taken) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return step(*arguments, **named)

        return stepping

    for owner, name in STEPS:
        setattr(owner, name, fatal(getattr(owner, name)))
    put(NEW, keep=2)


def replacing() -> None:
    fresh()
    expect("nothing to tell of the first", put(OLDER) == ())
    expect("nothing to tell of the second", put(OLD) == ())
    expect("the new one is there", IMAGE.read_bytes() == OLD)
    expect("the previous one is kept", previous(IMAGE)[0].read_bytes() == OLDER)
    expect("and nothing else", names() == [IMAGE.name, f"{IMAGE.name}.old"])
    data, there = after_power_loss()
    say(f"on the disk: {data[:1]!r} {len(data)} {there}")
    expect("a loss of power after it", data == OLD and there == names())
    notes = put(NEW, mode=0o600)
    expect("a secret that all can read is told", "umask=0077" in "".join(notes))
    expect("removed, both", len(remove(IMAGE)) == 2 and names() == [])


def killed() -> None:
    for number in count():
        fresh()
        put(OLDER, keep=2)
        put(OLD, keep=2)
        child = os.fork()
        if child == 0:
            put_and_die(number)
            os._exit(0)
        status = os.waitpid(child, 0)[1]
        whole = IMAGE.read_bytes() in (OLD, NEW)
        kept = all(path.read_bytes() in (OLDER, OLD) for path in previous(IMAGE))
        expect(f"killed before step {number}", whole and kept)
        data, there = after_power_loss()
        say(f"on the disk: {data[:1]!r} {len(data)} {there}")
        expect(f"power lost at step {number}", data in (OLD, NEW))
        put(NEW, keep=2)
        expect("the next run cleans up", not any(name.startswith(".") for name in names()))
        if status == 0:
            break
    expect("there were steps", number > 5)


def full() -> None:
    fresh()
    put(OLD)
    before = names()
    try:
        put(b"x" * SIZE)
        expect("too much is refused", False)
    except NoSpaceError as error:
        expect("too much is refused", "has no room for the image" in str(error))
    expect("nothing is left behind", names() == before and IMAGE.read_bytes() == OLD)
    filler = ESP / "filler"
    try:
        with filler.open("wb") as file:
            while True:
                file.write(b"x" * 4096)
                file.flush()
    except OSError:
        pass
    try:
        put(NEW)
        expect("a full one is refused", False)
    except NoSpaceError:
        expect("a full one is refused", IMAGE.read_bytes() == OLD)
    filler.unlink()
    put(NEW)
    expect("with room again", IMAGE.read_bytes() == NEW)


def read_only() -> None:
    run("mount", "-o", "remount,ro", str(ESP))
    try:
        put(OLD)
        expect("a read-only one is refused", False)
    except ValueError as error:
        expect("a read-only one is refused", "Read-only file system" in str(error))
    run("mount", "-o", "remount,rw", str(ESP))


if __name__ == "__main__":
    ESP.mkdir()
    for part in (replacing, killed, full, read_only):
        try:
            part()
        except Exception as error:  # noqa: BLE001 - the machine's end is to say so
            say(f"FAILED {part.__name__} {error!r}")
    say("DONE")
