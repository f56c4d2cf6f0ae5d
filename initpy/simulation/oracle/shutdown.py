"""Invariants of the shutdown (R21): its order, what is left, and how long it takes."""

from initpy.scenario.acts import Deed
from initpy.simulation.machine.shutdown import Closing, Made
from initpy.simulation.oracle.case import Case, Found

# Processes get 20 s, and what is in use is tried for some seconds for each thing that it carries.
BESIDE, EACH = 30.0, 6.0


def a_way_back_is_kept_for_layers(case: Case) -> Found:
    """The exitrd stays in memory if root stands on layers, and only then."""
    closing = case.closing
    if closing is not None and not closing.kept and _has_untold_devices(case):
        return
    if any(each.deed is Deed.FILL_RUN for each in case.expected.scenario.faults):
        return  # there may be no room for it
    if closing is not None and closing.kept is not closing.layered:
        what = "nothing is kept" if closing.layered else "an exitrd is kept for nothing"
        yield case.ended, f"{what} for the shutdown"


def _has_untold_devices(case: Case) -> bool:
    """Whether root's btrfs has a device of which no news had come: what that is on is not known."""
    root = case.expected.items.get(case.expected.root)
    if root is None or root.kind != "btrfs" or root.layer is None or not case.story.handovers:
        return False
    _, order = case.story.handovers[-1]
    known = (each.properties.get("ID_FS_UUID") for each in case.story.known(order))
    return sum(each == root.layer.uuid for each in known) < len(root.layer.on)


def nothing_is_taken_down_below_something(case: Case) -> Found:
    """A step begins once nothing stands on its device or mount."""
    for step in _steps(case.closing):
        if step.above:
            what = f"{step.deed} {step.what} while {', '.join(step.above)} stands on it"
            yield case.ended + step.time, what


def nothing_is_left_at_a_shutdown(case: Case) -> Found:
    """All is unmounted, closed and stopped, but what a step that hangs stands on."""
    closing = case.closing
    if closing is None or not closing.kept:
        return
    left = {*closing.mounts, *closing.devices, *closing.daemons} - closing.blocked
    if left:
        yield case.ended + (closing.ended or 0.0), f"left: {', '.join(sorted(left))}"


def a_shutdown_ends_in_time(case: Case) -> Found:
    """Steps that hang cost their limit once each, and the console says so."""
    closing = case.closing
    if closing is None or not closing.kept:
        return
    hanging = [each for each in closing.steps if each.hangs]
    needed = sum(each.seconds for each in closing.steps)
    limit = BESIDE + len(hanging) * closing.timeout + needed + EACH * len(closing.steps)
    if closing.ended is None or closing.ended > limit:
        yield case.ended + limit, f"the machine is still on after {limit:.0f} s"
    said = [each for each in closing.said if "has not ended within" in each]
    if len(said) < len(hanging):
        yield case.ended, f"{len(hanging)} steps hang, and {len(said)} are said"


def _steps(closing: Closing | None) -> list[Made]:
    return closing.steps if closing is not None else []
