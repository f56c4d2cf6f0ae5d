"""Exploring finds each fault that was found by reading before: planted again, within few worlds.

Those that only tests of the runtime show are in `tests/unit/test_unexplored_faults.py`.

Each row plants one fault of the core, or of process 1 as the simulator has it. Where that can be
said at the core's boundary, a wrapper around `Boot.handle` changes events or actions; else one
named thing is patched. Worlds are those of the explorer with the trouble that brings it out; the
one that shows the fault has no such violation without it.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import SimpleNamespace
from typing import Any

import pytest

from initpy.core import subjects
from initpy.core.actions import (
    Action,
    HandOver,
    Mount,
    OpenShell,
    Record,
    Reply,
    Run,
    ShowFailure,
    Stop,
)
from initpy.core.boot import Boot
from initpy.core.devices.graph import Device
from initpy.core.events import (
    Answered,
    BootStarted,
    DeviceChanged,
    DeviceRemoved,
    Enumerated,
    Event,
    JobEnded,
    Mounted,
    ShellEnded,
)
from initpy.core.explanation import Node
from initpy.core.failure import ending
from initpy.core.goals import fsck, handover, other_checks
from initpy.core.machine import rules
from initpy.core.secret import Secret
from initpy.core.settings import BreakPoint
from initpy.core.storage.md import firmware, monitor
from initpy.core.unlock import attempts
from initpy.scenario.model import FSTAB
from initpy.simulation.explore.firmware import has_firmware
from initpy.simulation.explore.generate import Trial, draw
from initpy.simulation.explore.otherstorage import with_other_storage
from initpy.simulation.explore.search import judge_trial
from initpy.simulation.explore.usertools import has_user_tool
from initpy.simulation.machine.pid1 import Machine

FIRST, MOST = 70_000, 1_500  # worlds that are tried at most, those without room for it included
FOR_EVER = 1e9
Patch = pytest.MonkeyPatch
Handle = Callable[[Event, float], tuple[Action, ...]]
Change = Callable[[Boot, Handle, Event, float], tuple[Action, ...]]


def at_the_boundary(patch: Patch, change: Change) -> None:
    """Events and actions of each core pass through `change`, which calls the core itself."""
    whole = Boot.handle

    def handle(self: Boot, event: Event, now: float) -> tuple[Action, ...]:
        return change(self, lambda event, now: whole(self, event, now), event, now)

    patch.setattr(Boot, "handle", handle)


class Notes:
    """What a plant remembers of each core."""

    def __init__(self, kind: Callable[[], Any]) -> None:
        self._kind, self._of = kind, dict[int, tuple[Boot, Any]]()

    def of(self, boot: Boot) -> Any:
        """Its notes; a core is kept, or another one would get its number."""
        return self._of.setdefault(id(boot), (boot, self._kind()))[1]


def never_left_behind(patch: Patch) -> None:
    """1, 2: a command that SIGKILL does not end stays at work."""
    patch.setattr(rules, "KILL_SECONDS", FOR_EVER)


def patient_with_keys(patch: Patch) -> None:
    """4: an attempt with a key keeps the prompt away as long as it may take."""
    patch.setattr(attempts, "ATTEMPT_SECONDS", FOR_EVER)


def given_up_at_once(patch: Patch) -> None:
    """5: a volume whose attempt has failed is not waited for, tries or not."""
    mounted = Notes(set)

    def change(boot: Boot, whole: Handle, event: Event, now: float) -> tuple[Action, ...]:
        actions = whole(event, now)
        if isinstance(event, Mounted):
            mounted.of(boot).add(event.target)
        failed = isinstance(event, JobEnded) and event.status != 0
        if failed and "/sysroot" in mounted.of(boot) and "luks-open" in str(event):
            return (*actions, HandOver("/sysroot", None))
        return actions

    at_the_boundary(patch, change)


def unforgiving(patch: Patch) -> None:
    """6: a physical volume that failed as often as it may is not looked at again, ever."""
    failures = Notes(dict)

    def change(boot: Boot, whole: Handle, event: Event, now: float) -> tuple[Action, ...]:
        failed = failures.of(boot)
        if isinstance(event, JobEnded) and event.job.startswith("lvm-scan") and event.status:
            failed[event.job] = failed.get(event.job, 0) + 1
        return tuple(
            each
            for each in whole(event, now)
            if not (isinstance(each, Run) and failed.get(each.job, 0) >= 3)
        )

    at_the_boundary(patch, change)


def lost_with_its_first_device(patch: Patch) -> None:
    """7: a job that runs once counts as ended when the device that brought it goes."""
    first = Notes(dict)

    def change(boot: Boot, whole: Handle, event: Event, now: float) -> tuple[Action, ...]:
        notes = first.of(boot)
        actions: tuple[Action, ...] = ()
        if isinstance(event, DeviceRemoved) and event.name == notes.get("device"):
            actions = whole(JobEnded("luks-modules", notes.pop("run"), 1), now)
            notes.pop("device")
        actions += whole(event, now)
        for each in actions:
            if isinstance(each, Run) and each.job == "luks-modules":
                notes["run"], notes["device"] = each.run, _brought_by(event)
        return actions

    at_the_boundary(patch, change)


def _brought_by(event: Event) -> str:
    """The first locked device that an event tells of."""
    devices = event.devices if isinstance(event, Enumerated) else ()
    devices = (event.device,) if isinstance(event, DeviceChanged) else devices
    locked = (each for each in devices if each.properties.get("ID_FS_TYPE") == "crypto_LUKS")
    return next((each.name for each in locked), "")


def failing_twice(patch: Patch) -> None:
    """8: root's clock fires once more after the failure, and the countdown begins anew."""
    whole = ending.check
    failed = Notes(list)

    def check(context: Any) -> None:
        whole(context)
        since = failed.of(context)
        if context.outcome.failed and not since:
            since.append(context.now)
        if len(since) == 1 and context.now > since[0] + 20.0 and not context.goals.complete:
            since.append(context.now)
            ending.fail(context, "the root device has not turned up")

    patch.setattr(ending, "check", check)


