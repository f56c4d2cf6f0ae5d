"""What block devices come from by a login: declares it, with the way to it, for job files.

A job file matches `SUBSYSTEM = "target"` and `TARGET = "nbd"` or `"iscsi"`. The properties are
HOST, PORT, and for NBD EXPORT and NODE, for iSCSI IQN, GROUP and PORTAL. Without an IQN the targets
are to be discovered at the portal.
"""

from collections.abc import Iterable, Sequence
from ipaddress import ip_address, ip_interface

from initpy.core.devices.graph import TARGET, Device
from initpy.core.devices.marks import WAY
from initpy.core.devices.names import Naming
from initpy.core.goals import naming
from initpy.core.jobs.definitions import Index
from initpy.core.netsettings import IscsiRoot, NbdRoot, NetworkSettings
from initpy.core.network.iscsiname import device
from initpy.core.network.link import Link
from initpy.core.network.links import Links
from initpy.core.network.properties import TARGET_FOLDER
from initpy.core.network.rootpath import RootPathError, target_of
from initpy.core.network.values import Reply
from initpy.core.state.context import Context

SUBSYSTEM = "target"
KINDS = ("nbd", "iscsi")


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

    def __init__(self, target: NbdRoot | IscsiRoot) -> None:
        self.target = target
        self.way = ""  # the link by which it is reached
        self.told = ""  # why the login failed, as the user was told
        self.failures = 0


class Targets:
    """The owner of the targets."""

    def __init__(self) -> None:
        self._all: dict[str, _Entry] = {}
        self._changed: list[str] = []
        self._wrong: Reply | None = None  # a lease whose root-path was told to be wrong

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

    def find(self, name: str) -> NbdRoot | IscsiRoot | None:
        """The target that is this subject."""
        return self._all[name].target if name in self._all else None

    def every(self) -> list[tuple[str, NbdRoot | IscsiRoot, str]]:
        """The targets by the names of their subjects, with the reason of a failed login."""
        return [(name, each.target, each.told) for name, each in self._all.items()]

    def tell(self, name: str, why: str) -> bool:
        """Note why a login has failed, "" if it has not; True if that is news."""
        entry = self._all[name]
        news, entry.told = entry.told != why, why
        if not why:
            entry.failures = 0
        return news

    def failed(self, name: str) -> int:
        """Count a failed login; how many there were."""
        self._all[name].failures += 1
        return self._all[name].failures

    def begin(self, context: Context) -> Iterable[Device]:
        """Take what the user named; return it as subjects."""
        settings = context.settings.network
        for each in settings.targets if settings is not None else ():
            self.add(each)
        self._changed.clear()
        return [self._device(name) for name in self._all]

    def add(self, target: object, way: str = "") -> None:
        """Take a target, unless its server is still to be told; `way`: the link that is known."""
        if not isinstance(target, NbdRoot | IscsiRoot) or not target.server:
            return
        if any(each.target == target for each in self._all.values()):
            return
        if isinstance(target, NbdRoot):
            name = target.device.rpartition("/")[2]
        else:
            what = target.target or "all"
            name = f"{what}@{target.server}:{target.port}"
        entry = self._all[TARGET_FOLDER + name] = _Entry(target)
        entry.way = way
        self._changed.append(TARGET_FOLDER + name)

    def look(self, context: Context, links: Links) -> None:
        """The links have changed: find the way to each target anew, unless it has its way."""
        ready = links.ready()
        settings = context.settings.network
        if settings is not None and settings.from_dhcp:
            for link in ready:
                self._take_lease(context, settings, link)
        for name, entry in self._all.items():
            if entry.way in (each.name for each in ready):
                continue
            way = _way(entry.target, ready)
            if way != entry.way:
                entry.way = way
                self._changed.append(name)

    def _take_lease(self, context: Context, settings: NetworkSettings, link: Link) -> None:
        """Take the target that a lease names; root is its unit unless root= names a device."""
        if link.lease is None or context.goals.root_mounted:
            return
        try:
            target = target_of(link.lease, settings.iscsi.login)
        except RootPathError as error:
            if link.lease is not self._wrong:
                self._wrong = link.lease
                context.report(f"{link.name}: {error}")
            return
        if target is None:
            return
        self.add(target)
        root = context.settings.root
        if (root is None or root.naming is Naming.EXPORT) and (spec := device(target)) is not None:
            context.name_root(spec)
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
        target = entry.target
        known = {"SUBSYSTEM": SUBSYSTEM, "HOST": target.server, "PORT": str(target.port)}
        if isinstance(target, NbdRoot):
            known |= {"TARGET": "nbd", "EXPORT": target.export, "NODE": target.device}
        else:
            host = f"[{target.server}]" if ":" in target.server else target.server
            known |= {"TARGET": "iscsi", "PORTAL": f"{host}:{target.port}"}
            if target.target:
                portal = f"{host}:{target.port},{target.group}"
                known |= {"IQN": target.target, "GROUP": str(target.group), "PORTAL": portal}
        if entry.way:
            known[WAY] = entry.way
        return Device(name, known, kind=TARGET)


def _way(target: NbdRoot | IscsiRoot, ready: Sequence[Link]) -> str:
    """The link in whose network the server is; else the first, which may have a route to it."""
    bound = target.link if isinstance(target, IscsiRoot) else ""
    links = [each for each in ready if bound in ("", each.name)]
    for link in links:
        if any(_is_in(target.server, each) for each in link.config.addresses):
            return link.name
    return links[0].name if links else ""


def _is_in(server: str, address: str) -> bool:
    try:
        return ip_address(server) in ip_interface(address).network
    except ValueError:
        return False  # a host's name
