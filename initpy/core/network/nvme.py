"""Connects to NVMe over TCP with nvme-cli, and tells why a connection cannot be made.

A discovery controller names the subsystems that it has for this machine; each becomes a subject
with a job of its own, so that one path may fail and another lead to the root. The kernel keeps a
connection, and makes it anew when it breaks off: nothing has to run for that, before or after the
handover. The name of this machine is in nvme-cli's files, not among the arguments.

nvme-cli ends with 1 whatever has failed; its words tell what. The kernel's part of them is the
text of an errno: drivers/nvme/host/fabrics.c and tcp.c, libnvme's nvme_strerror().
"""

import json
import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from initpy.core.actions import Record
from initpy.core.events import JobEnded
from initpy.core.jobs.definitions import Strategy
from initpy.core.jobs.handler import Handler
from initpy.core.jobs.instance import Instance
from initpy.core.jobs.timers import Timer
from initpy.core.machine import rules
from initpy.core.netfields import NVME_NAME
from initpy.core.netsettings import NetworkSettings, NvmeRoot
from initpy.core.network import logins
from initpy.core.network.links import Links
from initpy.core.network.nvmekeys import without_keys
from initpy.core.network.targets import Targets
from initpy.core.state.context import Context
from initpy.core.tuples import NamedTuple

FOLDER = "/etc/nvme"
# Until root is there, a controller is asked again for subsystems that it may have by now.
AGAIN_PAUSE = 15.0
MOST_TARGETS = 64  # that discovery controllers may name, one after another
THERE = re.compile("already connected|already in progress", re.I)


class Cause(NamedTuple):
    """Why a connection cannot be made."""

    words: str
    refused: bool = False  # the server says no, and is asked seldom
    elsewhere: bool = False  # another link may lead to a server that answers


NO_ANSWER = Cause("no NVMe/TCP server answers there", elsewhere=True)
NONE_FOR_US = "it has no subsystem for this machine ({})"
GARBLED = Cause("nvme-cli's answer is not understood", refused=True)
CAUSES = (
    ("connection refused|timed out|no route to host|host is down", NO_ANSWER),
    ("unreachable", Cause("no route leads to the server", elsewhere=True)),
    # The kernel's EIO for each status with which a server refuses a connection.
    (
        "input/output error",
        Cause("the server has no such subsystem, or does not admit this machine", refused=True),
    ),
    ("reset by peer|broken pipe", Cause("the server has ended the connection")),
    (
        "failed to open|failed to scan",
        Cause("the kernel has no driver nvme_tcp, or the image lacks it"),
    ),
    (
        "key was rejected|required key|permission denied|not permitted",
        Cause("authentication failed", refused=True),
    ),
    (
        "nvme-fabrics device|invalid argument",
        Cause("the kernel cannot connect; its log tells why (dmesg)"),
    ),
)
SUBSYSTEM, REFERRAL = "nvme subsystem", "discovery subsystem referral"


def records(network: NetworkSettings) -> Iterator[Record]:
    """The files that nvme-cli reads this machine's name from."""
    if network.nvme.host_nqn and any(isinstance(each, NvmeRoot) for each in network.targets):
        yield Record("hostnqn", f"{network.nvme.host_nqn}\n", FOLDER, 0o644)
        yield Record("hostid", f"{network.nvme.host_id}\n", FOLDER, 0o644)


def handlers() -> tuple[Handler, Handler]:
    """The handlers of a discovery, and of a connection."""
    return Handler(rules.run_now, _discovered), Handler(rules.run_now, _ended)


def entries(output: str, asked: NvmeRoot) -> tuple[NvmeRoot, ...] | None:
    """The subsystems, and further discovery controllers, of `nvme discover --output-format=json`.

    None: the output is no such thing. Entries of other transports are left out.
    """
    try:
        found = json.loads(output)["records"]
        there = [_entry(each, asked) for each in found if isinstance(each, dict)]
    except (ValueError, KeyError, TypeError):
        return None
    return tuple(each for each in there if each is not None)