def never_stopped(patch: Patch) -> None:
    """9: a command whose device has gone is left to itself."""
    gone = Notes(set)

    def change(boot: Boot, whole: Handle, event: Event, now: float) -> tuple[Action, ...]:
        if isinstance(event, DeviceRemoved):
            gone.of(boot).add(event.name)
        return tuple(
            each
            for each in whole(event, now)
            if not (isinstance(each, Stop) and each.job.partition("@")[2] in gone.of(boot))
        )

    at_the_boundary(patch, change)


def speechless(patch: Patch) -> None:
    """10: a request is answered only where it comes to a good end."""

    def change(_: Boot, whole: Handle, event: Event, now: float) -> tuple[Action, ...]:
        return tuple(
            each for each in whole(event, now) if not (isinstance(each, Reply) and not each.done)
        )

    at_the_boundary(patch, change)


def knows_no_parents(patch: Patch) -> None:
    """11: a partition whose disk was not told of yet stands for itself."""
    known = Notes(set)

    def orphan(boot: Boot, device: Device) -> Device:
        known.of(boot).add(device.name)
        below = device.slaves & known.of(boot)
        return device._replace(slaves=below)

    def change(boot: Boot, whole: Handle, event: Event, now: float) -> tuple[Action, ...]:
        if isinstance(event, DeviceChanged):
            return whole(DeviceChanged(orphan(boot, event.device)), now)
        if isinstance(event, Enumerated):
            known.of(boot).update(each.name for each in event.devices)
            return whole(Enumerated(tuple(orphan(boot, each) for each in event.devices)), now)
        return whole(event, now)

    at_the_boundary(patch, change)


def retentive(patch: Patch) -> None:
    """12: what was typed for a volume that goes while it is tried stays in memory."""
    typed, kept = Notes(dict), list[Secret]()
    wipe = Secret.wipe

    def change(boot: Boot, whole: Handle, event: Event, now: float) -> tuple[Action, ...]:
        if isinstance(event, Answered):
            typed.of(boot)[event.job] = event.secret
        if isinstance(event, DeviceRemoved):
            secret = typed.of(boot).pop(f"luks-open@{event.name}", None)
            kept.extend([secret] if secret is not None else [])
        return whole(event, now)

    patch.setattr(
        Secret, "wipe", lambda self: None if any(self is each for each in kept) else wipe(self)
    )
    at_the_boundary(patch, change)


def discouraged(patch: Patch) -> None:
    """13: process 1 does not try again to start udevd."""
    patch.setattr(Machine, "_try_udevd_again", lambda self: None)


