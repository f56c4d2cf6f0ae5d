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
from initpy.core.netsettings import MountedRoot, NetworkSettings, NfsRoot, NinePRoot, VirtioFsRoot
from initpy.core.network.actions import Resolve
from initpy.core.network.link import Link
from initpy.core.network.links import Links
from initpy.core.network.properties import EXPORT_NAME, SOURCE
from initpy.core.network.rootpath import ISCSI, RootPathError, filled, root_of
from initpy.core.state.context import Context
from initpy.core.state.goals import SYSROOT

# The minor versions are named: without one, 4 is 4.0 in mount(2).
VERSIONS = ("4.2", "4.1", "4.0", "3")
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 8.0  # seconds between two tries
REFUSED_PAUSE = 10.0  # a server that says no is asked seldom
RESOLVE_PAUSE = 2.0

# Errors of mount(2) that another version of the protocol may not have.
OTHER_VERSION = (errno.EPROTONOSUPPORT, errno.ENODEV, errno.EOPNOTSUPP, errno.EPROTO)
# Errors that come from the way to the server; another link may have a better one.
UNREACHED = (
    errno.EHOSTUNREACH, errno.ENETUNREACH, errno.EHOSTDOWN, errno.ENETDOWN, errno.ETIMEDOUT,
    errno.EINTR, errno.EADDRNOTAVAIL,
)  # fmt: skip
WORDS = {
    errno.EHOSTUNREACH: "the server does not answer",
    errno.EHOSTDOWN: "the server does not answer",
    errno.ENETUNREACH: "no route leads to the server",
    errno.ENETDOWN: "no route leads to the server",
    errno.ETIMEDOUT: "the server does not answer",
    errno.EINTR: "the server does not answer",
    errno.ECONNREFUSED: "no NFS server runs there",
    errno.ECONNRESET: "the server has ended the connection",
    errno.ENOENT: "the server has no such export",
    errno.ENOTDIR: "the server has no such export",
    errno.EACCES: "the server does not allow it to this address",
    errno.EPERM: "the server does not allow it to this address",
    errno.ESTALE: "the server's export is stale: it has to export it anew",
    errno.EPROTONOSUPPORT: "the server speaks no version of NFS that was tried",
    errno.EINVAL: "the kernel takes no such mount option",
    errno.ENODEV: "the kernel has no driver for it (is its module in the image?)",
}
REFUSALS = (errno.ENOENT, errno.ENOTDIR, errno.EACCES, errno.EPERM, errno.ESTALE, errno.EINVAL)
# Another link may lead to a server that does better.
ELSEWHERE = (*UNREACHED, errno.ECONNREFUSED, *REFUSALS)


class Exports:
    """The owner of the exported root."""

    def __init__(self) -> None:
        self.root: MountedRoot | None = None  # as far as it is known
        self.way: Link | None = None  # the link by which it is reached
        self.address = ""  # of its server
        self.changed = False
        self.version = 0  # of those to try
        self.failures = 0
        self.told = ""
        self.problem = ""  # why there is no root to be mounted yet
        self._resolving = ""

    def begin(self, context: Context) -> Device | None:
        """Take what the user said of the root; the export if root is one."""
        settings = context.settings.network
        if settings is None or (settings.root is None and not settings.from_dhcp):
            return None
        self.root = settings.root if not settings.from_dhcp else None
        return self._export(context)

    def look(self, context: Context, links: Links) -> None:
        """The links have changed: there may be a way to the root, or none any more."""
        settings, ready = context.settings.network, links.ready()
        if settings is None or context.goals.root_mounted:
            return
        if self.way is not None and self.way not in ready:
            self.way, self.address, self.changed = None, "", True
            self.root = None if settings.from_dhcp else self.root
        if self.way is None:
            for link in ready:
                if self._found_by(context, link):
                    break

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
            elif lease.root_path.startswith(ISCSI):  # see targets
                return False
            else:
                try:
                    root = root_of(lease, told)
                except RootPathError as error:
                    self._tell(context, f"{link.name}: {error}")
                    return False
        if isinstance(root, NfsRoot):
            address = link.addresses[0] if link.addresses else ""
            root = root._replace(path=filled(root.path, address))
            if not root.server or not root.path:
                self._tell(context, f"{link.name}: nothing tells the server of the root")
                return False
        self.root, self.way, self.changed = root, link, True
        self.version = self.failures = 0
        for instance in context.machine.on(EXPORT_NAME):
            context.machine.timers.cancel(Timer.RETRY, instance.key)
        self._find_address(context)
        return True

    def _find_address(self, context: Context) -> None:
        server = getattr(self.root, "server", "")
        if not server or _is_address(server):
            self.address = server
        elif self._resolving != server:
            self._resolving = server
            context.current.act(Resolve(server))

    def resolved(self, context: Context, host: str, address: str, error: str) -> None:
        """The server's name has an address, or has none yet."""
        if host != self._resolving:
            return
        self._resolving = ""
        if error:
            self._tell(context, f"{host}: {error}")
            context.machine.timers.start(Timer.LINK, RESOLVE, context.now + RESOLVE_PAUSE)
        elif self.way is not None:
            self.address, self.changed = address, True

    def resolve_again(self, context: Context) -> None:
        """Ask for the server's address again."""
        if self.way is not None and not self.address:
            self._find_address(context)

    def _tell(self, context: Context, text: str) -> None:
        self.problem = text
        if text != self.told:
            self.told = text
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
        if local(self.root):
            known[WAY] = "virtio"
        elif self.way is not None and self.address:
            known[WAY] = self.way.name
        return Device(EXPORT_NAME, known, kind=EXPORT)


