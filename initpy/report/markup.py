"""Text from a boot inside markup: escaped, and without characters that XML does not allow."""

import html
import re

# Everything but the Char production of XML 1.0, section 2.2.
FORBIDDEN = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def clean(text: str) -> str:
    """The text for an element or a quoted attribute."""
    return html.escape(FORBIDDEN.sub("\ufffd", text))


def element(name: str, text: str) -> str:
    """An element with nothing but text in it."""
    return f"<{name}>{clean(text)}</{name}>"