def counting_anew(patch: Patch) -> None:
    """16: when the shell of break= has ended, a degraded mount waits its whole time again."""
    waits = Notes(dict)

    def change(boot: Boot, whole: Handle, event: Event, now: float) -> tuple[Action, ...]:
        notes = waits.of(boot)
        if isinstance(event, ShellEnded):
            notes["until"] = now + 100.0
        actions = whole(event, now)
        held = [each for each in actions if isinstance(each, Mount) and "degraded" in each.options]
        if now < notes.get("until", 0.0):
            notes["held"] = [*notes.get("held", []), *held]
            return tuple(each for each in actions if each not in held)
        return (*notes.pop("held", []), *actions)

    at_the_boundary(patch, change)


def hasty(patch: Patch) -> None:
    """20: a mount of root that fails ends the boot at once."""

    def change(_: Boot, whole: Handle, event: Event, now: float) -> tuple[Action, ...]:
        actions = whole(event, now)
        mount = isinstance(event, JobEnded) and event.job.startswith("mount-root")
        if mount and isinstance(event, JobEnded) and event.status:
            screen = ShowFailure("root cannot be mounted", Node("root", "failed"))
            return (*actions, screen, OpenShell())
        return actions

    at_the_boundary(patch, change)


def impatient_with_checks(patch: Patch) -> None:
    """21: other file systems are checked while root's own commands run."""
    patch.setattr(other_checks, "_root_is_calm", lambda context: context.goals.enumerated)


def silent_about_checks(patch: Patch) -> None:
    """22: the real system is not told what was checked."""

    def change(_: Boot, whole: Handle, event: Event, now: float) -> tuple[Action, ...]:
        actions = whole(event, now)
        return tuple(e for e in actions if not (isinstance(e, Record) and "/checks/" in e.folder))

    at_the_boundary(patch, change)


def murderous(patch: Patch) -> None:
    """23: the handover ends the checks that run."""

    def change(boot: Boot, whole: Handle, event: Event, now: float) -> tuple[Action, ...]:
        actions = whole(event, now)
        if not any(isinstance(each, HandOver) for each in actions):
            return actions
        running = boot._context.machine.running()
        return (*(Stop(each.key, each.run) for each in running), *actions)

    at_the_boundary(patch, change)


def careless_of_copies(patch: Patch) -> None:
    """24: a file system is checked although two devices have its name."""
    obstacle = other_checks._obstacle

    def change(context: Any, instance: Any) -> str:
        why = obstacle(context, instance)
        return "" if why.startswith("several") else why

    patch.setattr(other_checks, "_obstacle", change)


def thoughtless_of_hibernation(patch: Patch) -> None:
    """25: root is checked and mounted at once, though a hibernated system may be resumed."""

    def change(boot: Boot, whole: Handle, event: Event, now: float) -> tuple[Action, ...]:
        if isinstance(event, BootStarted):
            event = BootStarted(resume_over=True)
        return whole(event, now)

    at_the_boundary(patch, change)


def deaf_to_late_arrays(patch: Patch) -> None:
    """26: what has failed is tried again when a device shows, not when it can be used."""
    patch.setattr(subjects, "_is_new", lambda before, present: before is None)


def patient_with_tools(patch: Patch) -> None:
    """27: a tool below root that its job does not limit holds the handover as long as it runs."""
    patch.setattr(handover, "BELOW_PATIENCE", FOR_EVER)


def trusting_in_monitors(patch: Patch) -> None:
    """28: a volume is used at once when its monitor runs, before that has made it writable."""
    whole = monitor._set

    def put(context: Any, device: Device, value: str | None) -> bool:
        volume = value == monitor.AWAITED and firmware.is_volume(device)
        box = context.devices.get(firmware.container_name(device)) if volume else None
        if box is not None and monitor.PROCESS in box.properties:
            value = None
        return whole(context, device, value)

    patch.setattr(monitor, "_set", put)


def eager_to_check(patch: Patch) -> None:
    """29: root is checked before the shell that break=mount opens."""
    patch.setattr(fsck, "BreakPoint", SimpleNamespace(MOUNT=BreakPoint.HAND_OVER))


