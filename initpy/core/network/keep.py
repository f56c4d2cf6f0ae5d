"""What the real system is to know of a link, from what the engine knows of it."""

import re
from collections.abc import Iterable, Iterator, Sequence
from math import isfinite

from initpy.core.devices.graph import Device
from initpy.core.netsettings import NetworkSettings
from initpy.core.network.keptlink import Kept
from initpy.core.network.link import Link, LinkState
from initpy.core.network.properties import IFINDEX, MAC, MTU, NET_FOLDER
from initpy.core.network.targets import Targets
from initpy.core.network.values import with_zone
from initpy.core.network.virtual import declared, stands_on
from initpy.core.state.context import Context

# Of the device mapper's UUIDs: volumes of LUKS, maps of multipath and their partitions.
SEEN = re.compile(r"CRYPT-LUKS|(part[0-9]+-)?mpath-")


def kept(context: Context, parts: Sequence[Link]) -> Kept:
    """Return the facts of a link that stays up; PARTS: it, for each version of IP."""
    name = parts[0].name
    device = context.devices.get(NET_FOLDER + name)
    number = device.properties.get(IFINDEX, "") if device is not None else ""
    mtu = device.properties.get(MTU, "") if device is not None else ""
    settings = context.settings.network or NetworkSettings()
    requests = [each.request for each in parts if each.request is not None]
    configs = [each.config for each in parts if each.state is LinkState.READY]
    leased = next((each for each in parts if each.lease is not None), None)
    lease = leased.lease if leased is not None else None
    client = leased.client if leased is not None else None
    left = client.ends_at - context.now if client is not None else float("inf")
    dns = [*settings.nameservers]
    dns += [with_zone(str(each), name) for request in requests for each in request.dns]
    ntp = [str(each) for request in requests for each in request.ntp]
    search: tuple[str, ...] = ()
    if lease is not None:
        ntp += lease.ntp
        if settings.peer_dns:
            dns += lease.dns
            search = lease.search or tuple(filter(None, (lease.domain,)))
    if settings.peer_dns:
        dns += [each for part in parts for each in (*part.dns_6, *part.dns_ra)]
        search = (*search, *(each for part in parts for each in part.search_ra))
    learned = tuple(each for config in configs for each in config.learned)
    below = sorted(stands_on(settings, (name,)) - {name})
    iscsi = name in context.technologies.own(Targets).iscsi_ways
    return Kept(
        name=name,
        mac=parts[0].mac,
        addresses=(*(each for config in configs for each in config.addresses), *learned),
        learned=learned,
        leased_6=next((f"{each.leased_6}/128" for each in parts if each.leased_6), ""),
        duid=next((each.client_6.duid for each in parts if each.leased_6), ""),
        iaid=next((each.client_6.iaid for each in parts if each.leased_6), ""),
        made=name in declared(settings),
        below=tuple(below),
        macs=tuple(_macs(context, below)),
        routes=tuple(each for config in configs for each in config.routes),
        # What the link does not take, the real system is not to try either.
        mtu=next((each.mtu for each in configs if each.mtu and str(each.mtu) == mtu), 0),
        dns=tuple(dict.fromkeys(dns)),
        search=search,
        ntp=tuple(dict.fromkeys(ntp)),
        ifindex=int(number) if number.isdecimal() else 0,
        hostname=next((each.hostname for each in requests if each.hostname), ""),
        lease=lease,
        seconds=max(left, 0.0) if isfinite(left) else None,
        identifier=next((each.client_id.hex() for each in requests if each.client_id), ""),
        iscsi=iscsi,
        hidden=iscsi and _is_hidden(context),
    )


def _macs(context: Context, names: Iterable[str]) -> Iterator[tuple[str, str]]:
    for name in names:
        device = context.devices.get(NET_FOLDER + name)
        if device is not None and (mac := device.properties.get(MAC)):
            yield name, mac


def _is_btrfs(device: Device) -> bool:
    return device.properties.get("ID_FS_TYPE") == "btrfs"


def _is_hidden(context: Context) -> bool:
    """True if something mounted stands on more than Debian's umountiscsi.sh knows.

    That looks for mounts by the numbers of disks, partitions, maps of multipath and LUKS volumes; a
    btrfs or an overlay has a number of its own. It means to know LVM, but calls pvs(8) with names
    without /dev, which LVM refuses.
    """
    mounted = [*filter(None, map(context.devices.mounted_from, context.goals.mounted.values()))]
    if context.settings.overlay is not None or any(map(_is_btrfs, mounted)):
        return True
    pending, seen = [each.name for each in mounted], set[str]()
    while pending:
        name = pending.pop()
        device = context.devices.get(name)
        if device is None or name in seen:
            continue
        seen.add(name)
        if not name.startswith("sd") and not SEEN.match(device.properties.get("DM_UUID", "")):
            return True
        pending += device.slaves
    return False
