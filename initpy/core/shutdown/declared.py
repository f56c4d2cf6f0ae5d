"""Layers that the kernel's names do not tell of, as job files declare them."""

from initpy.core.shutdown.present import BlockDevice
from initpy.core.tuples import NamedTuple


class DeclaredLayer(NamedTuple):
    """How layers of one technology are found at shutdown, and taken down: pools, say.

    `exists`: the path of a file that is there while a layer is active; `{name}` in it is a whole
    part of that path, and the layer's name, in `called` and `run` too.
    """

    called: str  # for the user: "the pool {name}"
    exists: str
    run: tuple[str, ...]  # argv of the command that takes it down
    mounts: tuple[str, ...] = ()  # types of file systems whose source is `{name}` or `{name}/...`
    devices: tuple[str, ...] = ()  # how the kernel's names of block devices begin that it makes

    def carries(self, name: str, kind: str, source: str) -> bool:
        """True if a mount of this type and source stands on the layer of this name."""
        return kind in self.mounts and (source == name or source.startswith(f"{name}/"))

    def device(self, name: str) -> BlockDevice:
        """The layer of this name, beside the block devices: its name is what the user calls it."""
        run = tuple(each.replace("{name}", name) for each in self.run)
        return BlockDevice(self.called.replace("{name}", name), run=run)

    def makes(self, device: str) -> bool:
        """True if the block device of this name is made by such a layer."""
        return device.startswith(self.devices)