def _entry(entry: dict[str, Any], asked: NvmeRoot) -> NvmeRoot | None:
    address, port = str(entry.get("traddr")).strip(), str(entry.get("trsvcid")).strip()
    name, kind = str(entry.get("subnqn")).strip(), entry.get("subtype")
    try:
        found = ip_address(address)
    except ValueError:
        return None
    if entry.get("trtype") != "tcp" or not port.isdecimal() or kind not in (SUBSYSTEM, REFERRAL):
        return None
    # An address of this machine does for servers that are reached by the same version of IP.
    same = bool(asked.source) and ip_address(asked.source).version == found.version
    source = asked.source if same else ""
    if kind == REFERRAL:
        name = ""
    elif not NVME_NAME.fullmatch(name):
        return None
    return NvmeRoot("tcp", str(found), source, int(port), name)


def _discovered(context: Context, instance: Instance, event: JobEnded) -> None:
    """Take the subsystems that a controller has named, and ask again while there is no root."""
    targets, name = context.technologies.own(Targets), instance.subject or ""
    asked, found = targets.find(name), None
    if event.status == 0 and isinstance(asked, NvmeRoot):
        found = entries(event.output, asked)
    if not found and not targets.answered(name):
        cause = _cause(event) if event.status else GARBLED if found is None else _none(context)
        _try_later(context, instance, event, cause)
        return
    # What it named before is still wanted: that nothing more is known holds nobody up.
    targets.tell(name, "")
    for each in (found or ())[: MOST_TARGETS - len(targets.every())]:
        targets.add(each)
    targets.look(context, context.technologies.own(Links))
    rules.ended(context, instance, event._replace(status=0))
    context.machine.timers.start(Timer.LINK, name, context.now + AGAIN_PAUSE)


def _none(context: Context) -> Cause:
    settings = context.settings.network
    name = settings.nvme.host_nqn if settings is not None else ""
    return Cause(NONE_FOR_US.format(name), refused=True, elsewhere=True)


def ask_again(context: Context, name: str) -> None:
    """Ask a discovery controller again: it may have more by now.

    Not while root's device is there, a user is asked, or a volume is being unlocked: what root
    stands on is there then, and the kernel tells of each discovery on the console.
    """
    goals = context.goals
    if goals.root_mounted:
        return
    unlocking = context.machine.at_work(Strategy.UNLOCK)
    if goals.root_candidates or context.prompts.queued or unlocking:
        context.machine.timers.start(Timer.LINK, name, context.now + AGAIN_PAUSE)
    else:
        context.technologies.own(Targets).ask_again(name)


def _ended(context: Context, instance: Instance, event: JobEnded) -> None:
    """Take note of a connection, which may be there since an engine before; or try again later."""
    if event.status == 0 or THERE.search(event.complaints or event.error):
        context.technologies.own(Targets).tell(instance.subject or "", "")
        rules.ended(context, instance, event._replace(status=0))
    else:
        _try_later(context, instance, event, _cause(event))


def _cause(event: JobEnded) -> Cause:
    said = f"{event.complaints}\n{event.error}"
    found = (cause for pattern, cause in CAUSES if re.search(pattern, said, re.I))
    # Ended by a signal: a connection that nothing answers takes longer than the job may.
    return next(found, Cause(without_keys(rules.complaint(event)), elsewhere=event.status < 0))


def _try_later(context: Context, instance: Instance, event: JobEnded, cause: Cause) -> None:
    """Say why it has failed, once, and try again after a while: over another link, if one waits."""
    known = instance.seen.properties if instance.seen is not None else {}
    failure = logins.Failure(
        known.get("NQN", "NVMe discovery"),
        cause.words,
        refused=cause.refused,
        elsewhere=cause.elsewhere,
        unanswered=cause is NO_ANSWER,
        complaints=without_keys(event.complaints or event.error),
    )
    logins.try_later(context, instance, event, failure)
