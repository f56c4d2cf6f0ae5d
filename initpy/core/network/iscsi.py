"""Logs in to iSCSI targets with open-iscsi, and tells why a login has failed.

iscsid and iscsiadm do it, not iscsistart: iscsistart takes the secrets of CHAP as arguments, and a
session that breaks off stays so until another iscsid comes. iscsiadm reads the login from a
record, a file that only root can read. The daemon ends before the real system starts; that
system's own one takes the sessions over from the kernel, with their logins (sync_session() of
open-iscsi's iscsid.c).
"""

import re
from collections.abc import Iterator

from initpy.core.actions import Record
from initpy.core.events import JobEnded
from initpy.core.jobs.handler import Handler
from initpy.core.jobs.instance import Instance
from initpy.core.machine import rules
from initpy.core.machine.wanted import awaits_job
from initpy.core.netsettings import Iscsi, IscsiRoot, NetworkSettings
from initpy.core.network import logins
from initpy.core.network.targets import Targets
from initpy.core.secret import Secret
from initpy.core.state.context import Context
from initpy.core.tuples import NamedTuple

NODES = "/etc/iscsi/nodes"  # NODE_CONFIG_DIR of open-iscsi's idbm.h
LOCK = ("lock", "/run/lock/iscsi")  # LOCK_FILE; idbm_lock() makes only the last folder of its path
INITIATOR = ("initiatorname.iscsi", "/etc/iscsi")

# iscsi_err.h, which iscsiadm ends with: iscsiadm(8), EXIT STATUS.
NO_CONNECTION, LOGIN, INVALID, TIMED_OUT, LATE, THERE = 4, 5, 7, 8, 11, 15
FATAL, NO_DAEMON, REFUSED = 19, 20, 24
# iscsid tells no more: LIO's "target not found" comes as LOGIN.
NO_TARGET = "the server has no such target, or refuses the login"
WORDS = {
    NO_CONNECTION: "no iSCSI target answers there",
    INVALID: "no initiator name: rd.iscsi.initiator=, or initiatorname.iscsi in the image",
    TIMED_OUT: "no iSCSI target answers there",  # iscsid ends so on a refused connection, too
    LATE: "the target does not finish the login",
    # iscsid says so of a login as well that is under way for an engine before this one.
    THERE: "there is a session, or a login under way, and no unit of it yet",
    LOGIN: NO_TARGET,
    FATAL: NO_TARGET,
    NO_DAEMON: "iscsid does not run",
    REFUSED: "authentication failed: check user, secret and initiator name",
}
# What a discovery prints; a portal group of 16 bits that is not known is printed as another number.
FOUND = re.compile(r"^(\S+):([0-9]+),([0-9]+) (\S+)$", re.MULTILINE)
ANY_GROUP = 1 << 16
REFUSALS = (LOGIN, INVALID, FATAL, REFUSED)
# A connection takes no longer; the engine tries again, and says so, where iscsid would be silent.
LOGIN_SECONDS = 10
# Without iscsid, until the real system's own takes over, nothing would log in again after a ping
# without an answer. So the kernel sends none, as after iscsistart.
RECORD = (
    ("node.startup", "manual"),
    ("node.session.initial_login_retry_max", "0"),
    ("node.conn[0].timeo.login_timeout", str(LOGIN_SECONDS)),
    ("node.conn[0].timeo.noop_out_interval", "0"),
    ("node.conn[0].timeo.noop_out_timeout", "0"),
)


class Place(NamedTuple):
    """Where iscsiadm looks for the record of a target: idbm_rec_write() of its idbm.c."""

    folder: str
    name: str = "default"  # of the interface


def place_of(target: IscsiRoot) -> Place:
    """The record of a target's portal."""
    return Place(f"{NODES}/{target.target}/{target.server},{target.port},{target.group}")


def record_of(target: IscsiRoot, settings: Iscsi) -> Secret:
    """The record: names and values of iscsid.conf(5), one a line. It is a secret as a whole."""
    login = target.login
    lines = [
        *settings.of_file,
        ("node.name", target.target),
        ("node.tpgt", str(target.group)),
        ("node.conn[0].address", target.server),
        ("node.conn[0].port", str(target.port)),
        ("iface.iscsi_ifacename", "default"),
        ("iface.transport_name", "tcp"),
        *RECORD,
    ]
    if settings.initiator:
        lines.append(("iface.initiatorname", settings.initiator))
    if login.username:
        lines.append(("node.session.auth.authmethod", "CHAP"))
    found = bytearray()
    for name, value in (*lines, *settings.parameters):
        found += f"{name} = {value}\n".encode("utf-8", "surrogateescape")
    for user, secret, back in (
        (login.username, login.password, ""),
        (login.username_in, login.password_in, "_in"),
    ):
        if user:
            found += f"node.session.auth.username{back} = {user}\n".encode()
            found += f"node.session.auth.password{back} = ".encode()
            found += (secret.reveal() if secret is not None else b"") + b"\n"
    return Secret(found)


