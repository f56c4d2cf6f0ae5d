"""The root that a server, or the hypervisor, offers: finds a way to it, and mounts it.

The kernel mounts NFS without a helper, by mount(2) with the server's address among the options
(nfs(5); fs/nfs/fs_context.c). It tells at once why it cannot: what may pass is tried again, with
pauses that grow; a version that the server does not speak is followed by the next older one.
"""

import errno

from initpy.core.actions import Mount
from initpy.core.devices.graph import EXPORT, Device
from initpy.core.devices.marks import ROOT_NAME, WAY
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.events import JobEnded
from initpy.core.goals import mounts, naming
from initpy.core.jobs.handler import Handler
from initpy.core.jobs.instance import Instance, Stimulus
from initpy.core.jobs.timers import Timer
from initpy.core.machine import rules
from initpy.core.machine.wanted import awaits_job
from initpy.core.netsettings import MountedRoot, NetworkSettings, NfsRoot, NinePRoot, VirtioFsRoot
from initpy.core.network.link import Link, resolver
from initpy.core.network.links import Links
from initpy.core.network.mountedroot import how_to, local, versions
from initpy.core.network.mounterrors import (
    ELSEWHERE,
    NOT_THERE,
    OTHER_PATHS,
    OTHER_VERSION,
    REFUSALS,
    reason_of,
)
from initpy.core.network.nfsoptions import unknown
from initpy.core.network.properties import DRIVER, EXPORT_NAME, NFS, NFS_3, SOURCE
from initpy.core.network.retries import pause_after
from initpy.core.network.rootpath import (
    RootPathError,
    names_target,
    odd_options,
    paths,
    root_of,
)
from initpy.core.network.serverhost import ServerHost
from initpy.core.network.values import on_link
from initpy.core.state.context import Context
from initpy.core.state.goals import SYSROOT

TURN_SECONDS = 6.0  # for one of several addresses of a server: ARP, which takes 3 s, and a mount


class Exports:
    """The owner of the exported root."""

    def __init__(self) -> None:
        self.root: MountedRoot | None = None  # as far as it is known
        self.way: Link | None = None  # the link by which it is reached
        self.host = ServerHost()
        self.changed = False
        self.version = 0  # of those to try
        self.failures = 0
        self.refusal: JobEnded | None = None  # of NFS 4, while version 3 is tried
        self.told = ""
        self.passed = set[str]()  # what was told of its addresses and paths
        self.problem = ""  # why there is no root to be mounted yet
        self.paths: tuple[str, ...] = ()  # that the root may have on its server, see `paths`

    def begin(self, context: Context) -> Device | None:
        """Take what the user said of the root; the export if root is one."""
        settings = context.settings.network
        if settings is None or (settings.root is None and not settings.from_dhcp):
            return None
        self.root = settings.root if not settings.from_dhcp else None
        return self._export(context)

    def look(self, context: Context, links: Links) -> None:
        """The links have changed: there may be a way to the root, or none any more."""
        settings, ready = context.settings.network, links.ready_for(_server(self.root))
        if settings is None or context.goals.root_mounted:
            return
        if self.way is not None and self.way not in links.ready():
            self.way, self.changed = None, True
            self.host.forget()
            self.root = None if settings.from_dhcp else self.root
        if self.way is None:
            for link in ready:
                if self._found_by(context, link):
                    break
        elif not self.address:
            self.host.find(context, _server(self.root), self.way)  # a name server may be known now

    def _found_by(self, context: Context, link: Link) -> bool:
        """Take the link as the way to the root if it tells all that is missing."""
        settings, lease = context.settings.network, link.lease
        root = self.root
        assert settings is not None
        if settings.from_dhcp or (isinstance(root, NfsRoot) and not (root.server and root.path)):
            told = settings.root if isinstance(settings.root, NfsRoot) else None
            if lease is None:
                given = link.request.server if link.request is not None else None
                if settings.from_dhcp or root is None or not isinstance(root, NfsRoot):
                    return False
                root = root._replace(server=root.server or str(given or ""))
            elif names_target(lease, settings):  # see targets
                return False
            else:
                try:
                    root = root_of(lease, told)
                except RootPathError as error:
                    self._tell(context, f"{link.name}: {error}")
                    return False
                for each in odd_options(lease):
                    self._tell_once(context, f"the root-path of {lease.server}: expected {each}")
        if isinstance(root, NfsRoot):
            address = link.addresses[0] if link.addresses else ""
            self.paths = paths(root.path, address, _host_name(link))
            root = root._replace(path=self.paths[0])
            if not root.server or not root.path:
                self._tell(context, f"{link.name}: nothing tells the server of the root")
                return False
        if link.name not in {each.name for each in _links(context).ready_for(_server(root))}:
            self.problem = f"{link.name}: it has no address yet of the version of {_server(root)}"
            return False  # its lease names a server of the other version of IP
        if isinstance(root, NfsRoot | NinePRoot):
            root = root._replace(server=on_link(root.server, link.name))
        self.root, self.way, self.changed = root, link, True
        self.version, self.failures, self.refusal = 0, 0, None
        for instance in context.machine.on(EXPORT_NAME):
            context.machine.timers.cancel(Timer.RETRY, instance.key)
        self.host.find(context, _server(root), link)
        return True

    def another_path(self) -> str:
        """Turn to the next path that the root may have; return it, "" if all were tried."""
        root = self.root
        if not isinstance(root, NfsRoot) or len(self.paths) < 2:
            return ""
        turn = (self.paths.index(root.path) + 1) % len(self.paths)
        self.root, self.changed = root._replace(path=self.paths[turn]), True
        return self.paths[turn] if turn else ""

    @property
    def address(self) -> str:
        """The address of its server that is tried; "" for none yet."""
        return self.host.address

    def resolved(self, context: Context, host: str, addresses: tuple[str, ...], error: str) -> None:
        """The server's name has addresses, or has none yet."""
        if self.way is None or not self.host.resolved(host, addresses):
            return
        if error:
            if not resolver(context.settings.network, _links(context).ready()):
                error = "no name server is known to resolve it (nameserver= names one)"
            self._tell(context, f"{host}: {error}")
            self.host.ask_later(context)
        self.changed = self.changed or bool(self.address)

    def resolve_again(self, context: Context) -> None:
        """Ask for the server's address again."""
        if self.way is not None and not self.address:
            self.host.find(context, _server(self.root), self.way)

    def _tell(self, context: Context, text: str) -> None:
        self.problem = text
        if text != self.told:
            self.told = text
            context.report(text)

    def _tell_once(self, context: Context, text: str) -> None:
        if text not in self.passed:
            self.passed.add(text)
            context.report(text)

    # The subject

    def unsettled(self, context: Context) -> tuple[str, ...]:
        """Declare the export as it is now; its name if that is new."""
        if not self.changed:
            return ()
        self.changed = False
        before = context.devices.get(EXPORT_NAME)
        context.devices.update(self._export(context))
        return (*naming.refresh(context, EXPORT_NAME, before), EXPORT_NAME)

    def _export(self, context: Context) -> Device:
        """The export as it is now."""
        wanted = context.settings.root
        known = {
            "SUBSYSTEM": "export",
            SOURCE: source_of(self.root),
            ROOT_NAME: wanted.value if wanted is not None else "",
        }
        if driver := _driver(context, self.root):
            known[DRIVER] = driver
        if local(self.root):
            known[WAY] = "virtio"
        elif self.way is not None and self.address:
            known[WAY] = self.way.name
        return Device(EXPORT_NAME, known, kind=EXPORT)


