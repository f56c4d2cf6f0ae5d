"""Want of processes, memory or descriptors: it passes, so what cannot be started is tried again.

The core counts the tries of a command. A machine that is short of something for a while must not
use them all up.
"""

import errno
from collections.abc import Iterator

# fork(2), pipe(2), execve(2)
_PASSING = frozenset({errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE})
_FIRST, _LONGEST = 0.1, 2.0  # seconds


def passes(error: OSError) -> bool:
    """True for an error that says that the machine is short of something."""
    return error.errno in _PASSING


def pauses() -> Iterator[float]:
    """Yield how long to wait before each further try."""
    pause = _FIRST
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST)
