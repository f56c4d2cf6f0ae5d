"""What block devices come from by a login: declares it, with the way to it, for job files.

A job file matches `SUBSYSTEM = "target"` and `TARGET = "nbd"`, `"iscsi"` or `"nvme"`. The
properties are HOST, PORT, and for NBD EXPORT, NODE and LOSSES (of its connection), for iSCSI IQN,
GROUP and PORTAL, for NVMe NQN, LOSSES (of a device) and SOURCE, the address to connect from or
"none". Without an IQN or NQN the targets are to be discovered at the portal; ROUND changes when an
NVMe portal is to be asked again.
"""

from collections.abc import Iterable, Sequence

from initpy.core.devices.graph import TARGET, Device
from initpy.core.devices.marks import WAY
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.goals import naming
from initpy.core.jobs.definitions import Index
from initpy.core.netsettings import IscsiRoot, NbdRoot, NetworkSettings, NvmeRoot, Target
from initpy.core.network.hostnames import HostNames
from initpy.core.network.iscsiname import device
from initpy.core.network.link import Link, leads_to
from initpy.core.network.links import Links
from initpy.core.network.properties import TARGET_FOLDER
from initpy.core.network.rootpath import RootPathError, mount_of, target_of
from initpy.core.network.serverhost import is_address
from initpy.core.network.values import Reply, on_link
from initpy.core.state.context import Context

SUBSYSTEM = "target"
KINDS = ("nbd", "iscsi", "nvme")
# Of NVMe discovery controllers: that of most servers and dracut's default, and that of nvme-cli.
NVME_PORTS = (4420, 8009)
# So long a link keeps its turn for targets that are still to be tried: a pause and a login.
TURN_SECONDS = 20.0


def logs_in(jobs: Index) -> frozenset[str]:
    """The kinds of targets that jobs of this image log in to."""
    found = jobs.by_property.get("SUBSYSTEM")
    those = found.for_value.get(SUBSYSTEM, []) if found is not None else []
    return frozenset(
        kind
        for kind in KINDS
        if any(job.match.accepts({"SUBSYSTEM": SUBSYSTEM, "TARGET": kind}) for job in those)
    )