def _driver(context: Context, root: MountedRoot | None) -> str:
    """The driver of NFS that the root needs, "" if none.

    What a lease is still to name is NFS on most networks: its driver is loaded meanwhile.
    """
    settings, wanted = context.settings.network, context.settings.root
    if root is None and settings is not None and (not wanted or wanted.naming is Naming.EXPORT):
        root = settings.root if settings.root is not None else NfsRoot()
    if not isinstance(root, NfsRoot):
        return ""
    return NFS_3 if versions(root) == ("3",) else NFS


def name_of(network: NetworkSettings) -> DeviceSpec | None:
    """What the user calls the exported root; None if root is no export."""
    if network.root is None and not network.from_dhcp:
        return None
    return DeviceSpec(Naming.EXPORT, source_of(None if network.from_dhcp else network.root))


def source_of(root: MountedRoot | None) -> str:
    """The root as mount(8) names it."""
    match root:
        case NfsRoot(server, path):
            host = f"[{server}]" if ":" in server else server
            return f"{host or 'the server of the lease'}:{path}"
        case VirtioFsRoot(tag):
            return tag
        case NinePRoot(tag):
            return tag
    return "the root that a lease names"


def _links(context: Context) -> Links:
    return context.technologies.own(Links)


def _server(root: MountedRoot | None) -> str:
    """The server that a root is on, as far as it is told."""
    return "" if root is None or isinstance(root, VirtioFsRoot) else root.server


def _address_towards(context: Context, exports: Exports) -> str:
    """The address of this machine that the server is to know; "" if none is like the server's."""
    parts = _links(context).of(exports.way.name) if exports.way is not None else []
    found = (address for each in parts for address in each.addresses)
    return next((each for each in found if (":" in each) == (":" in exports.address)), "")


def _host_name(link: Link) -> str:
    """The name that `ip=` or the lease has for this machine."""
    asked = link.request.hostname if link.request is not None else ""
    return asked or (link.lease.host if link.lease is not None else "")


def handler() -> Handler:
    """The handler of the mount of an exported root."""
    return Handler(_ready, _ended, mounts.left)


