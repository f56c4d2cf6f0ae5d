"""What was said on a console that the kernel writes to as well.

Its messages may come in the middle of another's line: then the words around one belong together.
"""

import re

# A message that does not begin a line, up to the end of its own. Looking behind comes second: what
# begins with a letter is searched for 25 times as fast, and this is asked at every step of a boot.
_CUT_IN = re.compile(r"\[(?<=[^\r\n]\[) *\d+\.\d{6}\] [^\n]*\n")


def heard(pattern: re.Pattern[str], text: str, start: int = 0) -> int | None:
    """Where the first words behind `start` end that match, cut in two or not; None: nowhere."""
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
