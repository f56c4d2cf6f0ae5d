"""Extended regular expressions of POSIX, by the C library: regcomp(3), regexec(3)."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager

# regex.h, alike in glibc and musl. A regex_t has 64 bytes or less.
EXTENDED, NO_SUBEXPRESSIONS = 1, 8
_SIZE = 256


@contextmanager
def _compiled(pattern: str) -> Iterator["ctypes.Array[ctypes.c_char] | None"]:
    """Give the compiled expression, None if it is none."""
    library, expression = ctypes.CDLL(None), ctypes.create_string_buffer(_SIZE)
    text = os.fsencode(pattern.partition("\0")[0])
    if library.regcomp(expression, text, EXTENDED | NO_SUBEXPRESSIONS):
        yield None
        return
    try:
        yield expression
    finally:
        library.regfree(expression)


def valid(pattern: str) -> bool:
    """Return whether the C library takes it."""
    with _compiled(pattern) as expression:
        return expression is not None


def found(pattern: str, text: str) -> bool:
    """Return whether a part of the text fits. Raises ValueError if the expression is none."""
    with _compiled(pattern) as expression:
        if expression is None:
            raise ValueError(pattern)
        value = os.fsencode(text.partition("\0")[0])
        return bool(ctypes.CDLL(None).regexec(expression, value, 0, None, 0) == 0)