class _Entry:
    """One target: what is wanted, how it is reached, how far its login is."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.way = ""  # the link by which it is reached
        self.since = 0.0  # since when it is that link
        self.tried = False  # a login over that link has failed
        self.told = ""  # why the login failed, as the user was told
        self.failures = 0
        self.leads = False  # a login over this way has succeeded
        self.round = 0  # of its discovery
        self.turn = 0  # which of the usual ports is tried
        self.answered = False  # something is at that port
        self.connected = False  # NBD: its device has a size
        self.address = ""  # of its server, if a tool needs it and the user calls it by a name
        self.losses = 0  # how often that, or a device of an NVMe server, was lost

    @property
    def there(self) -> Target:
        """The target with the address that its server is reached at."""
        return self.target._replace(server=self.address) if self.address else self.target


class Targets:
    """The owner of the targets."""

    def __init__(self) -> None:
        self._all: dict[str, _Entry] = {}
        self._changed: list[str] = []
        self._hosts = HostNames()
        self._wrong: Reply | None = None  # a lease whose root-path was told to be wrong
        self.problem = ""  # what is wrong with the root-path of a lease

    @property
    def ways(self) -> set[str]:
        """The links by which they are reached."""
        return {each.way for each in self._all.values() if each.way}

    @property
    def iscsi_ways(self) -> set[str]:
        """The links by which iSCSI targets are reached."""
        those = (each for each in self._all.values() if isinstance(each.target, IscsiRoot))
        return {each.way for each in those if each.way}

    def way_of(self, name: str) -> str:
        """The link by which a target is reached, "" for none."""
        return self._all[name].way if name in self._all else ""

    def find(self, name: str) -> Target | None:
        """The target that is this subject."""
        return self._all[name].target if name in self._all else None

    def answered(self, name: str) -> bool:
        """Whether a login, or a discovery, has succeeded there before."""
        return name in self._all and self._all[name].leads

    def is_led_to(self, way: str) -> bool:
        """Whether a login over this link has succeeded: something may stand on its target."""
        return any(each.leads for each in self._all.values() if each.way == way)

    def every(self) -> list[tuple[str, Target, str]]:
        """The targets by the names of their subjects, with the reason of a failed login."""
        return [(name, each.target, each.told) for name, each in self._all.items()]

    def tell(self, name: str, why: str) -> bool:
        """Note why a login has failed, "" if it has not; True if that is news."""
        entry = self._all[name]
        news, entry.told = entry.told != why, why
        if not why:
            entry.failures, entry.leads, entry.answered = 0, True, True
        return news

    def sized(self, node: str, connected: bool) -> None:
        """An NBD device has a size, or none (any more): then it has to be connected again."""
        for name, entry in self._all.items():
            if isinstance(entry.target, NbdRoot) and entry.target.device == node:
                if entry.connected and not connected:
                    entry.losses += 1
                    self._changed.append(name)
                entry.connected = connected

    def namespace_gone(self) -> None:
        """A device of NVMe is gone: connect anew what was connected.

        The kernel restores a connection that breaks off. But since Linux 6.10 it gives up for good
        where the server refuses it once, as one does that has started without its subsystem yet
        (nvmf_should_reconnect() of drivers/nvme/host/fabrics.c), and takes its devices away. What
        is still connected says so.
        """
        for name, entry in self._all.items():
            if isinstance(entry.target, NvmeRoot) and entry.target.subsystem and entry.leads:
                entry.losses += 1
                self._changed.append(name)

    def failed(self, name: str, answered: bool = False) -> int:
        """Count a failed login; how many there were. `answered`: something is at that port."""
        entry = self._all[name]
        entry.failures += 1
        entry.answered = entry.answered or answered
        if isinstance(entry.target, NvmeRoot) and not (entry.target.port or entry.answered):
            entry.turn += 1
            self._changed.append(name)  # its other port is next
        if not answered and self._hosts.next(entry.target.server):
            self._take_address(name, entry)
        return entry.failures

    def is_of_another_way(self, name: str, begun: float) -> bool:
        """Whether a login that began then says nothing of the link that the target has now."""
        return begun < self._all[name].since

    def note_tried(self, name: str) -> None:
        """A login has failed over the link that the target has now."""
        if name in self._all:
            self._all[name].tried = True

    def untried(self, way: str, since: float) -> list[str]:
        """The targets that were not tried over this link yet, and have had it no longer than so."""
        found = self._all.items()
        return [
            name
            for name, each in found
            if each.way == way and not each.tried and each.since > since
        ]

    def has_another_port(self, name: str) -> bool:
        """Whether one of the usual ports was not tried yet since the target has its way."""
        return self._all[name].turn % len(NVME_PORTS) != 0

    def ask_again(self, name: str) -> None:
        """Have a discovery made once more."""
        if name in self._all:
            self._all[name].round += 1
            self._changed.append(name)

    def begin(self, context: Context) -> Iterable[Device]:
        """Take what the user named; return it as subjects."""
        settings = context.settings.network
        for each in settings.targets if settings is not None else ():
            self.add(each)
        self._changed.clear()
        return [self._device(name) for name in self._all]

    def add(self, target: object, way: str = "") -> None:
        """Take a target, unless its server is still to be told; `way`: the link that is known."""
        if not isinstance(target, NbdRoot | IscsiRoot | NvmeRoot) or not target.server:
            return
        name = TARGET_FOLDER + _name(target)
        if name in self._all:
            return
        entry = self._all[name] = _Entry(target)
        entry.way = way
        self._changed.append(name)

    def look(self, context: Context, links: Links) -> None:
        """The links have changed: find the way to each target anew, unless it has its way."""
        ready = links.ready()
        names = {each.name for each in ready}
        settings = context.settings.network
        if settings is not None and settings.from_dhcp:
            for link in ready:
                self._take_lease(context, settings, link)
        for name, entry in self._all.items():
            if entry.way in names and (entry.leads or not self._has_better(entry, links)):
                continue
            way = _way(entry.there, links.ready_for(entry.there.server))
            if way != entry.way:
                entry.way, entry.leads = way, False
                entry.since, entry.tried = context.now, False
                entry.turn = entry.turn if entry.answered else 0
                self._changed.append(name)
            if way:
                server = on_link(entry.target.server, way)
                entry.target = entry.target._replace(server=server)
            if way and isinstance(entry.target, NvmeRoot):
                self._hosts.ask(context, entry.target.server)

    def resolved(self, context: Context, host: str, addresses: tuple[str, ...], error: str) -> None:
        """The name of a server has addresses, or none yet."""
        if self._hosts.resolved(context, host, addresses, error):
            for name, entry in self._all.items():
                if isinstance(entry.target, NvmeRoot) and entry.target.server == host:
                    self._take_address(name, entry)

    def _take_address(self, name: str, entry: _Entry) -> None:
        if (address := self._hosts.address(entry.target.server)) != entry.address:
            entry.address = address
            self._changed.append(name)

    def resolve_again(self, context: Context, host: str) -> None:
        """Have the name of a server resolved once more."""
        self._hosts.ask(context, host)

    def _has_better(self, entry: _Entry, links: Links) -> bool:
        """Whether another link than a target's has its server in its network, and its own not."""
        direct = _direct(entry.there, links.ready_for(entry.there.server))
        return bool(direct) and entry.way not in direct

    def _take_lease(self, context: Context, settings: NetworkSettings, link: Link) -> None:
        """Take the target that a lease names; root is its unit unless root= names a device."""
        if link.lease is None or context.goals.root_mounted:
            return
        try:
            target = target_of(link.lease, settings)
        except RootPathError as error:
            if link.lease is not self._wrong:
                self._wrong = link.lease
                self.problem = f"{link.name}: {error}"
                context.report(self.problem)
            return
        self.problem = ""
        if target is None:
            return
        self.add(target)
        root = context.settings.root
        if (root is None or root.naming is Naming.EXPORT) and (spec := _unit(target)) is not None:
            types, flags = mount_of(link.lease)
            context.name_root(spec, types, flags)
            self._changed += naming.rename(context)

    def unsettled(self, context: Context) -> Iterable[str]:
        """Declare the targets as they are now; the names of those that have changed."""
        changed, self._changed = self._changed, []
        for name in changed:
            if name in self._all:
                context.devices.update(self._device(name))
        return changed

    def _device(self, name: str) -> Device:
        entry = self._all[name]
        known = {"SUBSYSTEM": SUBSYSTEM, **_properties(entry)}
        if entry.way and (entry.address or not _needs_address(entry.target)):
            known[WAY] = entry.way
        return Device(name, known, kind=TARGET)