def records(network: NetworkSettings) -> Iterator[Record]:
    """What the tools need before they start: a folder for their lock, this machine's name."""
    named = any(isinstance(each, IscsiRoot) for each in network.targets)
    if not named and not network.from_dhcp:
        return
    name, folder = LOCK
    yield Record(name, "", folder, 0o600)
    if network.iscsi.initiator:
        name, folder = INITIATOR
        yield Record(name, f"InitiatorName={network.iscsi.initiator}\n", folder)


def handlers() -> tuple[Handler, Handler, Handler]:
    """The handlers of the daemon, of a discovery, and of a login."""
    return (
        Handler(rules.run_now, _daemon_ended),
        Handler(rules.run_now, _discovered),
        Handler(_ready, _ended),
    )


def _daemon_ended(context: Context, instance: Instance, event: JobEnded) -> None:
    """A daemon that an engine before this one has started lets no second one run.

    It tells its reason to a syslog that is not there. If there is no daemon, a login says so.
    """
    started = event._replace(status=0) if event.status > 0 and not event.error else event
    rules.ended(context, instance, started)


def _discovered(context: Context, instance: Instance, event: JobEnded) -> None:
    """Take the targets that a portal has named: `ADDRESS:PORT,GROUP NAME`, one a line."""
    targets, name = context.technologies.own(Targets), instance.subject or ""
    portal = targets.find(name)
    if event.status or not isinstance(portal, IscsiRoot):
        _try_later(context, instance, event)
        return
    targets.tell(name, "")
    for found in FOUND.finditer(event.output):
        host, port, group, target = found.groups()
        number = int(group) if int(group) < ANY_GROUP else portal.group
        each = portal._replace(server=host.strip("[]"), port=int(port), group=number, target=target)
        targets.add(each, targets.way_of(name))
    rules.ended(context, instance, event)


def _ready(context: Context, instance: Instance) -> None:
    """Leave the record for iscsiadm, and start it."""
    if (name := awaits_job(context, instance)) is not None:
        instance.reason = f"waits for {name} to end"
        return
    target, settings = context.technologies.own(Targets).find(instance.subject or ""), Iscsi()
    if context.settings.network is not None:
        settings = context.settings.network.iscsi
    if isinstance(target, IscsiRoot):
        place, secret = place_of(target), record_of(target, settings)
        context.current.act(Record(place.name, "", place.folder, secret=secret))
    rules.start(context, instance)


def _ended(context: Context, instance: Instance, event: JobEnded) -> None:
    """Take note of a session, which may be there since an engine before; or try again later."""
    targets, name = context.technologies.own(Targets), instance.subject or ""
    target = targets.find(name)
    shown = isinstance(target, IscsiRoot) and bool(units(context, target))
    if event.status == 0 or (event.status == THERE and shown):
        targets.tell(name, "")
        rules.ended(context, instance, event._replace(status=0))
    else:
        _try_later(context, instance, event)


def units(context: Context, target: IscsiRoot) -> list[tuple[str, str]]:
    """The units of a target that are there, by number and device; path_id of udev says so."""
    begins = f"ip-{target.server}:{target.port}-iscsi-{target.target}-lun-"
    there = ((each.properties.get("ID_PATH", ""), each) for each in context.devices)
    return [
        (path.removeprefix(begins), each.name)
        for path, each in there
        if path.startswith(begins) and each.properties.get("DEVTYPE") != "partition"
    ]


def _try_later(context: Context, instance: Instance, event: JobEnded) -> None:
    """Say why it has failed, once, and try again after a while."""
    known = instance.seen.properties if instance.seen is not None else {}
    settings = context.settings.network
    refused, under_way = event.status in REFUSALS, event.status == THERE
    failure = logins.Failure(
        known.get("IQN", "the iSCSI targets"),
        WORDS.get(event.status, rules.complaint(event)),
        refused=refused,
        elsewhere=not (refused or under_way),
        under_way=under_way,
        most=settings.iscsi.login_retries if settings is not None else None,
    )
    logins.try_later(context, instance, event, failure)
