"""What the user can do about a root that does not come, from what is wrong (R23)."""

from collections.abc import Iterator

from initpy.core.devices.graph import BLOCK
from initpy.core.devices.suggestions import nearest
from initpy.core.explanation import Advice
from initpy.core.jobs.instance import Instance, JobState
from initpy.core.machine.rules import NOT_THERE
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
NO_SHELL = Advice(
    "Here is no shell, since panic=, rd.emergency= or rd.shell=0 say so; without them there is one."
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
    blocks = [each for each in context.devices if each.kind is BLOCK]
    disks = [each for each in blocks if each.properties.get("size") != "0"]
    if not disks:
        yield Advice(
            "No disk has been seen: is it connected, and is the driver of its controller there?",
            (("cat /proc/partitions", "the disks that the kernel knows"),),
        )
    root = context.settings.root
    searched = root is not None and not context.goals.root_matches
    near = None
    if root is not None and searched:
        near = min(filter(None, (nearest(root, each) for each in disks)), default=None)
    if near is not None:
        yield Advice(
            f"Is there a typing error in root=? There is {near.name}. Change it in the boot "
            "loader's menu."
        )
    for instance in sorted(context.machine.every(), key=lambda each: each.key):
        yield from _about(context, instance)
    if searched and near is None and disks:
        yield Advice(f"No device is called {root}: compare it with the names above.")


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
        yield from context.handlers.of(instance).advice(context, instance)