def _ready(context: Context, instance: Instance) -> None:
    """There is a way to the root: mount it."""
    device, exports = context.device(instance), context.technologies.own(Exports)
    # The kernel would load the driver once more at the same time, and at the same cost.
    if (name := awaits_job(context, instance)) is not None:
        instance.reason = f"waits for {name} to end"
        return
    if device is None or exports.root is None or not mounts.may_mount(context, instance):
        return
    wanted = context.settings.mount
    here = _address_towards(context, exports)
    kind, options = how_to(exports.root, exports.version, exports.address, here, wanted.flags)
    ways = ("rw" if wanted.writable else "ro", *wanted.flags, *options)
    source = exports.address if kind == "9p" and exports.address else source_of(exports.root)
    rules.begin(context, instance)
    if exports.host.has_more and not exports.failures:
        # The kernel asks an address where nobody is as long as it may: the next one has its turn.
        context.machine.timers.start(Timer.LIMIT, instance.key, context.now + TURN_SECONDS)
    overlay = mounts.overlay(context)
    context.current.act(Mount(instance.key, instance.run, source, SYSROOT, (kind,), ways, overlay))


def _ended(context: Context, instance: Instance, event: JobEnded) -> None:
    exports = context.technologies.own(Exports)
    if event.status == 0:
        rules.ended(context, instance, event)
        return
    root = exports.root
    if exports.refusal is not None:
        # It tells more than what a server without version 3 answers.
        event, exports.refusal, exports.version = exports.refusal, None, 0
    elif isinstance(root, NfsRoot) and _has_other_paths(exports, root, event):
        context.machine.move(instance, Stimulus.RETRY, "version 3 may have this path")
        return
    instance.status = event.status
    if isinstance(root, NfsRoot) and event.status in OTHER_VERSION:
        if exports.version + 1 < len(versions(root)):
            exports.version += 1
            context.machine.move(instance, Stimulus.RETRY, "the server speaks no such version")
            return
        exports.version = 0
    if isinstance(root, NfsRoot) and event.status == errno.EINVAL and _without(context, root):
        context.machine.move(instance, Stimulus.RETRY, "without options that nfs(5) does not know")
        return
    if isinstance(root, NfsRoot) and _goes_elsewhere(context, instance, event, exports):
        return
    _try_later(context, instance, event, exports)


def _has_other_paths(exports: Exports, root: NfsRoot, event: JobEnded) -> bool:
    """Turn to version 3 where 4 does not have the path; True if so.

    The paths of version 4 are those of its pseudo file system: they begin at another place
    (`fsid=0` of exports(5)), or an export that is a symbolic link is none there. mount.nfs(8)
    tries version 3, too.
    """
    every = versions(root)
    if event.status not in OTHER_PATHS or "3" not in every[exports.version + 1 :]:
        return False
    exports.version, exports.refusal = every.index("3"), event
    return True


def _without(context: Context, root: NfsRoot) -> bool:
    """Leave out the options that only a newer kernel could have; True if there were any."""
    odd = unknown(root.options)
    if odd:
        exports = context.technologies.own(Exports)
        exports.root = root._replace(options=tuple(e for e in root.options if e not in odd))
        exports.changed = True
        context.report(f"{source_of(root)}: the kernel refuses {','.join(odd)}; tried without")
    return bool(odd)


def _goes_elsewhere(
    context: Context, instance: Instance, event: JobEnded, exports: Exports
) -> bool:
    """Try the next path that the root may have there, or the next address of its server, at once.

    False: all of them were tried.
    """
    what, why = f"{source_of(exports.root)} at {exports.address}", reason_of(exports.root, event)
    other = exports.another_path() if event.status in NOT_THERE else ""
    if not other and event.status in ELSEWHERE:
        other = exports.host.next()
    if not other:
        return False
    exports.version = 0
    told = f"{what}: {why}; {other} is tried"
    if told not in exports.passed:
        exports.passed.add(told)
        context.report(told)
    context.machine.move(instance, Stimulus.RETRY, why)
    return True


def _try_later(context: Context, instance: Instance, event: JobEnded, exports: Exports) -> None:
    """Fail, and try again after a while: over another link if there is one."""
    why = reason_of(exports.root, event)
    how = f" over {exports.way.name}" if exports.way is not None else ""
    told = f"{source_of(exports.root)}{how}: {why}"
    if told != exports.told:
        exports.told = told
        context.report(f"{told}; it is tried again")
    exports.host.ask_again(context, _server(exports.root))
    exports.failures += 1
    instance.failures = min(exports.failures, instance.definition.tries - 1)
    context.machine.move(instance, Stimulus.ENDED_BADLY, why)
    if event.status in ELSEWHERE and exports.way is not None:
        _links(context).leads_nowhere(context, exports.way)
    # No server has said no to a folder of the hypervisor: its device may come a moment later.
    refused = event.status in REFUSALS and not local(exports.root)
    pause = pause_after(exports.failures, refused)
    context.machine.timers.start(Timer.RETRY, instance.key, context.now + pause)
