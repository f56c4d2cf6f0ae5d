"""Files of plain shell assignments, as Debian's and systemd's configuration has them."""

import shlex
from collections.abc import Iterator

from initpy.config.textlines import lines


def assignments(text: str) -> Iterator[tuple[str, str]]:
    """Return the variables and their values, in the order in which the file sets them."""
    for line in lines(text):
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue  # a quotation that goes on: no plain assignment
        for word in words:
            name, equals, value = word.partition("=")
            if equals:
                yield name, value
