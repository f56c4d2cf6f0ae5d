"""The lab's own error, and how it says what it is doing."""

from collections.abc import Callable

# Takes one line that tells a person what is going on.
Progress = Callable[[str], None]


class LabError(RuntimeError):
    """The world misbehaved: a machine that died; the message says what to do."""


class GoneError(LabError):
    """What a scenario is made of is not in this kernel any more."""


class EmulatorCrashed(LabError):
    """QEMU itself has died, of no fault of what ran in it."""


class MachineStalled(UserWarning):
    """The emulator stood still with all that ran in it, or crashed; the boot is done once more."""
