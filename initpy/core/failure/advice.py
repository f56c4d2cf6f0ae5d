"""What the user can do about a root that does not come, from what is wrong (R23)."""

import re
from collections.abc import Iterator

from initpy.core.devices.graph import BLOCK, Device
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.devices.suggestions import nearest
from initpy.core.explanation import Advice
from initpy.core.goals.naming import overlay_missing
from initpy.core.jobs.instance import Instance, JobState
from initpy.core.machine.rules import NOT_THERE
from initpy.core.machine.templates import fill
from initpy.core.settings import Emergency
from initpy.core.state.context import Context

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
OPENED_BY_UUID = "luks-"  # the beginning of the mapping's name
NO_SHELL = Advice(
    "Here is no shell, since panic=, rd.emergency= or rd.shell=0 say so; without them there is one."
)


UNMARKED = (
    "No partition says by its type that it is root, and root= names none: add root=UUID=… with one "
    "of the names above in the boot loader's menu."
)


def advise(context: Context) -> tuple[Advice, ...]:
    """What to do, the most likely help first; commands only where there is a shell."""
    found = tuple(dict.fromkeys(_from_state(context)))
    if (counting := context.settings.counting) is not None:
        from initpy.core.failure import assessment  # few boots are counted

        found = (*found, assessment.advice(counting))
    if context.settings.shell and context.settings.emergency is Emergency.WAIT:
        return (*found, ALWAYS)
    # Without their commands, which a colon announces.
    return (*(Advice(each.text.removesuffix(":")) for each in found), NO_SHELL)


def _from_state(context: Context) -> Iterator[Advice]:
    if context.goals.root_mounted:
        yield Advice("Root is mounted but has no init: is it the right file system? See init=.")
        return
    if context.settings.refusal:
        yield Advice(
            "Without what the parameter asks for, another root would be started, or this one be "
            "written to: so it is not passed over. Change it in the boot loader's menu, or leave "
            "it out; docs/parameters.md has what is understood."
        )
        return
    if context.settings.unread and context.settings.network is None:
        # The boot ends before any device has come: there is nothing to say of disks.
        yield Advice("docs/parameters.md has the forms of root= that are understood.")
        return
    blocks = [each for each in context.devices if each.kind is BLOCK]
    disks = [each for each in blocks if each.properties.get("size") != "0"]
    network = context.settings.network
    if network is not None and network.root_needs_link:
        yield from _about_network(context)
    elif not disks:
        yield Advice(
            "No disk has been seen: is it connected, and is the driver of its controller there?",
            (("cat /proc/partitions", "the disks that the kernel knows"),),
        )
    root = context.settings.root
    searched = root is not None and not context.goals.root_matches
    if missing := overlay_missing(context):
        searched = False
        yield from _about_changes(context, disks, missing)
    near = None
    # The tree says why a device of just this name is not root.
    if root is not None and searched and not any(root.names(each) for each in disks):
        near = min(filter(None, (nearest(root, each) for each in disks)), default=None)
    if near is not None:
        yield Advice(
            f"Is there a typing error in root=? There is {near.name}. Change it in the boot "
            "loader's menu."
        )
    if searched and root is not None:
        yield from _about_mapping(root, disks)
    for instance in sorted(context.machine.every(), key=lambda each: each.key):
        yield from _about(context, instance)
    if searched and near is None and disks:
        said = f"No device is called {root}: compare it with the names above."
        if root is not None and root.naming is Naming.GPT_AUTO:
            said = UNMARKED
        yield Advice(said)


def _about_network(context: Context) -> Iterator[Advice]:
    """Root is on the network: what shows its interfaces, and what the user could have meant."""
    if context.settings.unread:
        return
    yield Advice(
        "Root is on the network: the tree says what is missing on the way to it. More of it:",
        (
            ("ls /sys/class/net", "the interfaces that the kernel has"),
            ("cat /proc/net/route", "the routes"),
            ("ls /run/initpy", "leases are in the files lease.NAME"),
        ),
    )


def _about_mapping(root: DeviceSpec, disks: list[Device]) -> Iterator[Advice]:
    """root= names a mapping, and a volume was opened by its UUID: no crypttab has named it."""
    folder, _, name = root.value.rpartition("/")
    if root.naming is not Naming.PATH or folder != "/dev/mapper":
        return
    for each in disks:
        uuid = each.properties.get("DM_NAME", "").removeprefix(OPENED_BY_UUID)
        if uuid != each.properties.get("DM_NAME", "") and "ID_FS_TYPE" in each.properties:
            yield Advice(
                f"Is it the volume {OPENED_BY_UUID}{uuid}? With rd.luks.name={uuid}={name} in the "
                f"boot loader's menu it opens as {name}."
            )


def _about_changes(context: Context, disks: list[Device], missing: str) -> Iterator[Advice]:
    """The device for the changes to root is missing, or is not what it should be."""
    overlay = context.settings.overlay
    wanted = (overlay.encrypted or overlay.source) if overlay is not None else None
    if overlay is None or wanted is None:
        return
    present = next((each for each in disks if wanted.names(each)), None)
    kind = present.properties.get("ID_FS_TYPE", "no file system") if present is not None else ""
    if present is not None and overlay.encrypted and kind != "crypto_LUKS":
        yield Advice(
            f"{present.node} holds {kind}, no encrypted volume, and none is made during a boot. "
            "If nothing on it is needed:",
            (
                (f"cryptsetup luksFormat {present.node}", "erases it; then `initpy retry`, and"),
                ("mke2fs -t ext4 /dev/mapper/NAME", "in the real system, for its file system"),
            ),
        )
    near = None
    if present is None:
        near = min(filter(None, (nearest(wanted, each) for each in disks)), default=None)
    if near is not None:
        yield Advice(f"Is there a typing error in {overlay.by}=? There is {near.name}.")
    yield Advice(
        f"Root waits for {missing}. With rd.overlay=1 in the boot loader's menu instead, changes "
        "go to memory, and are lost when the machine is switched off."
    )


def _about(context: Context, instance: Instance) -> Iterator[Advice]:
    if context.device(instance) is None:
        return
    job = instance.definition
    if instance.state is JobState.FAILED and job.run and instance.status == NOT_THERE:
        yield Advice(
            f"{job.run[0]} is not in this image. On a running system:",
            ((f"initpy build --program {job.run[0]}", "makes an image that has it"),),
        )
    else:
        if instance.state is JobState.FAILED:
            yield from _declared(context, instance)
        yield from context.handlers.of(instance).advice(context, instance)


def _declared(context: Context, instance: Instance) -> Iterator[Advice]:
    """What the job file says to complaints of the program, with the line that it is about."""
    for pattern, (command, does) in instance.definition.advice:
        for line in instance.complaints.splitlines():
            if re.search(pattern, line):
                yield Advice(f"{line.rstrip(' .:')}:", ((fill(context, command, instance), does),))
                break
