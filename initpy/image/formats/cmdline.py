"""Reads the parameters of a file such as /etc/kernel/cmdline (kernel-install(8))."""

import re
from collections.abc import Iterator

from initpy.config.textlines import lines

# A parameter: the kernel takes blanks within double quotes for a part of it.
WORD = re.compile(r'(?:"[^"]*"?|[^\s"])+')


def without_comments(text: str) -> str:
    """Return the parameters of a file such as /etc/kernel/cmdline in one line.

    Lines are joined; `#` at the start of a word begins a comment, except within quotes.
    """
    return " ".join(word for line in lines(text.replace("\0", "\n")) for word in _line(line))


def _line(line: str) -> Iterator[str]:
    for found in WORD.finditer(line):
        if found[0][0] == "#":
            return
        yield found[0]
