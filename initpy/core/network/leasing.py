"""What is done for the lease of a link: messages, timers, and the record for another engine."""

import json

from initpy.core.actions import Record
from initpy.core.jobs.timers import Timer
from initpy.core.network.actions import SendDhcp, StopDhcp
from initpy.core.network.dhcp import Phase
from initpy.core.network.link import Link, uses_dhcp
from initpy.core.network.moves import client_for, limit_of
from initpy.core.network.values import LinkConfig, plain_reply, reply_of, shown
from initpy.core.secret import Secret
from initpy.core.state.context import Context

RECORDS = "lease."  # leases in /run/initpy, by link, for an engine after this one


def record(context: Context, link: Link) -> None:
    """Leave the lease for an engine after this one, and whether the link has its address."""
    if link.client is None:
        return
    lease, has = link.lease, link.config != LinkConfig()
    known: list[object] | None = None
    if lease is not None:
        further = [True] if link.further else []
        known = [link.client.bound_at, plain_reply(lease), has, *further]
    text = json.dumps(known)
    if lease is not None and shown(lease.root_path) != lease.root_path:
        context.current.act(Record(RECORDS + link.name, "", secret=Secret(text.encode())))
    else:
        context.current.act(Record(RECORDS + link.name, text))


def adopt(context: Context, link: Link, text: str) -> None:
    """Take over the lease that an engine before this one has got."""
    if link.request is None or not text or not uses_dhcp(link.request):
        return
    known = json.loads(text)
    if known is None:
        return
    bound_at, values, link.had_address, *further = known
    link.further = bool(further)
    lease = reply_of(values)
    link.client = client_for(context, link, link.request)
    link.client.adopt(lease, bound_at, context.now)
    link.lease = lease
    arm(context, link)


def report(context: Context, link: Link) -> None:
    """Say what lease a link has got."""
    lease = link.lease
    if lease is None:
        return
    names = f", root-path {shown(lease.root_path)}" if lease.root_path else ""
    span = "for ever" if lease.lease is None else f"for {lease.lease:.0f} s"
    context.report(f"{link.name}: {lease.address} {span} from {lease.server}{names}", detail=True)
    if lease.malformed:
        left_out = "; ".join(lease.malformed)
        context.report(f"{link.name}: left out of the lease of {lease.server}: {left_out}")


def flush(context: Context, link: Link) -> None:
    """Send what the client has to send, and arm its timer."""
    client = link.client
    if client is None:
        return
    for each in client.out:
        context.current.act(SendDhcp(link.name, each))
    client.out.clear()
    arm(context, link)


def arm(context: Context, link: Link) -> None:
    due = link.client.due if link.client is not None else None
    limit = limit_of(context.settings.network, link)
    due = limit if due is None or limit < due else due
    if due == float("inf"):
        context.machine.timers.cancel(Timer.LINK, link.key)
    else:
        context.machine.timers.start(Timer.LINK, link.key, due)


def stop(context: Context, link: Link) -> None:
    if link.client is not None and link.client.phase is not Phase.OFF:
        link.client.stop()
        context.current.act(StopDhcp(link.name))
        context.machine.timers.cancel(Timer.LINK, link.key)
