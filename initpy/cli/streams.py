"""The streams of the command: closed, full, or in an encoding that lacks a character."""

import codecs
import io
import os
import sys

HANDLER = "initpy.bytes-or-marks"
MARK = ord("?")


def prepare() -> None:
    """Have a descriptor behind each standard stream, and print any text without an error.

    A file that takes the place of a closed stream would get what programs print. Names of files,
    and what machines have in /etc, may be in any encoding: their bytes are printed as they are. A
    terminal's encoding may lack a character of ours.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free
    # Python has no object for a stream that was closed.
    sys.stdin = sys.stdin or open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.stdout or open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stderr = sys.stderr or open(2, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper):
        codecs.register_error(HANDLER, _bytes_or_marks)
        sys.stdout.reconfigure(errors=HANDLER)


def discard() -> None:
    """Discard what is still to be printed: the flush at the end of Python would fail."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _bytes_or_marks(error: UnicodeError) -> tuple[bytes, int]:
    """Return the bytes of a name that is not UTF-8, a mark for what the encoding lacks."""
    if not isinstance(error, UnicodeEncodeError):
        raise error
    codes = map(ord, error.object[error.start : error.end])
    found = (each - 0xDC00 if 0xDC80 <= each <= 0xDCFF else MARK for each in codes)
    return bytes(found), error.end
