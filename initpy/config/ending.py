"""The parameters about a boot that does not go on: waits, failures, break points, recovery."""

from collections.abc import Callable

from initpy.config.commandline import Parameter
from initpy.config.draft import Draft
from initpy.config.errors import InputError
from initpy.core.settings import BreakPoint, Emergency

EMERGENCY_DELAY = 10.0  # seconds to read the reason
SHELLS = {"emergency": BreakPoint.START, "rescue": BreakPoint.MOUNT}


def _wait(draft: Draft, parameter: Parameter) -> None:
    if parameter.key == "rootwait" and parameter.value is None:
        draft.waits[parameter.key] = 0.0  # the kernel's rootwait: indefinitely
    else:
        draft.waits[parameter.key] = parameter.seconds(for_ever=0.0)


def _finish_waits(draft: Draft) -> None:
    """The longest of the waits that were asked for counts; 0 stands for "for ever"."""
    waits = draft.waits.values()
    if waits:
        draft.set(root_wait=None if 0.0 in waits else max(waits))


def _panic(draft: Draft, parameter: Parameter) -> None:
    draft.panic = 0  # where it is no number, too: no shell
    draft.panic = parameter.integer()


def _emergency(draft: Draft, parameter: Parameter) -> None:
    """`rd.emergency=` of dracut. Without a value it is systemd's, for its emergency.target."""
    if parameter.value is None:
        draft.set(breaks=draft.settings.breaks | {BreakPoint.START})
        return
    if parameter.value not in ("reboot", "poweroff", "halt"):
        raise parameter.error("reboot, poweroff or halt")
    draft.emergency = Emergency(parameter.value)


def _rescue(draft: Draft, parameter: Parameter) -> None:
    """`rd.rescue` of systemd: devices are there, and nothing is mounted."""
    if parameter.flag():
        draft.set(breaks=draft.settings.breaks | {BreakPoint.MOUNT})


def _unit(draft: Draft, parameter: Parameter) -> None:
    """`rd.systemd.unit=`: two of systemd's units are shells, and one is the boot as it is."""
    unit = (parameter.value or "").removesuffix(".target")
    if unit in SHELLS:
        draft.set(breaks=draft.settings.breaks | {SHELLS[unit]})
    elif unit != "initrd":
        raise parameter.error(
            "rescue.target or emergency.target, which open a shell, or initrd.target: "
            "no systemd runs in this initramfs; it is ignored"
        )


def _finish_emergency(draft: Draft) -> None:
    """`panic=` says when, `rd.emergency=` what; with either there is no shell.

    A machine set to reboot on panic must not offer a shell instead, nor one that is to stop then,
    by 0 (Debian's rule: scripts/functions of initramfs-tools).
    """
    if draft.panic is not None:
        draft.set(shell=False)
    how = draft.emergency or (Emergency.REBOOT if draft.panic else None)
    if how is not None:
        delay = float(max(draft.panic, 0)) if draft.panic else EMERGENCY_DELAY
        draft.set(emergency=how, emergency_delay=delay, shell=False)


def _recovery(draft: Draft, parameter: Parameter) -> None:
    draft.recovery = parameter.flag()


def _finish_recovery(draft: Draft) -> None:
    """The boot ends in a shell, whatever the rest of the command line says: other entries share it.

    Nothing is checked, mounted or restarted by itself.
    """
    breaks = draft.settings.breaks | {BreakPoint.MOUNT}
    draft.set(breaks=breaks, check=None, shell=True, counting=None, may_count=False)
    draft.set(emergency=Emergency.WAIT, emergency_delay=0.0)


def _tries(draft: Draft, parameter: Parameter) -> None:
    from initpy.config.counting import tries  # rare

    counting = tries(parameter)
    draft.set(counting=counting, may_count=not parameter.value)


def _break(draft: Draft, parameter: Parameter) -> None:
    from initpy.config.breakpoints import break_points  # rare

    try:
        points = break_points(parameter)
    except InputError:
        # A point is meant that no other initramfs has: nothing is mounted unasked.
        draft.set(breaks=draft.settings.breaks | {BreakPoint.MOUNT})
        raise
    draft.set(breaks=draft.settings.breaks | points)


def extend(draft: Draft) -> None:
    """A volume that crypttab gives longer may take as long (x-systemd.device-timeout=)."""
    limits = [each.limit for each in draft.settings.volumes if not each.optional]
    wait = draft.settings.root_wait
    if any(limits) or None in limits:
        longest = [each for each in (wait, *limits) if each is not None]
        draft.set(root_wait=None if None in (wait, *limits) else max(longest))


HANDLERS: dict[str, Callable[[Draft, Parameter], None]] = {
    "rootwait": _wait,
    "rootdelay": _wait,
    "rd.timeout": _wait,
    "rd.retry": _wait,
    "panic": _panic,
    "rd.emergency": _emergency,
    "rd.rescue": _rescue,
    "rd.systemd.unit": _unit,
    "initpy.tries": _tries,
    "initpy.recovery": _recovery,
    "rd.shell": lambda draft, p: draft.set(shell=p.flag()),
    "break": _break,
    "rd.break": _break,
    "rd.systemd.break": _break,
}


def finish(draft: Draft) -> None:
    """Put into the settings what only the whole command line tells."""
    _finish_waits(draft)
    _finish_emergency(draft)
    if draft.recovery:
        _finish_recovery(draft)