RESOLVE = "the server's address"  # the key of its timer


def name_of(network: NetworkSettings) -> DeviceSpec | None:
    """What the user calls the exported root; None if root is no export."""
    if network.root is None and not network.from_dhcp:
        return None
    return DeviceSpec(Naming.EXPORT, source_of(None if network.from_dhcp else network.root))


def local(root: MountedRoot | None) -> bool:
    """True for a root of the hypervisor's, which needs no link."""
    return isinstance(root, VirtioFsRoot) or (isinstance(root, NinePRoot) and not root.server)


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


def _is_address(text: str) -> bool:
    return ":" in text or text.replace(".", "").isdecimal()


def versions(root: NfsRoot) -> tuple[str, ...]:
    """The versions to try, the newest first."""
    if root.version in VERSIONS or not root.version:
        return (root.version,) if root.version else VERSIONS
    return tuple(each for each in VERSIONS if each.startswith(f"{root.version}.")) or VERSIONS


def _address_towards(exports: Exports) -> str:
    """The address of this machine that the server is to know; "" if none is like the server's."""
    found = exports.way.addresses if exports.way is not None else ()
    return next((each for each in found if (":" in each) == (":" in exports.address)), "")


def _what(exports: Exports) -> tuple[str, tuple[str, ...]]:
    """The type of the file system and its options for mount(2)."""
    root = exports.root
    if isinstance(root, NfsRoot):
        version = versions(root)[exports.version]
        found = [*root.options, f"vers={version}", f"addr={exports.address}"]
        address, six = _address_towards(exports), ":" in exports.address
        given = {each.partition("=")[0] for each in root.options}
        if version == "3":
            found += ["nolock"] if not given & {"lock", "nolock"} else []
            found += ["proto=tcp6" if six else "proto=tcp"] if "proto" not in given else []
        elif address:
            found.append(f"clientaddr={address}")
        return ("nfs" if version == "3" else "nfs4"), tuple(found)
    if isinstance(root, NinePRoot):
        if root.server:
            return "9p", ("trans=tcp", f"aname={root.tag}")
        return "9p", ("trans=virtio", "version=9p2000.L")
    return "virtiofs", ()


def handler() -> Handler:
    """The handler of the mount of an exported root."""
    return Handler(_ready, _ended, mounts.left)


def _ready(context: Context, instance: Instance) -> None:
    """There is a way to the root: mount it."""
    device, exports = context.device(instance), context.technologies.own(Exports)
    if device is None or exports.root is None or not mounts.may_mount(context, instance):
        return
    kind, options = _what(exports)
    wanted = context.settings.mount
    ways = ("rw" if wanted.writable else "ro", *wanted.flags, *options)
    source = exports.address if kind == "9p" and exports.address else device.node
    rules.begin(context, instance)
    overlay = mounts.overlay(context)
    context.current.act(Mount(instance.key, instance.run, source, SYSROOT, (kind,), ways, overlay))


def _ended(context: Context, instance: Instance, event: JobEnded) -> None:
    exports = context.technologies.own(Exports)
    if event.status == 0:
        rules.ended(context, instance, event)
        return
    instance.status = event.status
    root = exports.root
    if isinstance(root, NfsRoot) and event.status in OTHER_VERSION:
        if exports.version + 1 < len(versions(root)):
            exports.version += 1
            context.machine.move(instance, Stimulus.RETRY, "the server speaks no such version")
            return
        exports.version = 0
    _try_later(context, instance, event, exports)


def _try_later(context: Context, instance: Instance, event: JobEnded, exports: Exports) -> None:
    """Fail, and try again after a while: over another link if there is one."""
    why = WORDS.get(event.status, event.error)
    how = f" over {exports.way.name}" if exports.way is not None else ""
    told = f"{source_of(exports.root)}{how}: {why}"
    if told != exports.told:
        exports.told = told
        context.report(f"{told}; it is tried again")
    exports.failures += 1
    instance.failures = min(exports.failures, instance.definition.tries - 1)
    context.machine.move(instance, Stimulus.ENDED_BADLY, why)
    pause = min(FIRST_PAUSE * 2 ** (exports.failures - 1), LONGEST_PAUSE)
    if event.status in REFUSALS:
        pause = REFUSED_PAUSE
    if event.status in ELSEWHERE and exports.way is not None:
        context.technologies.own(Links).leads_nowhere(context, exports.way)
    context.machine.timers.start(Timer.RETRY, instance.key, context.now + pause)
