"""Escape text of a boot for markup, and drop characters that XML does not allow."""

import re

# Everything but the Char production of XML 1.0, section 2.2.
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# The rules of html.escape, whose module would add 80 kB of character names to each image.
ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})


def clean(text: str) -> str:
    """Return the text for an element or a quoted attribute."""
    return FORBIDDEN.sub("\ufffd", text).translate(ESCAPED)


def element(name: str, text: str) -> str:
    """Return an element with text only."""
    return f"<{name}>{clean(text)}</{name}>"
