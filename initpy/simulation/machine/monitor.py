"""What an engine hears of devices from udev, what it knows of them, and what it finds itself."""

from collections.abc import Callable

from initpy.core.events import DeviceChanged, DeviceRemoved, Enumerated, Event
from initpy.simulation.kernel.probe import as_device
from initpy.simulation.kernel.udev import Told, Udev
from initpy.simulation.world.world import Block, World

QUIET_UDEV_PATIENCE = 120.0


class Monitor:
    """Gives the engine (`take`) what udev tells, and remembers it."""

    def __init__(self, world: World, udev: Udev, take: Callable[[Event], None]) -> None:
        self._world, self._udev, self._take = world, udev, take
        self._looked = -QUIET_UDEV_PATIENCE
        self._known: dict[str, object] = {}
        self._open = True

    def listen(self) -> None:
        """Hear of what changes from now on."""
        self._udev.listener = self._told
        self._world.monitor_ended = self._monitor_ended

    def close(self) -> None:
        """The engine is gone."""
        self._udev.listener = None
        self._world.monitor_ended = lambda name: None
        self._open = False

    def present(self) -> Enumerated:
        """The devices that udev has finished with so far."""
        devices = self._udev.present()
        self._known = {each.name: each for each in devices}
        for each in devices:
            self._world.blocks[each.name].read = True
        return Enumerated(devices)

    def look_at(self, name: str) -> list[Told]:
        """A device and what stands on it, as they are now."""
        block = self._world.blocks.get(name)
        if block is None:
            self._known.pop(name, None)
            return [DeviceRemoved(name)]
        names = [name, *self._world.holders.get(name, ()), *self._related(block)]
        found = (self._world.blocks.get(each) for each in names)
        return [
            self._note(each)
            for each in found
            if each is not None and each.known is not None and (each is block or each.part is None)
        ]

    def _related(self, block: Block) -> list[str]:
        """The volumes of a container, or the container of a volume."""
        array = block.array
        if array is None or not (array.container or array.plan.level == "container"):
            return []
        holders = self._world.holders
        found = {each for disk in block.slaves for each in holders.get(disk, ())}
        return sorted(found - {block.name})

    def _monitor_ended(self, container: str) -> None:
        for event in self.look_at(container):
            self._take(event)

    def look_again(self) -> None:
        """What has changed without an event having told; what udev does not know is announced."""
        udev, world = self._udev, self._world
        if not self._open:
            return
        if udev.busy and world.now < self._looked + QUIET_UDEV_PATIENCE:
            return
        self._looked = world.now
        unknown = []
        for block in tuple(world.blocks.values()):
            if block.known is None:
                unknown.append(block)
            elif as_device(world, block) != self._known.get(block.name):
                self._take(self._note(block))
        for name in [each for each in self._known if each not in world.blocks]:
            self._known.pop(name, None)
            self._take(DeviceRemoved(name))
        for block in unknown:
            if block.present:
                udev.announce(block)

    def _note(self, block: Block) -> DeviceChanged:
        device = as_device(self._world, block)
        self._known[device.name], block.read = device, True
        return DeviceChanged(device)

    def _told(self, event: Told) -> None:
        if isinstance(event, DeviceRemoved):
            if self._is_old(event.name):
                return
            self._known.pop(event.name, None)
        else:
            self._known[event.device.name] = event.device
            if (block := self._world.blocks.get(event.device.name)) is not None:
                block.read = True
        self._take(event)

    def _is_old(self, name: str) -> bool:
        """Whether the removal is that of an earlier array of this name: the kernel numbers them."""
        block = self._world.blocks.get(name)
        return block is not None and block.array is not None and block.read
