"""The lines of a configuration file as the programs in C see them that it is written for."""

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

MARK = "\ufeff"  # the byte order mark, which some editors put before a text


def read_file(path: "Path", errors: str = "strict") -> str:
    """Return the text of a regular file. Raises OSError for all else: a pipe has no end."""
    if path.exists() and not path.is_file():
        raise OSError(None, "it is no regular file", str(path))
    return path.read_text(encoding="utf-8", errors=errors)


def lines(text: str) -> list[str]:
    r"""Return the lines, without the `\r` of other systems and without a byte order mark.

    Only `\n` ends a line; str.splitlines() knows more, which may be part of a name or title.
    """
    return [each.removesuffix("\r") for each in text.removeprefix(MARK).split("\n")]


def fields(line: str) -> list[str]:
    """Return the fields of a table's line: blanks and tabs part them, no other space does."""
    return [each for each in line.removesuffix("\r").replace("\t", " ").split(" ") if each]


def unescaped(field: str) -> str:
    r"""Undo octal escapes such as `\040` for a blank, as in fstab(5).

    Each stands for a byte, so that `\303\244` is one letter in UTF-8; what is none in UTF-8 is kept
    as os.fsdecode() does. A zero byte ends texts in C: its escape stays.
    """
    if "\\" not in field:
        return field
    parts = re.sub(rb"\\([0-3][0-7]{2})", _byte, field.encode("utf-8", "surrogateescape"))
    return parts.decode("utf-8", "surrogateescape")


def _byte(found: re.Match[bytes]) -> bytes:
    return bytes((int(found[1], 8),)) if int(found[1], 8) else found[0]