@dataclass(frozen=True)
class Row:
    """A fault, the trouble that brings it out, and what the oracle says of it."""

    number: int
    plant: Callable[[Patch], None]
    trouble: tuple[str, ...]
    invariants: tuple[str, ...]


CHECKS = ("other checks",)  # no trouble, but what every fourth world has
STORAGE = ("other storage",)  # nor these: worlds in the place of others
TOOLS = ("user tools",)  # nor these
MONITORS = ("monitors",)  # nor these
UNREACHED = ("a-reachable-root-is-mounted", "an-unreachable-root-fails-in-time")
ROWS = (
    Row(1, never_left_behind, ("unkillable",), UNREACHED),
    Row(2, never_left_behind, ("unkillable",), ("a-mounted-root-is-handed-over",)),
    Row(4, patient_with_keys, ("key hangs",), ("no-attempt-keeps-the-prompt-away",)),
    Row(5, given_up_at_once, ("named beside",), ("named-volumes-are-open-before-the-handover",)),
    Row(6, unforgiving, ("scan fails",), UNREACHED),
    Row(7, lost_with_its_first_device, ("modules hang",), ("a-job-runs-after-those-it-names",)),
    Row(8, failing_twice, ("mount fails",), ("a-failed-boot-ends-in-time",)),
    Row(9, never_stopped, ("flaps",), ("no-process-outlives-its-instance",)),
    Row(10, speechless, ("shell",), ("every-request-is-answered",)),
    Row(11, knows_no_parents, ("raw mirror",), ("the-right-root-is-mounted",)),
    Row(12, retentive, ("pulled while tried",), ("every-secret-is-wiped",)),
    Row(13, discouraged, ("syscall",), UNREACHED),
    Row(16, counting_anew, ("break",), ("a-degraded-start-comes-in-time",)),
    Row(20, hasty, ("mount fails",), ("never-failed-before-the-time",)),
    Row(21, impatient_with_checks, CHECKS, ("no-other-check-begins-beside-roots-work",)),
    Row(22, silent_about_checks, CHECKS, ("the-real-system-repeats-no-check",)),
    Row(23, murderous, CHECKS, ("no-other-check-is-killed",)),
    Row(24, careless_of_copies, CHECKS, ("only-what-fstab-names-is-checked",)),
    Row(
        25,
        thoughtless_of_hibernation,
        STORAGE,
        ("nothing-is-changed-before-it-is-clear-what-is-resumed",),
    ),
    Row(26, deaf_to_late_arrays, STORAGE, UNREACHED),
    Row(27, patient_with_tools, TOOLS, ("a-mounted-root-is-handed-over",)),
    Row(
        28,
        trusting_in_monitors,
        MONITORS,
        ("nothing-uses-a-volume-that-its-monitor-makes-writable",),
    ),
    Row(29, eager_to_check, ("break",), ("nothing-is-checked-before-a-stop-before-the-mount",)),
)


def worlds(trouble: tuple[str, ...]) -> Iterator[Trial]:
    """The explorer's worlds with this trouble, as far as they have room for it."""
    for number in range(FIRST, FIRST + MOST):
        if trouble == CHECKS:
            trial = draw(number, ())
            if FSTAB in dict(trial.scenario.files):
                yield trial
            continue
        if trouble == STORAGE:
            scenario = draw(number, ()).scenario
            if with_other_storage(number, scenario) is not None:
                yield draw(number, ())
            continue
        if trouble == TOOLS:
            if has_user_tool(number):
                yield draw(number, ())
            continue
        if trouble == MONITORS:
            trial = draw(number, ())
            if has_firmware(trial.scenario):
                yield trial
            continue
        trial = draw(number, trouble)
        if trial != draw(number, ()):
            yield trial


def found(row: Row, trial: Trial) -> bool:
    """Whether the oracle finds fault with this world, in the way that is expected."""
    return any(each.invariant in row.invariants for each in judge_trial(trial))


@pytest.mark.parametrize("row", ROWS, ids=lambda row: f"{row.number}-{row.plant.__name__}")
def test_exploring_finds_it(row: Row, monkeypatch: pytest.MonkeyPatch) -> None:
    for trial in worlds(row.trouble):
        with monkeypatch.context() as patch:
            row.plant(patch)
            seen = found(row, trial)
        if seen and not found(row, trial):
            return
    pytest.fail(f"not found in the worlds from {FIRST} to {FIRST + MOST}")
