"""What block devices come from by a login: declares it, with the way to it, for job files.

A job file matches `SUBSYSTEM = "target"` and `TARGET = "nbd"`. The properties are those of
`NbdRoot`: HOST, PORT, EXPORT, NODE.
"""

from collections.abc import Iterable

from initpy.core.devices.graph import TARGET, Device
from initpy.core.devices.marks import WAY
from initpy.core.jobs.definitions import Index
from initpy.core.netsettings import NbdRoot
from initpy.core.network.links import Links
from initpy.core.network.properties import TARGET_FOLDER
from initpy.core.state.context import Context

SUBSYSTEM = "target"


def logs_in(jobs: Index) -> bool:
    """True if a job of this image logs in to targets."""
    found = jobs.by_property.get("SUBSYSTEM")
    return found is not None and SUBSYSTEM in found.for_value


class Targets:
    """The owner of the targets."""

    def __init__(self) -> None:
        self._targets: tuple[NbdRoot, ...] = ()
        self._way = ""  # the link by which they are reached
        self._changed = False

    @property
    def ways(self) -> set[str]:
        """The links by which they are reached."""
        return {self._way} if self._way else set()

    def begin(self, context: Context) -> Iterable[Device]:
        """Take what the user named; return it as subjects."""
        settings = context.settings.network
        wanted = settings.targets if settings is not None else ()
        self._targets = tuple(each for each in wanted if isinstance(each, NbdRoot) and each.server)
        return self._devices()

    def look(self, links: Links) -> None:
        """The links have changed: one of those that are ready is the way."""
        ready = [each.name for each in links.ready()]
        if self._way not in ready:
            way = ready[0] if ready else ""
            self._changed = self._changed or way != self._way
            self._way = way

    def unsettled(self, context: Context) -> Iterable[str]:
        """Declare the targets as they are now; the names of those that have changed."""
        if not self._changed:
            return ()
        self._changed = False
        devices = self._devices()
        for each in devices:
            context.devices.update(each)
        return [each.name for each in devices]

    def _devices(self) -> list[Device]:
        return [self._device(each) for each in self._targets]

    def _device(self, target: NbdRoot) -> Device:
        known = {
            "SUBSYSTEM": SUBSYSTEM,
            "TARGET": "nbd",
            "HOST": target.server,
            "PORT": str(target.port),
            "EXPORT": target.export,
            "NODE": target.device,
        }
        if self._way:
            known[WAY] = self._way
        name = target.device.rpartition("/")[2]
        return Device(f"{TARGET_FOLDER}{name}", known, kind=TARGET)
