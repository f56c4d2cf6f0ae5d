"""Compression of the finished archive: by which program, and so that it repeats itself."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO, Protocol

from initpy.config.errors import InputError
from initpy.image.missing import package_hint
from initpy.image.process import Pipe


@dataclass(frozen=True, slots=True)
class Method:
    """One way of compressing: its program, the levels it knows, and what is usual."""

    command: tuple[str, ...]
    levels: range
    usual: tuple[str, ...]
    share: str = ""  # the parameter for the bytes that one processor takes, if there is one
    usual_small: tuple[str, ...] | None = None  # up to SMALL bytes


@dataclass(frozen=True, slots=True)
class Packing:
    """How an image is to be compressed; `branches`: its kernel unpacks xz's filter for x86 code."""

    method: str
    level: int | None = None
    branches: bool = False


# The output must not depend on the number of processors. zstd splits its input
# by the size that it is told once it runs workers, and -T0 runs at least one; xz splits by
# block size alone as long as it is told a number of threads above one.
# The kernel's xz knows no check but CRC32 (Documentation/staging/xz.rst).
METHODS = {
    # Above level 9 a build takes twice as long for a hundredth of the size, and
    # the kernel unpacks no faster: that depends on the size of the content.
    # Matches of four bytes, of which the relocations of modules are full, save more
    # (1.7 %) for a fifth of the time; a window of 16 MB with a larger table
    # 0.8 % for a tenth. What comes next costs more than it saves: level 16 takes eight times
    # the time for 3 %, level 18 twelve times for a tenth. In little content there is less to find:
    # half the search and a table that fits the processor's cache take three fifths of the time for
    # 1.5 %; the second share may look at half of the first one (ovlog).
    "zstd": Method(
        ("zstd", "-q", "-c", "-T0"),
        range(1, 20),
        ("-9", "--zstd=wlog=24,hlog=22,slog=5,mml=4"),
        share="-B",
        usual_small=("-9", "--zstd=wlog=24,hlog=20,slog=4,mml=4,ovlog=8"),
    ),
    "gzip": Method(("gzip", "-n", "-c"), range(1, 10), ("-6",)),
    "xz": Method(("xz", "-q", "-c", "--check=crc32", "-T2"), range(10), ("-6",)),
    # -l: the format before frames, the only one that lib/decompress_unlz4.c reads.
    # It uses one processor; level 9 takes twice as long for less than a hundredth of the size.
    "lz4": Method(("lz4", "-q", "-l", "-c"), range(1, 13), ("-6",)),
}
NONE = "none"

# Shares of equal size, so that two processors are done at the same time, and whatever their number
# is the same ones. With more shares each knows less of what came before and has a table to fill.
SHARES = 2
SMALLEST, LARGEST = 1 << 20, 64 << 20
# An image for one machine has some 40 MB, a generic one 70.
SMALL = 48 << 20


class Sink(Protocol):
    """Where the archive goes: written to, then finished or abandoned."""

    def write(self, data: bytes) -> None: ...

    def finish(self) -> None: ...

    def abandon(self) -> None: ...


@dataclass(frozen=True, slots=True)
class Plain:
    """No compression: straight into the file."""

    put: Callable[[bytes], object]

    def write(self, data: bytes) -> None:
        self.put(data)

    def finish(self) -> None:
        """Nothing is left to do."""

    def abandon(self) -> None:
        """Nothing is running."""


def open_sink(output: BinaryIO, packing: Packing, size: int) -> Sink:
    """Start compressing `size` bytes or so into `output`.

    InputError for a method or level that does not exist.
    """
    check_method(packing.method, packing.level)
    if packing.method == NONE:
        return Plain(output.write)
    method = METHODS[packing.method]
    usual = method.usual_small if method.usual_small and size <= SMALL else method.usual
    chosen = usual if packing.level is None else (f"-{packing.level}",)
    if packing.method == "xz" and packing.branches:
        # A tenth smaller: calls of one function from two places look the same (xz(1)).
        chosen = ("--x86", f"--lzma2=preset={chosen[0][1:]}")
    shares = (f"{method.share}{share_of(size)}",) if method.share else ()
    command = (*method.command, *chosen, *shares)
    return Pipe(command, output.fileno(), hint=package_hint(command[0]))


def share_of(size: int) -> int:
    """The bytes that one processor compresses at a time, of `size` in all."""
    return min(max(-(-size // SHARES), SMALLEST), LARGEST)


def tools(compression: str) -> tuple[str, ...]:
    """The programs that compressing takes."""
    return () if compression == NONE else METHODS[compression].command[:1]


def check_method(compression: str, level: int | None) -> None:
    """InputError unless the method exists and knows the level."""
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
