"""How sure the oracle is of something."""

from enum import IntEnum


class Sure(IntEnum):
    """An answer; the smallest of several is that to all of them together."""

    NO = 0
    UNSURE = 1
    YES = 2
