"""The contenders of the comparison: initpy and its peers, each with its images."""

import os
import sys
import time
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

from initpy import __version__
from initpy.config.project import PROJECT
from initpy.image.formats.archive import PLAIN, read_archive
from initpy.image.kernel.kmod import SUFFIXES
from initpy.image.process import ToolError, run
from initpy.lab.cache import cache_folder, locked
from initpy.lab.courses import NESTED
from initpy.lab.errors import LabError, Progress
from initpy.lab.images import image_under_test, recorded_stack
from initpy.lab.kernels import Kernel
from initpy.lab.peers import PEERS, Peer, PeerSystem, outdated, peer_system

INITPY = "initpy"
# Builds of initpy's image take about two seconds: take the median of several.
OWN_TIMES = 3


@dataclass(frozen=True, slots=True)
class Built:
    """An image and the time of its build; None if it came from the cache."""

    image: Path
    size: int
    compression: str
    seconds: float | None = None
    processor: float | None = None  # processor seconds


@dataclass(frozen=True, slots=True)
class Contender:
    """initpy (no peer) or a peer; without an image, `trouble` says why."""

    name: str
    version: str
    peer: Peer | None
    built: Built | None
    trouble: str = ""
    host: Built | None = None  # the host-only image for the nested course


def prepare_contenders(
    kernel: Kernel, folder: Path, names: Collection[str], *, fresh: bool, progress: Progress
) -> tuple[Contender, ...]:
    """Return the contenders with their images, built and timed (`fresh`) or from the cache.

    A peer whose build fails is returned with its trouble instead of an image.
    """
    peers = [peer for peer in PEERS if peer.name in names]
    systems: dict[str, PeerSystem | str] = {}
    for peer in peers:
        try:
            systems[peer.name] = peer_system(peer, kernel, progress)
        except (LabError, ToolError) as error:
            systems[peer.name] = str(error)
    if fresh:
        progress("reading the kernel's modules once, so that no build pays for a cold cache")
        _read(path for path in kernel.modules.rglob("*") if path.is_file())
    contenders = [_ourselves(kernel, folder, fresh, progress)] if INITPY in names else []
    host = contenders[0].host if contenders else None
    drivers = _drivers(host.image) if host else ()
    for peer in peers:
        system = systems[peer.name]
        found = _peer(peer, system, kernel, fresh=fresh, progress=progress)
        if drivers and peer.own and not isinstance(system, str):
            found = _for_one_machine(found, system, kernel, folder, drivers, progress)
        contenders.append(found)
    return tuple(contenders)


def given_image(name: str, image: Path) -> Contender:
    """Return an image of initpy that was built elsewhere as a contender of its own."""
    return Contender(name, "", None, _measured(image))


def peer_image(peer: Peer, kernel: Kernel, progress: Progress) -> Path:
    """Return the peer's generic image, built or from the cache. Raises LabError, ToolError."""
    system = peer_system(peer, kernel, progress)
    found = _peer(peer, system, kernel, fresh=False, progress=progress)
    if found.built is None:
        raise LabError(found.trouble)
    return found.built.image


def _for_one_machine(
    contender: Contender,
    system: PeerSystem,
    kernel: Kernel,
    folder: Path,
    drivers: Collection[str],
    progress: Progress,
) -> Contender:
    """Build the peer's host-only image for the nested course, with the drivers of initpy's."""
    progress(f"building the host-only image of {contender.name} for {NESTED.title}")
    output = folder / f"{contender.name}-host.img"
    try:
        with locked("peers"):
            host = _timed(lambda: system.make_image(kernel, output, drivers), output)
    except ToolError as error:
        return replace(contender, trouble=f"no host-only image: {error}")
    return replace(contender, host=host)


def _drivers(image: Path) -> tuple[str, ...]:
    """Return the names of the kernel modules in an image."""
    paths = (path for path, _ in read_archive(image).items() if SUFFIXES.search(path))
    return tuple(sorted(SUFFIXES.sub("", Path(path).name) for path in paths))


def compression_of(image: Path) -> str:
    """Return the compression of an image's main archive, which is the last."""
    method = read_archive(image).segments[-1].compression
    return "no compression" if method == PLAIN else method


def _ourselves(kernel: Kernel, folder: Path, fresh: bool, progress: Progress) -> Contender:
    if not fresh:
        return Contender(INITPY, __version__, None, _measured(image_under_test(kernel, progress)))
    output = folder / "initpy.img"
    # Run the command as a user does, so that the time includes the interpreter's start.
    words = [sys.executable, "-m", "initpy", "build", "--quiet", "--kernel", kernel.version]
    words += ["--modules-dir", str(kernel.modules), "--output", str(output)]
    progress(f"building the generic image of {INITPY}")
    environment = {"PYTHONPATH": str(PROJECT)}
    built = _timed(lambda: run(words, environment=environment), output, OWN_TIMES)
    progress(f"building the host-only image of {INITPY} for {NESTED.title}")
    own, stack = folder / "initpy-host.img", folder / "stack.json"
    stack.write_text(recorded_stack(NESTED.file.stem).to_json())
    words += ["--output", str(own), "--host", "--stack", str(stack)]
    host = _timed(lambda: run(words, environment=environment), own, OWN_TIMES)
    return Contender(INITPY, __version__, None, built, host=host)


def _peer(
    peer: Peer, system: PeerSystem | str, kernel: Kernel, *, fresh: bool, progress: Progress
) -> Contender:
    if isinstance(system, str):
        return Contender(peer.name, "", peer, None, f"no system to build it in: {system}")
    output = cache_folder("peers", "images") / f"{peer.name}-{system.key}.img"
    if output.exists() and not fresh:
        return Contender(peer.name, system.version, peer, _measured(output))
    progress(f"building the generic image of {peer.name} (up to a minute)")
    making = output.with_suffix(".new")
    with locked("peers"):
        try:
            built = _timed(lambda: system.make_image(kernel, making), making)
        except ToolError as error:
            return Contender(peer.name, system.version, peer, None, f"no image: {error}")
        making.rename(output)
        for older in outdated(output.parent, peer.name, output.name):
            older.unlink()
    kept = Built(output, built.size, built.compression, built.seconds, built.processor)
    return Contender(peer.name, system.version, peer, kept)


def _timed(make: Callable[[], object], output: Path, times: int = 1) -> Built:
    """Build an image `times` times; return it with the median of the times."""
    took = sorted(_once(make) for _ in range(times))
    return _measured(output, *took[times // 2])


def _once(make: Callable[[], object]) -> tuple[float, float]:
    """Return elapsed seconds and processor seconds of a call."""
    began, before = time.monotonic(), os.times()
    make()
    took, after = time.monotonic() - began, os.times()
    processor = (
        after.children_user + after.children_system - before.children_user - before.children_system
    )
    return took, processor


def _measured(image: Path, seconds: float | None = None, processor: float | None = None) -> Built:
    return Built(image, image.stat().st_size, compression_of(image), seconds, processor)


def _read(files: Iterable[Path]) -> None:
    for path in files:
        path.read_bytes()
