"""Mounting the root file system and what belongs below it (R18)."""

from initpy.core.actions import Mount
from initpy.core.devices.graph import Device
from initpy.core.goals import naming as roles
from initpy.core.machine.context import HOST, SYSROOT, State
from initpy.core.machine.definitions import Strategy
from initpy.core.machine.instance import Instance, JobState
from initpy.core.machine.rules import begin
from initpy.core.people.breakpoints import paused
from initpy.core.settings import BreakPoint, FurtherMount, Naming


def step(state: State, instance: Instance) -> None:
    """The device that root= names is there: mount it, unless another one is being mounted."""
    device = state.device(instance)
    if device is None:
        return
    for strategy in (Strategy.MOUNT_ROOT, Strategy.MOUNT_PARTIAL):
        for other in state.pending[strategy].values():
            if other is not instance and other.busy:
                instance.reason = f"{other.subject} has the same name and is being mounted"
                return
    if _unchecked(state, instance):
        return
    if paused(state, BreakPoint.MOUNT):
        instance.reason = "waits for the shell to end that break= has opened"
        return
    wanted, root = state.settings.mount, state.settings.root
    marked = root is not None and root.naming is Naming.GPT_AUTO and roles.read_only(device)
    options = ("rw" if wanted.writable and not marked else "ro", *wanted.flags)
    begin(state, instance)
    state.act(
        Mount(
            instance.key,
            instance.run,
            device.node,
            SYSROOT,
            _types(device, wanted.types),
            options,
            _overlay(state),
        )
    )


def _unchecked(state: State, instance: Instance) -> bool:
    """True while the file system is still to be checked, or has errors that are left."""
    for each in state.by_subject.get(instance.subject or "", ()):
        if (
            each.definition.strategy is Strategy.CHECK
            and not each.succeeded
            and each.state not in (JobState.SKIPPED, JobState.WITHDRAWN)
            and state.unwanted(each) is None
        ):
            failed = each.state is JobState.FAILED
            instance.reason = f"not mounted: {each.reason}" if failed else "waits for its check"
            return True
    return False


def _types(device: Device, asked: tuple[str, ...]) -> tuple[str, ...]:
    found = device.properties.get("ID_FS_TYPE", "")
    return (found,) if found in asked or not asked else asked


def _overlay(state: State) -> tuple[str, str] | None:
    if state.settings.overlay is None:
        return None
    for name in sorted(state.overlay_on):
        if (device := state.devices.get(name)) is not None:
            return device.node, device.properties.get("ID_FS_TYPE", "")
    return "", "tmpfs"


def step_host(state: State, instance: Instance) -> None:
    """The file system is there that has the root in a file."""
    device, image = state.device(instance), state.settings.image
    if device is None or image is None:
        return
    options = ("rw" if image.mount.writable else "ro", *image.mount.flags)
    types = _types(device, image.mount.types)
    begin(state, instance)
    state.act(Mount(instance.key, instance.run, device.node, HOST, types, options))


def further(state: State, table: tuple[FurtherMount, ...]) -> tuple[FurtherMount, ...]:
    """What is wanted below the root: the command line goes before the root's own fstab."""
    wanted = {each.target: each for each in table}
    if (usr := state.settings.usr) is not None:
        wanted[usr.target] = usr
    return tuple(wanted[target] for target in sorted(wanted))


def step_further(state: State, instance: Instance) -> None:
    """A device that holds a part of the root's tree is there."""
    device = state.device(instance)
    if device is None or _unchecked(state, instance):
        return
    target = device.properties.get(roles.TARGET, "")
    for each in state.unmounted():
        if SYSROOT + each.target == target:
            # A file system that asks for neither is mounted as the root is, so that one which is
            # to be checked is not written to before that (R19).
            given = {"ro", "rw"} & set(each.flags)
            as_root = () if given else ("rw" if state.settings.mount.writable else "ro",)
            options = (*as_root, *each.flags)
            types = _types(device, each.types)
            begin(state, instance)
            state.act(Mount(instance.key, instance.run, device.node, target, types, options))
            return


def missing(state: State) -> str:
    """What has not turned up or could not be mounted yet, for people."""
    if SYSROOT not in state.mounted:
        return f"root, {state.settings.root}"
    return ", ".join(f"{each.target}, {each.source}" for each in state.unmounted())
