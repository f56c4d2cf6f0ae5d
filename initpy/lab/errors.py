"""The lab's errors and warnings, and the type of its progress function."""

from collections.abc import Callable

# Takes one line for the user.
Progress = Callable[[str], None]


class LabError(RuntimeError):
    """The lab failed, for example a machine died; the message says what to do."""


class GoneError(LabError):
    """This kernel does not support a layer of the scenario any more."""


class EmulatorCrashed(LabError):
    """QEMU itself crashed; the guest is not at fault."""


class MachineStalled(UserWarning):
    """The emulator stood still or crashed; the lab repeats the boot."""
