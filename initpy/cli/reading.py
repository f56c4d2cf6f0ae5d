"""Reads journals for the commands that draw or replay them."""

import gzip
import json
import zlib
from pathlib import Path
from typing import Any

from initpy.config.errors import InputError
from initpy.report.page import journal_in
from initpy.report.timeline import wrong

# The prefix of the lab's own lines in a channel.log (`initpy boot --keep-logs`).
CHANNEL = "INITPY-LAB "


def read_journal(path: Path) -> list[dict[str, Any]]:
    """Return the lines of a journal (gzipped or not), of a channel.log, or of an HTML page.

    Raises InputError with the malformed line.
    """
    try:
        if path.is_char_device():  # /dev/zero has no end; a pipe may be a user's zcat
            raise InputError(str(path), "a device", "a journal's file")
        data = path.read_bytes()
        text = (gzip.decompress(data) if data[:2] == b"\x1f\x8b" else data).decode("utf-8")
    except OSError as error:
        raise InputError(str(path), error.strerror or str(error), "a readable journal") from None
    except (EOFError, zlib.error) as error:
        raise InputError(str(path), str(error), "a whole gzip file") from None
    except UnicodeDecodeError as error:
        raise InputError(str(path), error.reason, "a journal, which is UTF-8 text") from None
    if (kept := journal_in(text)) is not None:
        return _checked(path, kept)
    channel = any(line.startswith(CHANNEL) for line in text.splitlines())
    lines = []
    for number, line in enumerate(text.splitlines(), 1):
        if channel and not line.startswith("{"):
            continue
        try:
            value = json.loads(line)
        except (ValueError, RecursionError):
            value = None
        if expected := wrong(value):
            raise InputError(f"{path}:{number}", line[:60], expected)
        lines.append(value)
    if channel and not lines:
        raise InputError(str(path), "no line of a journal", "the channel.log of a boot that ended")
    return lines


def _checked(path: Path, text: str) -> list[dict[str, Any]]:
    """Return the journal that an HTML page contains."""
    try:
        lines = json.loads(text)
    except (ValueError, RecursionError):
        lines = None
    expected = "a list of lines" if not isinstance(lines, list) else ""
    for each in lines or ():
        expected = expected or wrong(each)
    if expected:
        raise InputError(str(path), "its journal", expected)
    return list(lines or ())


def name_of(path: Path) -> str:
    """Return the name of a boot: its folder in the lab's logs, else the journal's file name."""
    return path.resolve().parent.name if path.name == "channel.log" else path.name.partition(".")[0]