def _needs_address(target: Target) -> bool:
    """True for a host's name that the tool does not resolve: Debian's nvme-cli."""
    return isinstance(target, NvmeRoot) and not is_address(target.server)


def _unit(target: IscsiRoot | NbdRoot) -> DeviceSpec | None:
    if isinstance(target, NbdRoot):
        return DeviceSpec(Naming.PATH, target.device)
    return device(target)


def _name(target: Target) -> str:
    match target:
        case NbdRoot():
            return target.device.rpartition("/")[2]
        case IscsiRoot():
            return f"{target.target or 'all'}@{target.server}:{target.port}"
        case NvmeRoot():
            port = f":{target.port}" if target.port else ""
            return f"{target.subsystem or 'nvme'}@{target.server}{port}"


def _properties(entry: _Entry) -> dict[str, str]:
    """What job files know of a target."""
    target = entry.there
    known = {"HOST": target.server, "PORT": str(target.port)}
    match target:
        case NbdRoot():
            known |= {"TARGET": "nbd", "EXPORT": target.export, "NODE": target.device}
            return known | {"LOSSES": str(entry.losses)}
        case NvmeRoot():
            port = target.port or NVME_PORTS[entry.turn % len(NVME_PORTS)]
            known |= {"TARGET": "nvme", "PORT": str(port), "SOURCE": target.source or "none"}
            if target.subsystem:
                return known | {"NQN": target.subsystem, "LOSSES": str(entry.losses)}
            return known | {"ROUND": str(entry.round)}
    host = f"[{target.server}]" if ":" in target.server else target.server
    known |= {"TARGET": "iscsi", "PORTAL": f"{host}:{target.port}"}
    if target.target:
        portal = f"{host}:{target.port},{target.group}"
        known |= {"IQN": target.target, "GROUP": str(target.group), "PORTAL": portal}
    return known


def another_way(context: Context, name: str) -> None:
    """No server is reached over the link of a target: have another link its turn, if one waits.

    Where another target is reached over it, it keeps its address, on which root may stand: then a
    link whose lease is of the server's network gets one as well. And not before the other targets
    were tried over it: each would be tried in the turn of the wrong link only, again and again.
    """
    links, targets = context.technologies.own(Links), context.technologies.own(Targets)
    way, target = targets.way_of(name), targets.find(name)
    if target is None:
        return
    if targets.is_led_to(way):
        links.join(context, way, target.server)
        return
    untried = targets.untried(way, context.now - TURN_SECONDS)
    if any(each.expected for other in untried for each in context.machine.on(other)):
        return
    for link in (each for each in links.ready_for(target.server) if each.name == way):
        links.leads_nowhere(context, link)


def _way(target: Target, ready: Sequence[Link]) -> str:
    """The link in whose network the server is; else the first, which may have a route to it."""
    links, direct = _of(target, ready), _direct(target, ready)
    return next(iter([*direct, *(each.name for each in links)]), "")


def _direct(target: Target, ready: Sequence[Link]) -> list[str]:
    """The links in whose network the server is."""
    return [each.name for each in _of(target, ready) if leads_to(each.config, target.server)]


def _of(target: Target, ready: Sequence[Link]) -> list[Link]:
    bound = target.link if isinstance(target, IscsiRoot) else ""
    return [each for each in ready if bound in ("", each.name, *each.others)]
