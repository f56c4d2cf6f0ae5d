"""Mounting the root file system (R18)."""

from initpy.core.actions import Mount
from initpy.core.definitions import Strategy
from initpy.core.devices import Device
from initpy.core.instance import Instance
from initpy.core.running import begin
from initpy.core.state import SYSROOT, State

# A device with one of these holds another layer, not a file system to mount.
LAYERS = ("crypto", "raid")


def is_root(state: State, device: Device) -> bool:
    """True when `root=` names this device and it can be mounted; keeps `by_role` up to date."""
    root = state.settings.root
    usage = device.properties.get("ID_FS_USAGE")
    found = root is not None and root.names(device) and usage not in LAYERS
    (state.by_role.add if found else state.by_role.discard)(device.name)
    return found


def step(state: State, instance: Instance) -> None:
    """The device that root= names is there: mount it, unless another one is being mounted."""
    device = state.device(instance)
    if device is None:
        return
    for other in state.pending[Strategy.MOUNT_ROOT].values():
        if other is not instance and other.busy:
            instance.reason = f"{other.subject} has the same name and is being mounted"
            return
    wanted = state.settings.mount
    found = device.properties.get("ID_FS_TYPE", "")
    types = (found,) if found in wanted.types or not wanted.types else wanted.types
    options = ("rw" if wanted.writable else "ro", *wanted.flags)
    begin(state, instance)
    state.act(Mount(instance.key, instance.run, device.node, SYSROOT, types, options))
