"""The owner of the look: assemblies that were started read-only to see what is on them (R9).

One look is on at a time, over one assembly or several. What stands on them is read and never
written; then it is all taken down again, whatever was found.

    starting --> open --> over --+--> (none)
        |          |             |
        +----------+-------------+ when the kernel refuses, or what was looked into is gone
"""

import enum
from collections.abc import Iterable

from initpy.core.devices.graph import Device, DeviceGraph
from initpy.core.devices.marks import LOOK
from initpy.core.state.current_event import CurrentEvent

# What an engine leaves of a device that it starts read-only; the runtime reads it. Also the mark of
# such a device while no look is on: nothing acts on it.
NOTED = "look"


class Stage(enum.Enum):
    """How far a look is; the value is the mark of what stands on its devices."""

    NONE = ""
    STARTING = "starting"
    OPEN = "open"  # what is on it is read
    OVER = "over"  # it is taken down again

    __hash__ = object.__hash__  # members are one of a kind; Enum's own hashes the name each time


def is_open(device: Device) -> bool:
    """True for a device on which jobs may look further."""
    return device.properties.get(LOOK) in (Stage.STARTING.value, Stage.OPEN.value)


def is_over(device: Device | None) -> bool:
    """True for a device that is taken down again: nothing is begun on it any more."""
    return device is not None and device.properties.get(LOOK) == Stage.OVER.value


class Looks:
    """Which devices are looked into, and how far that is."""

    def __init__(self, current: CurrentEvent) -> None:
        self.current = current
        self.stage = Stage.NONE
        self.on = False  # anything is looked into, or is being taken down
        self.bases: dict[str, None] = {}  # in the order in which they were started
        self.left: set[str] = set()  # could not be taken down: still not to be used

    def begin(self, base: str) -> None:
        """This device is being started read-only, first of all or beside others."""
        self.bases[base] = None
        self._enter(Stage.STARTING if self.stage is Stage.NONE else self.stage)

    def open(self, base: str) -> None:
        """This device was started read-only."""
        self._enter(Stage.OPEN if self.stage is Stage.STARTING else self.stage)

    def drop(self, base: str) -> None:
        """This device is not looked into, or not any more; with the last one the look ends."""
        self.bases.pop(base, None)
        if not self.bases:
            self.end()

    def close(self) -> None:
        """All is to be taken down again."""
        self._enter(Stage.OVER)

    def end(self, left: Iterable[str] = ()) -> None:
        """Nothing is looked into any more; `left`: what could not be taken down."""
        self.left.update(left)
        self.bases.clear()
        self._enter(Stage.NONE)

    def _enter(self, stage: Stage) -> None:
        self.stage, self.on = stage, stage is not Stage.NONE
        self.current.stir()

    def covers(self, devices: DeviceGraph, name: str) -> bool:
        """True for what is looked into and all that stands on it."""
        return self._mark_of(devices, name) is not None

    def _mark_of(self, devices: DeviceGraph, name: str) -> str | None:
        """The mark that a device is to have.

        While anything is looked into, also what stands on a device has it that does not run as
        far as is known: its news is still to come, and may be that it stands on that.
        """
        pending, seen, found = [name], set[str](), None
        while pending:
            each = pending.pop()
            device = devices.get(each)
            if each in self.bases:
                return self.stage.value
            if each in self.left:
                return Stage.OVER.value
            if each in seen:
                continue
            if device is None:  # its news is still to come: it may be on what is looked into
                found = found or (NOTED if self.on and each != name else None)
                continue
            seen.add(each)
            state = device.properties.get("md/array_state")
            if self.on and each != name and state == "inactive":
                found = self.stage.value
            elif state == "readonly" and (
                device.properties.get(NOTED)
                # What it stands on is not known: the kernel may have started it so for that. A
                # volume of firmware RAID stands on disks, and awaits its monitor.
                or (
                    not device.properties.get("md/metadata_version", "").startswith("external:")
                    and any(devices.get(lower) is None for lower in device.slaves)
                )
            ):
                found = NOTED
            pending.extend(device.slaves)
        return found

    def mark(self, devices: DeviceGraph, name: str) -> bool:
        """Bring the mark of a device up to date; True if it has changed."""
        device = devices.get(name)
        known = device.properties if device is not None else {}
        doubtful = LOOK in known or known.get("md/array_state") == "readonly"
        if device is None or not (self.on or self.left or doubtful):
            return False
        mark = self._mark_of(devices, name)
        if mark is None and LOOK in known and not device.slaves:
            return False  # it is being stopped: sysfs has nothing of it any more, udev still has
        if known.get(LOOK) == mark:
            return False
        devices.mark(name, LOOK, mark)
        return True

    def mark_all(self, devices: DeviceGraph) -> list[str]:
        """The same for all devices; the names of those whose mark has changed."""
        return [each.name for each in tuple(devices) if self.mark(devices, each.name)]
