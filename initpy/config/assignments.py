"""Files of plain shell assignments, as Debian's and systemd's configuration has them."""

import re
import shlex
from collections.abc import Iterator

from initpy.config.textlines import lines

LONGEST = 16384  # of a line: shlex takes the square of the length
# What needs no shlex, which is slow: a value without quotes, blanks and comment.
PLAIN = re.compile(r"\s*(\w+)=([\w./:,@%+=-]*)\s*")


def assignments(text: str) -> Iterator[tuple[str, str]]:
    """Return the variables and their values, in the order in which the file sets them."""
    for line in lines(text):
        if "=" not in line or len(line) > LONGEST:
            continue
        if plain := PLAIN.fullmatch(line):
            yield plain[1], plain[2]
            continue
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue  # a quotation that goes on: no plain assignment
        for word in words:
            name, equals, value = word.partition("=")
            if equals:
                yield name, value
