"""Compresses the finished archive with an external program, reproducibly."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from initpy.config.errors import InputError
from initpy.image.missing import package_hint
from initpy.image.process import Pipe


@dataclass(frozen=True, slots=True)
class Method:
    """A compression method: its command, its levels, and the default options."""

    command: tuple[str, ...]
    levels: range
    usual: tuple[str, ...]
    share: str = ""  # the option that sets how many bytes each worker takes; "" without one
    usual_small: tuple[str, ...] | None = None  # default options up to SMALL bytes


@dataclass(frozen=True, slots=True)
class Packing:
    """The compression of an image; `branches`: the kernel supports xz's branch filter for x86."""

    method: str
    level: int | None = None
    branches: bool = False


# The output must not depend on the number of processors. zstd with workers splits its input by
# the given size, and -T0 starts at least one worker. xz with more than one thread splits by block
# size. The kernel's xz supports no check but CRC32 (Documentation/staging/xz.rst).
METHODS = {
    # Why these options, measured on modules and programs:
    # - Levels above 9 double the build time and save 1 %. The kernel unpacks no faster: its time
    #   depends on the size of the content.
    # - mml=4 saves 1.7 % and costs 20 % of the time: relocations of modules match in four bytes.
    # - wlog=24 with hlog=22 saves 0.8 % and costs 10 % of the time.
    # - Level 16 saves 3 % for eight times the time, level 18 10 % for twelve times.
    # - Small content: half the search (slog=4) and a table that fits the processor's cache
    #   (hlog=20) need 60 % of the time and cost 1.5 % of size. With ovlog=8 the second share may
    #   refer to half of the first.
    "zstd": Method(
        ("zstd", "-q", "-c", "-T0"),
        range(1, 20),
        ("-9", "--zstd=wlog=24,hlog=22,slog=5,mml=4"),
        share="-B",
        usual_small=("-9", "--zstd=wlog=24,hlog=20,slog=4,mml=4,ovlog=8"),
    ),
    "gzip": Method(("gzip", "-n", "-c"), range(1, 10), ("-6",)),
    "xz": Method(("xz", "-q", "-c", "--check=crc32", "-T2"), range(10), ("-6",)),
    # -l selects the legacy format, the only one that lib/decompress_unlz4.c reads.
    # It uses one processor; level 9 doubles the time and saves less than 1 %.
    "lz4": Method(("lz4", "-q", "-l", "-c"), range(1, 13), ("-6",)),
}
NONE = "none"

# Two shares of equal size, whatever the number of processors: two processors finish together, and
# the output is reproducible. More shares compress worse: each starts with an empty table.
SHARES = 2
SMALLEST, LARGEST = 1 << 20, 64 << 20
# A host-only image holds some 40 MB, a generic one 70 MB.
SMALL = 48 << 20


class Sink(Protocol):
    """Takes the archive's bytes; the caller then finishes or abandons it."""

    def write(self, data: bytes) -> None: ...

    def finish(self) -> None: ...

    def abandon(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Plain:
    """Writes to the file without compression."""

    put: Callable[[bytes], object]

    def write(self, data: bytes) -> None:
        self.put(data)

    def finish(self) -> None:
        """Do nothing: all bytes are written."""

    def abandon(self) -> None:
        """Do nothing: no process runs."""


def open_sink(output: BinaryIO, packing: Packing, size: int) -> Sink:
    """Start to compress about `size` bytes into `output`.

    Raises InputError for an unknown method or level.
    """
    check_method(packing.method, packing.level)
    if packing.method == NONE:
        return Plain(output.write)
    method = METHODS[packing.method]
    usual = method.usual_small if method.usual_small and size <= SMALL else method.usual
    chosen = usual if packing.level is None else (f"-{packing.level}",)
    if packing.method == "xz" and packing.branches:
        # Saves 10 %: calls of the same function get the same bytes everywhere (xz(1), --x86).
        chosen = ("--x86", f"--lzma2=preset={chosen[0][1:]}")
    shares = (f"{method.share}{share_of(size)}",) if method.share else ()
    command = (*method.command, *chosen, *shares)
    return Pipe(command, output.fileno(), hint=package_hint(command[0]))


def share_of(size: int) -> int:
    """Return how many of `size` bytes each worker compresses."""
    return min(max(-(-size // SHARES), SMALLEST), LARGEST)


def tools(compression: str) -> tuple[str, ...]:
    """Return the programs that a compression method needs."""
    return () if compression == NONE else METHODS[compression].command[:1]


def check_method(compression: str, level: int | None) -> None:
    """Raise InputError unless the method exists and has the level."""
    if compression == NONE:
        if level is not None:
            raise InputError("level", level, "no level, as nothing is compressed")
        return
    if compression not in METHODS:
        raise InputError("compression", compression, f"one of {', '.join((*METHODS, NONE))}")
    levels = METHODS[compression].levels
    if level is not None and level not in levels:
        expected = f"{levels.start} to {levels.stop - 1} for {compression}"
        raise InputError("level", level, expected)
