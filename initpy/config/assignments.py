"""Files of plain shell assignments, as Debian's and systemd's configuration has them."""

import re
from collections.abc import Iterator

from initpy.config.textlines import lines

# A line of systemd's environment files: blanks may stand beside the first `=`.
BLANKS = re.compile(r"^[ \t]*(\w+)[ \t]*=[ \t]*", re.MULTILINE)
NOTE = re.compile(r"^[ \t]*;[^\n]*", re.MULTILINE)
# What parts a word of sh(1) is made of: in quotes, after a backslash, or bare.
PIECE = re.compile(
    r"""'(?P<single>[^']*)'|"(?P<double>(?:[^"\\]|\\.)*+)"|\\(?P<one>.)|(?P<bare>[^\s"'\\;&|<>()]+)""",
    re.DOTALL,
)
_NAMELESS = re.sub(r"\?P<\w+>", "?:", PIECE.pattern)
# A comment, a word, a line with a quotation that has no end, or what is between them.
TOKEN = re.compile(
    rf"""\#[^\n]*|(?P<word>(?:{_NAMELESS})++)(?!["'])|(?:{_NAMELESS})*+["'][^\n]*|.""", re.DOTALL
)


def assignments(text: str) -> Iterator[tuple[str, str]]:
    """Return the variables and their values, in the order in which the file sets them.

    Nothing is expanded, and no condition is heeded.
    """
    for token in TOKEN.finditer("\n".join(lines(text))):
        if (word := token["word"]) and "=" in word:
            name, equals, value = PIECE.sub(_plain, word).partition("=")
            if equals:
                yield name, value


def environment(text: str) -> Iterator[tuple[str, str]]:
    """Return the variables of a file that systemd reads, as parse_env_file() in its env-file.c.

    There blanks may also stand within a value, and then it is the name of no keymap and no font;
    here they end it.
    """
    clean = "\n".join(lines(text))
    return assignments(BLANKS.sub(r"\1=", NOTE.sub("", clean)))


def _plain(piece: re.Match[str]) -> str:
    """Return a part of a word without its quotes; a backslash takes away the line's end."""
    if piece["double"] is not None:
        return re.sub(r'\\(["\\$`\n])', lambda found: found[1].strip("\n"), piece["double"])
    return piece["single"] or piece["bare"] or (piece["one"] or "").strip("\n")
