"""What people can do about a root that does not come, from what is wrong (R23)."""

from collections.abc import Iterator

from initpy.core.devices.suggestions import nearest
from initpy.core.failure.explain import lacking_group
from initpy.core.machine.context import SYSROOT, State
from initpy.core.machine.definitions import Strategy
from initpy.core.machine.instance import Instance, JobState
from initpy.core.settings import Emergency
from initpy.core.tree import Advice
from initpy.core.unlock.race import specification

ALWAYS = Advice(
    "At any time:",
    (
        ("initpy status", "this tree, as it is now"),
        ("initpy wait 300", "wait longer; or `initpy wait forever`"),
        ("initpy retry", "try again what has failed"),
        ("initpy journal", "what has happened"),
        ("dmesg | tail -n 40", "what the kernel says"),
        ("cat /proc/cmdline", "what was asked for"),
    ),
)
NO_SHELL = Advice(
    "Here is no shell, since panic=, rd.emergency= or rd.shell=0 say so; without them there is one."
)


def advise(state: State) -> tuple[Advice, ...]:
    """What to do, the most likely help first; commands only where there is a shell."""
    found = tuple(dict.fromkeys(_from_state(state)))
    if state.settings.shell and state.settings.emergency is Emergency.WAIT:
        return (*found, ALWAYS)
    # Without their commands, which a colon announces.
    return (*(Advice(each.text.removesuffix(":")) for each in found), NO_SHELL)


def _from_state(state: State) -> Iterator[Advice]:
    if SYSROOT in state.mounted:
        yield Advice("Root is mounted but has no init: is it the right file system? See init=.")
        return
    disks = [each for each in state.devices if each.properties.get("size") != "0"]
    if not disks:
        yield Advice(
            "No disk has been seen: is it connected, and is the driver of its controller there?",
            (("cat /proc/partitions", "the disks that the kernel knows"),),
        )
    root = state.settings.root
    searched = root is not None and not state.by_role
    near = None
    if root is not None and searched:
        near = min(filter(None, (nearest(root, each) for each in disks)), default=None)
    if near is not None:
        yield Advice(
            f"Is there a typing error in root=? There is {near.name}. Change it in the boot "
            "loader's menu."
        )
    for instance in sorted(state.instances.values(), key=lambda each: each.key):
        yield from _about(state, instance)
    if searched and near is None and disks:
        yield Advice(f"No device is called {root}: compare it with the names above.")


def _about(state: State, instance: Instance) -> Iterator[Advice]:
    strategy, device = instance.definition.strategy, state.device(instance)
    if device is None:
        return
    failed = instance.state is JobState.FAILED
    if strategy is Strategy.UNLOCK and (failed or instance.state is JobState.READY):
        name = specification(state, instance).name
        yield Advice(
            f"{device.node} is locked:",
            (
                (f"initpy unlock {name}", "asks for its passphrase"),
                (f"initpy unlock {name} --key-file FILE", "or takes a key"),
            ),
        )
    elif strategy is Strategy.DEGRADED_START and instance.state not in (
        JobState.DONE,
        JobState.WITHDRAWN,
        JobState.RUNNING,
    ):
        yield Advice(
            f"The array {device.node} lacks members: connect them, or start it without them:",
            (
                (f"mdadm --detail {device.node}", "which ones are there"),
                (f"mdadm --run {device.node}", "start it as it is"),
            ),
        )
    elif strategy is Strategy.MOUNT_ROOT and failed:
        ext = device.properties.get("ID_FS_TYPE", "").startswith("ext")
        check = (f"e2fsck -f {device.node}", "check it, then `initpy retry`")
        yield Advice(
            f"{device.node} could not be mounted: is rootfstype= or rootflags= wrong, or is it "
            "damaged?",
            (
                ("dmesg | tail -n 40", "why, in the kernel's words"),
                *((check,) if ext else ()),
            ),
        )
    elif strategy is Strategy.CHECK and failed:
        yield Advice(
            f"The file system of {device.node} has errors that may cost files; look first, or have "
            "them repaired:",
            (
                (f"{instance.definition.run[0]} -n {device.node}", "what is wrong"),
                (
                    f"{instance.definition.run[0]} -y {device.node}",
                    "repairs it, then `initpy retry`",
                ),
            ),
        )
    elif failed and instance.definition.run and "No such file or directory" in instance.reason:
        yield Advice(
            f"{instance.definition.run[0]} is not in this image. On a running system:",
            ((f"initpy build --program {instance.definition.run[0]}", "makes one that has it"),),
        )
    group = lacking_group(state.devices, device)
    if group and instance.definition.name.startswith("lvm-scan"):
        yield Advice(
            f"The volume group {group} lacks disks: connect them, or use what there is:",
            (
                ("lvm pvs", "which ones are missing"),
                (f"lvm vgchange -ay --activationmode partial {group}", "the volumes it still has"),
            ),
        )
