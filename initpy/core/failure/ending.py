"""What happens when root does not come: the failure screen, a shell or the end of the boot."""

from initpy.core.actions import EndBoot, OpenShell, ShowFailure
from initpy.core.goals import mounts
from initpy.core.goals.naming import overlay_missing
from initpy.core.jobs.instance import Instance, JobState, Stimulus
from initpy.core.jobs.timers import Timer
from initpy.core.machine.templates import describe
from initpy.core.settings import Emergency
from initpy.core.state.assemblies import deadline_name
from initpy.core.state.context import Context
from initpy.core.state.deadlines import END, RESUME, Deadline
from initpy.core.waiting import countdown
from initpy.core.waiting.clock import NOTICE_SECONDS, give_time, update, wait_for_root
from initpy.core.waiting.holds import held

# Stacks of devices on the failure screen, which is to be read as a whole; then "more".
SCREEN_STACKS = 8


def start_clock(context: Context) -> None:
    """Begin to wait for root (R6); a restarted engine begins anew."""
    settings = context.settings
    if settings.root is None:
        none = "the command line names no root device (root=)"
        wrong = settings.unread
        fail(context, f"the root is not understood: {wrong}" if wrong else none)
        return
    if settings.refusal:
        fail(context, f"root is left alone, since this is not understood: {settings.refusal}")
        return
    context.report(f"waiting for root, {settings.root}", detail=True)
    context.outcome.wait()
    if settings.root_wait is not None:
        wait_for_root(context, settings.root_wait)
    context.machine.timers.start(Timer.NOTICE, "", context.now + NOTICE_SECONDS)


def restart_clock(context: Context) -> None:
    """Root is mounted, and what belongs below it has a little time of its own at least."""
    context.outcome.in_time()
    give_time(context)
    _give_limits(context)
    context.report(f"root is mounted, waiting for {mounts.missing(context)}", detail=True)


def _give_limits(context: Context) -> None:
    """Give the devices of other mounts the time that the root's own fstab gives them."""
    limits = [each.limit for each in context.goals.unmounted()]
    given = [each for each in limits if each is not None]
    if len(given) < len(limits):
        wait_for_root(context, None)
    elif (clock := context.deadlines.root) is not None:
        context.deadlines.extend(clock, max(given, default=0.0))


def check(context: Context) -> None:
    """Bring the deadlines up to the present and act on deadlines that are over."""
    if context.goals.handed_over or context.goals.complete:
        return
    if update(context):
        _act(context)
    if context.settings.counting is not None:
        countdown.go_on(context)


def _act(context: Context) -> None:
    for instance in _assembling(context):
        deadline = context.deadlines.get(deadline_name(instance))
        if deadline is not None and deadline.over(context.now):
            context.machine.touch(instance)
            # One at a time: what it reveals may be what the others wait for.
            return
    resume = context.deadlines.get(RESUME)
    if resume is not None and resume.over(context.now):
        from initpy.core.goals.resume import give_up  # most boots have nothing to resume

        give_up(context)
    root = context.deadlines.root
    if root is not None and root.over(context.now):
        context.outcome.late()
        if not (
            _force_next(context, root) or _try_last(context, root) or _do_without(context, root)
        ):
            context.deadlines.drop(root.name)
            if not context.outcome.failed:
                fail(context, _not_come(context))
    end = context.deadlines.end  # which may have begun just now, with no time at all
    if end is not None and end.over(context.now):
        context.deadlines.drop(end.name)
        context.current.act(EndBoot(context.outcome.ending, context.outcome.reason))


def _assembling(context: Context) -> list[Instance]:
    """What is started, or mounted, without its missing parts after a deadline of its own."""
    return [
        each
        for strategy in context.handlers.manners.assembling
        for each in context.machine.pending(strategy)
    ]


