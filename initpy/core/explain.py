"""Builds the tree that explains the present state (R23)."""

from initpy.core import roles
from initpy.core.deadlines import Deadline
from initpy.core.degraded import deadline_name
from initpy.core.devices import Device
from initpy.core.holding import ROOT_WAIT, holds
from initpy.core.instance import Instance, JobState
from initpy.core.state import SYSROOT, State
from initpy.core.tree import Node

# States that need no explanation: nothing waits for them.
QUIET = (JobState.DONE, JobState.WITHDRAWN)


def explain(state: State) -> Node:
    """Root at the top; below it what is pending or failed, then the devices that are there."""
    root = state.settings.root
    clock = state.deadlines.get(ROOT_WAIT)
    left = clock.left(state.now) if clock else None
    children = [*_work(state), *_devices(state)]
    if SYSROOT in state.mounted:
        children = [*_further(state, clock), *children]
        reason = state.refused or f"from {state.mounted[SYSROOT]}"
        return Node(f"root {root}", "mounted", None, None, reason, tuple(children))
    if root is None:
        reason = "the command line has no root=: add one, e.g. root=UUID=…"
    elif (why := roles.why_not(state)) is not None:
        reason = why
    elif state.by_role:
        reason = f"found on {', '.join(sorted(state.by_role))}, not mounted"
    else:
        reason = "no device with that name has been seen"
    if clock is not None and clock.held:
        left = None
        reason += "; the clock is held: " + "; ".join(
            f"{each.owner} {each.reason}" for each in holds(state, clock)
        )
    return Node(f"root {root or '(not given)'}", "waiting", 0.0, left, reason, tuple(children))


def _further(state: State, clock: Deadline | None) -> list[Node]:
    """What is wanted below the root and not mounted."""
    left = clock.left(state.now) if clock is not None and not clock.held else None
    nodes = []
    for each in state.unmounted():
        names = ", ".join(sorted(state.devices_for({SYSROOT + each.target})))
        reason = f"found on {names}, not mounted" if names else "not seen, or not yet its turn"
        nodes.append(Node(f"{each.target} {each.source}", "waiting", None, left, reason))
    return nodes


def _work(state: State) -> list[Node]:
    shown = [each for each in state.instances.values() if each.state not in QUIET]
    return [_job(state, each) for each in sorted(shown, key=lambda each: each.key)]


def _job(state: State, instance: Instance) -> Node:
    timer = state.deadlines.get(deadline_name(instance))
    left, reason = None, instance.reason
    if timer is not None:
        left = timer.left(state.now)
        if timer.held:
            left = None
            reason += "; its timer is held: "
            reason += "; ".join(each.owner for each in holds(state, timer))
    below = state.devices.slaves(instance.subject) if instance.subject else ()
    children = tuple(_device(each) for each in below)
    label = state.describe(instance)
    return Node(label, instance.state.value, instance.since, left, reason, children)


def _devices(state: State) -> list[Node]:
    """The devices that nothing stands on: one of them should have been root."""
    tops = [each for each in state.devices if not state.devices.holders(each.name)]
    shown = [each for each in tops if each.properties.get("size") != "0"]
    return [_device(each) for each in sorted(shown, key=lambda each: each.name)]


def _device(device: Device) -> Node:
    known = device.properties
    parts = [known.get("ID_FS_TYPE", "no known content")]
    parts += [
        f"{label}={known[key]}"
        for label, key in (
            ("LABEL", "ID_FS_LABEL"),
            ("UUID", "ID_FS_UUID"),
            ("PARTUUID", "ID_PART_ENTRY_UUID"),
            ("PARTLABEL", "ID_PART_ENTRY_NAME"),
        )
        if key in known
    ]
    return Node(device.node, "ready" if device.ready else "not ready", reason=", ".join(parts))
