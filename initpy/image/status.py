"""Exit statuses of `initpy build`, `check` and `install`.

Scripts and kernel-install plugins depend on them: they never change.
"""

from enum import IntEnum


class Status(IntEnum):
    """The exit status of a command."""

    OK = 0
    FAILED = 1  # a failure without a status of its own; stderr has the reason
    USAGE = 2  # invalid parameters or input files
    UNKNOWN = 3  # the check could not determine whether the image boots this root
    NO_TOOL = 4  # a required program is not installed
    NO_SPACE = 5  # no room for the image, or for temporary files
    BUSY = 6  # another run holds the lock
    # kernel-install(8), EXIT STATUS: a plugin that exits with 77 ends the installation without an
    # error. Other callers treat it as any failure.
    CANNOT_BOOT = 77
    INTERRUPTED = 130  # SIGINT, by the shells' convention: 128 + 2
    TERMINATED = 143  # SIGTERM