def _force_next(context: Context, root: Deadline) -> bool:
    """On root's deadline degraded starts come first, and the wait goes on (R7)."""
    assembling = _assembling(context)
    waiting = [
        ((deadline.rank, deadline.duration), each)
        for each in assembling
        if each.state is JobState.READY
        and (deadline := context.deadlines.get(deadline_name(each))) is not None
    ]
    if not waiting:
        if under_way := any(each.busy for each in assembling):
            context.deadlines.extend(root, context.settings.grace)
        return under_way
    # Volume groups wait for arrays, and looks into arrays of another host come last (R9).
    waiting.sort(key=lambda each: each[0])
    context.deadlines.extend(root, context.settings.grace)
    for _, instance in waiting:
        deadline = context.deadlines.get(deadline_name(instance))
        if deadline is None or deadline.in_grace(context.now):
            continue  # a member whose command has just ended may come, or be tried again
        if not held(context, deadline):
            context.assemblies.of(instance).forced = True
            context.machine.touch(instance)
            break
    return True


def _try_last(context: Context, root: Deadline) -> bool:
    """Have technologies try what they keep for the end; the wait goes on for what that reveals."""
    trying = [hook(context) for hook in context.technologies.overdue]
    found = any(trying) or any(hook(context) for hook in context.technologies.at_last)
    if found:
        context.deadlines.extend(root, context.settings.grace)
    return found


def _do_without(context: Context, root: Deadline) -> bool:
    """Where no user can decide, a root that lacks only the device for its changes starts, too.

    dracut does so with and without a user. Nothing is written to root, and what is written is
    lost when the machine is switched off: a user with a shell may know better (`advice`).
    """
    settings, missing = context.settings, overlay_missing(context)
    if not missing or (settings.shell and settings.emergency is Emergency.WAIT):
        return False
    context.goals.keep_in_memory()
    context.report(f"{missing}, has not turned up: changes go to memory, and are lost at the end")
    context.machine.timers.start(Timer.ALONE, "", context.now)  # root's marks are due
    context.deadlines.extend(root, settings.grace)
    return True


def _not_come(context: Context) -> str:
    """Why the boot has failed: what could not be mounted, or what has not turned up."""
    broken = next(iter(mounts.failed(context)), None)
    if broken is not None:
        return f"{describe(context, broken)}: {broken.reason}"
    if missing := overlay_missing(context):
        return f"root is there, but this has not turned up: {missing}"
    if not context.goals.root_mounted:
        return f"the root device has not turned up: {context.settings.root}"
    return f"the root is mounted, but this has not turned up: {mounts.missing(context)}"


def fail(context: Context, reason: str) -> None:
    """Show why, then open the shell or end the boot as asked; waiting goes on (R23, R24)."""
    context.outcome.fail()
    from initpy.core.failure.advice import advise  # a boot that succeeds needs neither
    from initpy.core.failure.explain import explain

    context.current.act(ShowFailure(reason, explain(context, SCREEN_STACKS), advise(context)))
    settings = context.settings
    if settings.counting is not None:
        from initpy.core.failure import assessment  # few boots are counted

        assessment.begin(context)
    elif settings.emergency is not Emergency.WAIT:
        seconds = context.outcome.time_to_end(settings.emergency_delay)
        delay = f" in {seconds:.0f} s" if seconds else ""
        context.report(f"{settings.emergency.value}{delay}, unless the root turns up")
        countdown.start(context, seconds)
    elif settings.shell:
        context.current.act(OpenShell())
    else:
        context.report("no shell (rd.shell=0); the boot goes on if the root turns up")


def key_pressed(context: Context) -> None:
    """Somebody is there: the end of a counted boot waits for them."""
    if not context.outcome.awaits_key:
        return
    context.outcome.await_key(False)
    if context.settings.shell:
        from initpy.core.failure import assessment

        assessment.open_shell(context)
    else:
        try_again(context, "a key was pressed")


def shell_ended(context: Context) -> None:
    """The user has left the rescue shell."""
    context.outcome.attend(False)
    try_again(context, "the shell has ended")


def call_off(context: Context) -> None:
    """The user wants the boot to go on: it neither has failed nor ends."""
    context.outcome.call_off()
    context.deadlines.drop(END)


def try_again(context: Context, why: str) -> None:
    """Whatever had failed may be tried again, and root is waited for afresh."""
    context.goals.accept()
    call_off(context)
    for instance in context.machine.all_failed():
        instance.failures = instance.revivals = 0
        context.handlers.of(instance).afresh(context, instance)
        context.machine.move(instance, Stimulus.RETRY, f"tried again: {why}")
    if not context.goals.complete:
        context.report(f"{why}: waiting again for {mounts.missing(context)}")
        start_clock(context)
