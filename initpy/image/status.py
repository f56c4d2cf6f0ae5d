"""Exit statuses of the commands that judge and install images: one meaning each, in one place.

Scripts and kernel-install plugins act on them, so that they never change.
"""

from enum import IntEnum


class Status(IntEnum):
    """What a command ends with."""

    OK = 0
    FAILED = 1  # something went wrong that has no number of its own; stderr says what
    USAGE = 2  # parameters or input files that cannot be used
    UNKNOWN = 3  # it could not be found out whether the image boots this root
    NO_TOOL = 4  # a program that the work needs is not installed
    NO_SPACE = 5  # the file system of the target has no room for the image
    BUSY = 6  # another run holds the lock
    # kernel-install takes this from a plugin for "stop here, nothing is wrong with me" (see
    # kernel-install(8), EXIT STATUS); elsewhere it is as good as any other.
    CANNOT_BOOT = 77
    INTERRUPTED = 130  # SIGINT, as a shell counts: 128 + 2
    TERMINATED = 143  # SIGTERM
