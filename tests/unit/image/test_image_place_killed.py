"""An installation killed at any moment leaves the complete old or new image (R29)."""

import multiprocessing
import os
import random
import signal
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from fake_modules import VERSION, make_modules

from initpy.image.build.build import build
from initpy.image.build.place import UNFINISHED, claim, previous
from initpy.image.build.request import BuildRequest

# A fork has all modules loaded, so the kill hits the work and not the imports.
FORK = multiprocessing.get_context("fork")


def requests(folder: Path) -> list[BuildRequest]:
    """Return two requests for the same image with different content."""
    modules = make_modules(folder / "kernel", [("kernel/drivers/md/raid1.ko", "")])
    found = []
    for name in ("first", "second"):
        file = folder / name
        file.write_bytes(random.Random(name).randbytes(300_000))
        found.append(
            BuildRequest(
                kernel=VERSION,
                modules=modules,
                output=folder / "boot/image",
                jobs=(),
                programs=("/bin/true",),
                drivers=("raid1",),
                files=((file, "/etc/content"),),
                init=b"#!/bin/true\n",
                python=False,
                level=1,
            )
        )
    (folder / "boot").mkdir()
    return found


def finished(folder: Path, builds: list[BuildRequest]) -> list[bytes]:
    """Return the bytes of undisturbed builds, which are reproducible."""
    found = []
    for number, each in enumerate(builds):
        quiet = replace(each, output=folder / f"undisturbed-{number}")
        build(quiet)
        found.append(quiet.output.read_bytes())
    return found


def keep_installing(builds: list[BuildRequest]) -> None:
    while True:
        for each in builds:
            build(each, keep=2)


def test_killed_at_fifty_random_moments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # Killed builds leave their folders in the test's folder.
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    monkeypatch.setattr(tempfile, "tempdir", None)
    builds = requests(tmp_path)
    whole = finished(tmp_path, builds)
    output = builds[0].output
    chance = random.Random(20)
    started = time.monotonic()
    build(builds[0], keep=2)
    length = time.monotonic() - started
    unfinished = 0
    for _ in range(50):
        child = FORK.Process(target=keep_installing, args=(builds,))
        child.start()
        time.sleep(chance.uniform(0, 1.2 * length))
        assert child.is_alive()
        child.kill()
        child.join()
        unfinished += (output.parent / f".{output.name}{UNFINISHED}").exists()
        assert output.read_bytes() in whole
        assert all(path.read_bytes() in whole for path in previous(output))
    # Otherwise the moments test nothing.
    assert unfinished > 5
    build(builds[0], keep=2)
    build(builds[1], keep=2)
    # No file stays; the number of previous images depends on the last kill.
    names = {path.name for path in output.parent.iterdir()}
    assert {"image", "image.old"} <= names <= {"image", "image.old", "image.old.2"}


STEPS = [(Path, "replace"), (Path, "hardlink_to"), (Path, "unlink"), (os, "fsync"), (os, "fchmod")]


@pytest.mark.parametrize("links", [True, False], ids=["ext4", "vfat"])
def test_killed_before_each_step_of_replacing_an_image(tmp_path: Path, links: bool) -> None:
    output = tmp_path / "image"
    for number in count():
        for path in tmp_path.iterdir():
            path.unlink()
        for name, content in (("image.old.2", b"1"), ("image.old", b"2"), ("image", b"3")):
            (tmp_path / name).write_bytes(content)
        child = FORK.Process(target=put_and_die, args=(output, number, links))
        child.start()
        child.join()
        assert output.read_bytes() in (b"3", b"4")
        assert all(path.read_bytes() in (b"1", b"2", b"3") for path in previous(output))
        if child.exitcode == 0:
            break
        assert child.exitcode == -signal.SIGKILL
        child = FORK.Process(target=put_and_die, args=(output, -1, links, b"5"))
        child.start()
        child.join()
        now = [path.read_bytes() for path in (output, *previous(output))]
        # What no run has put out is still there, and nothing else.
        assert now[0] == b"5"
        assert now[1] in (b"3", b"4")
        assert now == sorted(now, reverse=True)
        assert len({*now}) == 3
        assert len([*tmp_path.iterdir()]) == 3
    assert number > 5
    contents = [path.read_bytes() for path in (output, *previous(output))]
    assert contents == [b"4", b"3", b"2"]


def put_and_die(output: Path, number: int, links: bool, content: bytes = b"4") -> None:
    """Install an image, and die before one of the steps that change the folder (none: -1)."""
    taken = count()

    def fatal(step: Callable[..., Any]) -> Callable[..., Any]:
        def stepping(*arguments: Any, **named: Any) -> Any:
            if next(taken) == number:
                os.kill(os.getpid(), signal.SIGKILL)
            return step(*arguments, **named)

        return stepping

    def no_links(*_: object) -> None:
        raise PermissionError

    for owner, name in STEPS:
        setattr(owner, name, fatal(getattr(owner, name)))
    if not links:
        Path.hardlink_to = no_links  # type: ignore[method-assign,assignment]
    with claim(output) as here:
        here.file.write(content)
        here.put_in_place(0o644, keep=2)
