"""What the handover waits for once everything is mounted: named volumes, and tools at work."""

from collections.abc import Iterator

from initpy.core.actions import HandOver, KeepExitrd
from initpy.core.jobs.instance import Instance
from initpy.core.jobs.timers import Timer
from initpy.core.machine.rules import STALL_SECONDS
from initpy.core.machine.templates import describe
from initpy.core.settings import BreakPoint
from initpy.core.shutdown.declared import DeclaredLayer
from initpy.core.shutdown.kinds import PREFIXES
from initpy.core.state.context import Context
from initpy.core.state.goals import SYSROOT

# How long tools that nothing mounted stands on may keep the real system waiting.
TOOL_PATIENCE = 5.0
# The same for a tool below what is mounted whose job sets no limit, since it was last heard of.
# What it makes is there: a tool that still does not end most likely hangs.
BELOW_PATIENCE = 60.0


def when_ready(context: Context) -> bool:
    """Hand over if all is reached and nothing is to be waited for; True if so."""
    goals = context.goals
    if not goals.complete or goals.handed_over or goals.refused:
        return False
    # An engine that is started again finds root mounted before it has seen a device.
    if not (goals.enumerated or any(not each.kind.declared for each in context.devices)):
        return False
    if is_kept(context) or _tools_at_work(context) or _must_await_checks(context):
        return False
    if context.breakpoints.stop(BreakPoint.HAND_OVER):
        return False
    goals.hand_over()
    for key in tuple(context.prompts.queued):
        context.prompts.drop(key, "the root file system is mounted")
    return True


def switch_root(context: Context) -> None:
    """Have PID 1 run the real init."""
    layers = _declared_layers(context)
    if layers or _has_layers(context):
        context.current.act(KeepExitrd(layers))
    context.current.act(HandOver(SYSROOT, context.settings.init))


def _has_layers(context: Context) -> bool:
    """True if a shutdown can do more for root than a remount read-only, which is what systemd does.

    A file system on plain disks is clean then. The upper part of an overlay is not.
    """
    if context.goals.overlay_devices():
        return True
    return any(name.startswith(PREFIXES) for name in _below(context, _used(context)))


def _declared_layers(context: Context) -> tuple[DeclaredLayer, ...]:
    """The layers below root that a job file takes down at shutdown, such as pools."""
    below = {*_below(context, _used(context))}
    return tuple(
        layer
        for layer, names in context.derived.shutdowns().items()
        if names & below or any(map(layer.makes, below))
    )


def _below(context: Context, names: set[str]) -> Iterator[str]:
    """These devices and all that they stand on."""
    pending, seen = sorted(names), set[str]()
    while pending:
        name = pending.pop()
        if name in seen:
            continue
        seen.add(name)
        yield name
        if (device := context.devices.get(name)) is not None:
            pending.extend(sorted(device.slaves))


def _used(context: Context) -> set[str]:
    """The devices that are mounted, and those that root may be."""
    sources = map(context.devices.mounted_from, context.goals.mounted.values())
    return {
        *context.goals.root_matches, *(each.name for each in sources if each is not None),
    }  # fmt: skip


def named_pending(context: Context) -> bool:
    """True while there is an instance that the handover must wait for: a named volume (R1)."""
    return any(keeps(context) for keeps in context.handlers.manners.keeping)


def is_kept(context: Context) -> bool:
    """True while the handover must wait for a named volume, or for what a technology mends."""
    return named_pending(context) or any(keeps(context) for keeps in context.technologies.keeps)


def _tools_at_work(context: Context) -> bool:
    """True while there is a tool to wait for before the handover, which would end it.

    What a mounted device stands on may be there before the tool that made it has ended, and a tool
    that is killed half-way leaves its layer half made. Its job's limit ends one that hangs; without
    such a limit, it gets a minute. A tool that works for other devices gets some seconds: it may
    hang, and the real system starts it again.
    """
    goals, timers = context.goals, context.machine.timers
    running = [
        each for each in context.machine.running() if not context.handlers.manner(each).beside
    ]
    used = _used(context)
    if not running and not _news_is_due(context, used):
        return False
    if any(_is_waited_for(context, each, used) for each in running):
        return True
    if goals.leave():
        timers.start(Timer.HAND_OVER, "", context.now + TOOL_PATIENCE)
    elif not timers.armed(Timer.HAND_OVER, ""):
        if running:
            what = ", ".join(describe(context, each) for each in running)
            context.report(f"the real system starts although this has not ended: {what}")
        return False
    return True


def _is_waited_for(context: Context, instance: Instance, used: set[str]) -> bool:
    """True for a tool at work below a device that is used, unless it seems to hang."""
    subject, timers = instance.subject, context.machine.timers
    if subject is None or not any(context.devices.stands_on(name, subject) for name in used):
        return False
    if instance.definition.timeout or timers.armed(Timer.KILLED, instance.key):
        return True
    stalls = timers.due(Timer.STALL, instance.key)
    if stalls is None:
        return False
    due = max(context.goals.reached_at, stalls - STALL_SECONDS) + BELOW_PATIENCE
    if due <= context.now:
        return False
    timers.start(Timer.HAND_OVER, instance.key, due)
    return True


def _must_await_checks(context: Context) -> bool:
    """True while a check runs that the real init would not await."""
    if not context.goals.checked_others:
        return False
    from initpy.core.goals import other_checks

    return other_checks.must_await(context)


def _news_is_due(context: Context, used: set[str]) -> bool:
    """True where something mounted stands on a device whose news is still to come.

    A partition on an array may be announced sooner than the array itself; what that lacks is to
    be left to the real system (R8).
    """
    hooks = context.technologies.incoming
    return any(hook(context, name) for name in _below(context, used) for hook in hooks)
