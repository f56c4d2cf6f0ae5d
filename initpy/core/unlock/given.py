"""The request `initpy unlock` of the shell: which volume is meant, and when its key is tried."""

from initpy.core.actions import Reply
from initpy.core.events import Answered, KeyGiven
from initpy.core.jobs.instance import Instance, JobState, Stimulus
from initpy.core.settings import BreakPoint
from initpy.core.state.context import Context
from initpy.core.unlock import attempts, header, outcome
from initpy.core.unlock.volume import own, specification


def names(context: Context, instance: Instance) -> set[str]:
    """All that the user may call a volume."""
    device = context.device(instance)
    if device is None:
        return set()
    uuid = device.properties.get("ID_FS_UUID", "")
    label = device.properties.get("ID_FS_LABEL", "")
    given = {specification(context, instance).name, device.name, device.node, *device.links}
    return (
        given
        | {uuid, f"UUID={uuid}", f"luks-{uuid}"}
        | ({label, f"LABEL={label}"} if label else set())
    )


def give(context: Context, instance: Instance, event: KeyGiven) -> None:
    """Try the key on this volume; the request is answered when the attempt has ended."""
    why = "a key was given with `initpy unlock`"
    if instance.state is JobState.FAILED:
        instance.failures = 0
        outcome.afresh(context, instance)
        context.machine.move(instance, Stimulus.RETRY, why)
    if (reason := _not_now(context, instance)) is not None:
        event.secret.wipe()
        context.current.act(Reply(event.request, False, f"{instance.subject}: not now: {reason}"))
        return
    context.prompts.drop(instance.key, why)
    context.prompts.promise(instance.key, event.request)
    attempts.answered(context, instance, Answered(instance.key, event.secret))


def _not_now(context: Context, instance: Instance) -> str | None:
    """Why no key can be tried on the volume at this moment."""
    if instance.state is not JobState.READY:
        return instance.reason or instance.state.value
    if context.breakpoints.at(BreakPoint.START):
        return "the boot stands at break=; `exit` goes on with it"
    if own(context).of(instance).typed is not None:
        return "another passphrase for it is about to be tried"
    return header.why_absent(context, instance, specification(context, instance))
