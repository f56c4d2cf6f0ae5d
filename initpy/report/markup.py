"""Text from a boot inside markup: escaped, and without characters that XML does not allow."""

import re

# Everything but the Char production of XML 1.0, section 2.2.
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
# As html.escape has it, whose module brings all names of HTML's characters: 80 kB of each image.
ESCAPED = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#x27;"})


def clean(text: str) -> str:
    """The text for an element or a quoted attribute."""
    return FORBIDDEN.sub("\ufffd", text).translate(ESCAPED)


def element(name: str, text: str) -> str:
    """An element with nothing but text in it."""
    return f"<{name}>{clean(text)}</{name}>"
