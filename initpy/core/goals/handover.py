"""What the handover waits for once everything is mounted: named volumes, and tools at work."""

from initpy.core.machine.context import State
from initpy.core.machine.definitions import Strategy
from initpy.core.machine.timers import Timer

# How long tools that nothing mounted stands on may keep the real system waiting.
TOOL_PATIENCE = 5.0


def must_wait(state: State) -> bool:
    """True while a volume that people named is locked (R1), or a tool is to be waited for."""
    return named_pending(state) or _tools_at_work(state)


def named_pending(state: State) -> bool:
    """True while there is a locked volume that people named and that the boot must wait for.

    One attempt that failed is not the last while there is a try left.
    """
    # Asked for each job that might start: not all instances are looked at.
    failed = (state.instances[key] for key in state.gave_up)
    again = (each for each in failed if each.definition.strategy is Strategy.UNLOCK)
    for instance in (*state.pending[Strategy.UNLOCK].values(), *again):
        if not instance.expected:
            continue
        device = state.device(instance)
        named = state.settings.volume(device) if device else None
        if named is not None and not named.optional and not instance.idle:
            return True
    return False


def _tools_at_work(state: State) -> bool:
    """True while there is a tool to wait for before the handover, which would end it.

    What a mounted device stands on may be there before the tool that made it has ended, and a tool
    that is killed half-way leaves its layer half made. One that works for other devices
    gets some seconds: it may hang, and the real system starts it again.
    """
    running = [state.instances[key] for key in sorted(state.tools)]
    sources = set(state.mounted.values())
    used = state.by_role | {each.name for each in state.devices if each.node in sources}
    if not running and not _news_is_due(state, used):
        return False
    if any(
        each.subject is not None and state.devices.stands_on(name, each.subject)
        for each in running
        for name in used
    ):
        return True
    if not state.leaving:
        state.leaving = True
        state.timers.start(Timer.HAND_OVER, "", state.now + TOOL_PATIENCE)
    elif not state.timers.armed(Timer.HAND_OVER, ""):
        if running:
            what = ", ".join(state.describe(each) for each in running)
            state.report(f"the real system starts although this has not ended: {what}")
        return False
    return True


def _news_is_due(state: State, used: set[str]) -> bool:
    """True where something mounted stands on an array that was not told of as running yet.

    A partition on it may be announced sooner than the array itself; what it lacks is to be
    left to the real system (R8).
    """
    pending, seen = sorted(used), set[str]()
    while pending:
        name = pending.pop()
        device = state.devices.get(name)
        if name.startswith("md") and (
            device is None or device.properties.get("md/array_state") == "inactive"
        ):
            return True
        if device is not None and name not in seen:
            seen.add(name)
            pending.extend(sorted(device.slaves))
    return False
