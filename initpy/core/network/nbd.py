"""Connects NBD devices with nbd-client.

It hands its socket to the kernel and ends: a connection that breaks off stays so, nobody is told,
and all requests fail (nbd_handle_cmd() in linux/drivers/block/nbd.c). With `persist` it stays: a
device that nothing uses loses its size as its connection breaks off, and is connected again. With
TLS it stays as well, since it encrypts what goes through. Its mark (`@`) has it survive the
handover then.
"""

from initpy.core.devices.graph import Device
from initpy.core.events import JobEnded
from initpy.core.jobs.handler import Handler
from initpy.core.jobs.instance import Instance
from initpy.core.machine import rules
from initpy.core.machine.templates import command
from initpy.core.machine.wanted import awaits_job
from initpy.core.netsettings import NbdRoot
from initpy.core.network import logins
from initpy.core.network.nbdwords import arguments
from initpy.core.network.targets import Targets
from initpy.core.state.context import Context


def handler() -> Handler:
    """The handler of a connection."""
    return Handler(_ready, _ended)


def _ready(context: Context, instance: Instance) -> None:
    if (name := awaits_job(context, instance)) is not None:
        instance.reason = f"waits for {name} to end"
        return
    target = context.technologies.own(Targets).find(instance.subject or "")
    words = arguments(target.options) if isinstance(target, NbdRoot) else ()
    rules.start(context, instance, command(context, instance, {"{options}": words}))


def _device(context: Context, target: object) -> Device | None:
    node = target.device if isinstance(target, NbdRoot) else ""
    return context.devices.get(node.removeprefix("/dev/"))


def _ended(context: Context, instance: Instance, event: JobEnded) -> None:
    targets, name = context.technologies.own(Targets), instance.subject or ""
    target = targets.find(name)
    # An engine before this one has connected it.
    device = _device(context, target)
    there = device is not None and device.properties.get("size", "0") != "0"
    if there and isinstance(target, NbdRoot):
        targets.sized(target.device, True)  # its loss is to be noticed
    if event.status == 0 or there:
        targets.tell(name, "")
        rules.ended(context, instance, event._replace(status=0))
        return
    what = (
        f"NBD export {target.export or 'without a name'}" if isinstance(target, NbdRoot) else name
    )
    logins.try_later(
        context, instance, event, logins.Failure(what, rules.complaint(event), elsewhere=True)
    )
