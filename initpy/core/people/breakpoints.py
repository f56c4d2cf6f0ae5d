"""Stops that people asked for with `break=`: a shell at a point of the boot, which then goes on.

The shell is gated as any other. While it is open no clock counts. What is asked for is done once
by each engine: one that is started again while the shell is open opens it anew.
"""

from initpy.core.actions import OpenShell
from initpy.core.machine.context import State
from initpy.core.settings import BreakPoint

MEANING = {
    BreakPoint.START: "before anything is done with a device",
    BreakPoint.MOUNT: "before the root file system is mounted",
    BreakPoint.HAND_OVER: "before the real system is started",
}


def paused(state: State, point: BreakPoint) -> bool:
    """True while the boot stands at this point; stops it there if people asked for that."""
    if state.paused is None and point in state.settings.breaks and point not in state.passed:
        state.passed.add(point)
        where = f"the boot stops here, {MEANING[point]}, as break= asks for"
        if state.settings.shell:
            state.paused = point
            state.act(OpenShell(f"{where}; `exit` goes on"))
        else:
            state.report(f"no stop {MEANING[point]}: there is no shell (rd.shell=0 or panic=)")
    return state.paused is point


def go_on(state: State) -> None:
    """The shell of a stop has ended."""
    state.paused = None
    state.report("the shell has ended: the boot goes on")
    state.touch_all(state.instances.values())
