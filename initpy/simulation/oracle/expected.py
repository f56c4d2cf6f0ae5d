"""What a scenario implies, worked out from the file alone: who can come, and whether root can.

This is the oracle's own account of storage, deliberately simple: it knows nothing of events, jobs
or timers, only what stands on what and what each layer can do without. Where it is not sure (a
kind it does not know, a person whose words may land in another prompt) it says so, and the oracle
does not judge what hangs on it.
"""

import functools

from initpy.scenario.acts import NETWORK_DEEDS, Deed
from initpy.scenario.model import CONTAINERS, RAID, Disk, Layer, Scenario
from initpy.simulation.oracle.homehost import kept_off
from initpy.simulation.oracle.items import Expected, Item
from initpy.simulation.oracle.logins import comes, logins
from initpy.simulation.oracle.opening import UNANSWERED, locked
from initpy.simulation.oracle.owners import owned
from initpy.simulation.oracle.parameters import wishes_of
from initpy.simulation.oracle.seen import can_be_seen, leads_to_root
from initpy.simulation.oracle.sure import Sure

# How many members each level can do without; md(4).
SPARE = {"raid0": 0, "linear": 0, "raid4": 1, "raid5": 1, "raid6": 2}
PARITY = ("raid4", "raid5", "raid6")


@functools.lru_cache(maxsize=4)  # the explorer asks for it to draw a world, and to judge it
def expected_of(scenario: Scenario) -> Expected:
    """Work out what a scenario implies; layers come after what they stand on."""
    return expected_with(scenario, frozenset())


def expected_with(scenario: Scenario, unused: frozenset[str]) -> Expected:
    """The same, where these disks were pulled before anything stood on them: they come later."""
    expected = Expected(scenario, wishes_of(scenario), unused)
    for disk in scenario.disks:
        expected.items[disk.name] = _disk(expected, disk)
    if scenario.servers:
        _served(expected)
    volumes = [each for each in scenario.layers if each.kind.startswith("luks")]
    for layer in scenario.layers:
        for item in _made(expected, layer):
            expected.items[item.name] = item
            if layer.holds == "root" or any(each.holds == "root" for each in layer.datasets):
                expected.root = item.name
    for layer in volumes:
        item = expected.items[layer.name]
        if item.why == UNANSWERED and expected.items[layer.on[0]].usable is not Sure.NO:
            expected.silent.append(layer.name)
    # Prompts come one at a time: an unanswered one may keep the others from coming.
    if expected.silent:
        _doubt(expected, volumes)
    return expected


def _disk(expected: Expected, disk: Disk) -> Item:
    item = Item(disk.name, "disk", usable=Sure.YES, whole=Sure.YES)
    plugs = expected.plugs.get(disk.name, [])
    pulled = [
        f for f in expected.scenario.faults if (f.deed, f.argument) == (Deed.UNPLUG, disk.name)
    ]
    if disk.arrives is not None:
        item.comes = disk.arrives
    elif not disk.present and not plugs:
        item.usable = item.whole = Sure.NO
        item.why = "never comes"
    elif plugs and not disk.present:
        if any(at is None for at in plugs):
            item.usable = item.whole = Sure.UNSURE
        item.comes = max((at for at in plugs if at is not None), default=0.0)
    if pulled and disk.name in expected.unused:
        item.comes = max((at for at in plugs if at is not None), default=0.0)
    elif pulled:
        item.usable = item.whole = Sure.UNSURE
    if disk.name in expected.silent_disks:
        item.usable = item.whole = min(item.usable, Sure.UNSURE)
        item.hangs = True
    item.comes += disk.announced
    unknown = disk.copy_of or disk.path_of or disk.image
    if unknown or any(damage.disk == disk.name for damage in expected.scenario.damages):
        item.usable = item.whole = Sure.UNSURE
    return item


def _served(expected: Expected) -> None:
    """Disks of servers come with a login, if a job makes one and the network lets it."""
    expected.logins = logins(expected.scenario)
    known = {each.disk: each for each in expected.logins}
    nics = {each.name: each for each in expected.scenario.nics}
    faults = any(fault.deed in NETWORK_DEEDS for fault in expected.scenario.faults)
    for server, name in (
        (each, name) for each in expected.scenario.servers for name in each.serves
    ):
        item = expected.items[name]
        item.usable = item.whole = Sure.UNSURE
        pulled = faults or nics[server.nic].carrier.down is not None
        # A lost disk is one thing, a silent disk another.
        item.hangs = pulled or (server.kind != "nbd" and server.times.down is not None)
        if name in known:
            at, sure = comes(expected.scenario, known[name])
            item.comes = at or 0.0
            if sure:
                item.usable = item.whole = Sure.NO if at is None else Sure.YES
                item.why = "its server cannot be reached" if at is None else ""


def _made(expected: Expected, layer: Layer) -> list[Item]:
    below = [expected.items[name] for name in layer.on]
    if not below:
        first = next(each for each in expected.scenario.layers if each.group == layer.group)
        below = [expected.items[name] for name in first.on]
    if layer.kind in RAID and below[0].kind in CONTAINERS:
        below = [expected.items[name] for name in below[0].below]  # its disks are the members
    names, hangs = tuple(each.name for each in below), any(each.hangs for each in below)
    if layer.kind == "partitions":
        usable, whole, at = below[0].usable, below[0].whole, below[0].comes
        return [
            Item(part.name, "part", names, layer, usable, whole, hangs, at) for part in layer.parts
        ]
    # A layer that is made on disks of its own name keeps the name; nameless ones get one.
    item = Item(layer.name or f"fs:{names[0]}", layer.kind, names, layer, hangs=hangs)
    item.comes = max((each.comes for each in below if each.usable is not Sure.NO), default=0.0)
    if layer.kind in RAID:
        _array(expected, layer, below, item)
    elif layer.kind in CONTAINERS:
        item.usable = max(each.usable for each in below)
        item.whole = min(each.usable for each in below)
    elif layer.kind in ("luks1", "luks2"):
        locked(expected, layer, below[0], item)
    elif layer.kind == "lvm":
        _logical(expected, layer, below, item)
    elif layer.kind == "bcache":
        item.usable = min(each.usable for each in below)
        item.whole = min(each.whole for each in below)
        item.why = "lacks its disk or its cache"
    elif layer.kind == "zfs":
        _pool(expected, layer, below, item)
    elif layer.kind == "btrfs" and len(below) > 1:
        item.whole = min(each.usable for each in below)
        flags = expected.wishes.flags
        item.usable = Sure.UNSURE if "degraded" in flags and item.whole is Sure.NO else item.whole
        item.why = "lacks devices"
    elif layer.kind in ("ext2", "ext3", "ext4", "xfs", "btrfs", "vfat", "swap"):
        # With a second device for its journal.
        item.usable = min(each.usable for each in below)
        item.whole = min(each.whole for each in below)
        if (
            layer.holds == "root"
            and expected.wishes.types
            and layer.kind not in expected.wishes.types
        ):
            item.usable = item.whole = Sure.NO
            item.why = "it is mounted as another type"
    else:
        item.usable = item.whole = min(Sure.UNSURE, *(each.usable for each in below))
    return [item]


def _array(expected: Expected, layer: Layer, below: list[Item], item: Item) -> None:
    if kept_off(expected.scenario, layer):
        item.usable = item.whole = Sure.NO
        item.why = "mdadm.conf keeps it off"
        return
    known_lost = 1 if layer.left == "degraded" else 0
    # The member that the metadata has written off is not waited for, and no use.
    members = below[: len(below) - known_lost]
    spare = SPARE.get(layer.kind, len(below) - 1) - known_lost
    item.whole = min(each.usable for each in members)
    sure = sum(each.usable is Sure.YES for each in members)
    possible = sum(each.usable is not Sure.NO for each in members)
    needed = len(members) - spare
    if known_lost and item.whole is not Sure.YES and below[-1].usable is not Sure.NO:
        # Left alone, the member that was written off takes itself for the only good one.
        item.usable = Sure.UNSURE
        return
    if "md" in expected.wishes.named | expected.wishes.off:
        item.usable = Sure.UNSURE
        return
    forced = "md_mod.start_dirty_degraded=1" in expected.scenario.cmdline.split()
    if layer.left == "dirty" and layer.kind in PARITY and not forced:
        item.usable = item.whole  # the kernel does not start it without a member
        item.why = "is dirty, and members are missing"
        return
    if layer.left == "stale":
        item.usable = item.whole = Sure.UNSURE
        return
    if layer.kind == "raid10":
        # The default layout keeps two copies, on neighbours: 0 and 1, 2 and 3.
        pairs = [below[at : at + 2] for at in range(0, len(below), 2)]
        lost = below[-1] if known_lost else None
        alive = [max((m.usable for m in p if m is not lost), default=Sure.NO) for p in pairs]
        startable = min(alive)
    else:
        startable = Sure.YES if sure >= needed else Sure.UNSURE if possible >= needed else Sure.NO
    item.usable = max(item.whole, min(startable, policy(expected, layer)))
    if item.hangs:
        item.usable = min(item.usable, Sure.UNSURE)  # a reader may wait for that member
    item.why = "members are missing"


def _pool(expected: Expected, layer: Layer, below: list[Item], item: Item) -> None:
    """A pool is imported without the disks that it can do without, unless that is forbidden."""
    item.whole = min(each.usable for each in below)
    spare = {"mirror": len(below) - 1, "raidz": 1, "raidz2": 2, "raidz3": 3}.get(layer.profile, 0)
    order = sorted(each.usable for each in below)
    item.usable = item.whole if expected.wishes.md_degraded == "no" else order[spare]
    item.why = "its disks are missing"
    if expected.wishes.md_degraded == "ask" or layer.host_id:
        item.usable = min(item.usable, Sure.UNSURE)
    if item.hangs:
        item.usable = min(item.usable, Sure.UNSURE)
    for dataset in layer.datasets:
        if dataset.passphrase or dataset.keyfile:  # its prompt is none of a volume's
            item.usable = min(item.usable, Sure.UNSURE)


def policy(expected: Expected, layer: Layer) -> Sure:
    """Whether an array that lacks members may start (R8, R9).

    One of another host does if a look into it finds root.
    """
    wishes = expected.wishes
    if wishes.md_degraded == "no":
        return Sure.NO
    if expected.foreign(layer):
        if not leads_to_root(expected.scenario, layer):
            return Sure.UNSURE if wishes.volumes or wishes.hinted or wishes.unclear else Sure.NO
        named = frozenset(each.source.value.lower() for each in wishes.volumes)
        if not can_be_seen(expected.scenario, layer, named):
            return Sure.UNSURE
    return Sure.UNSURE if wishes.md_degraded == "ask" else Sure.YES


def _logical(expected: Expected, layer: Layer, below: list[Item], item: Item) -> None:
    item.whole = min(each.usable for each in below)
    item.usable = item.whole
    # lvm reads every disk there is: a silent one keeps all its commands.
    if "lvm" in expected.wishes.named | expected.wishes.off or expected.silent_disks:
        item.usable = Sure.UNSURE
        return
    item.why = "physical volumes are missing"
    sure = sum(each.usable is Sure.YES for each in below)
    others = sum(each.group == layer.group for each in expected.scenario.layers) > 1
    if item.whole is not Sure.YES and (layer.size is not None or others):
        item.usable = Sure.UNSURE  # which physical volumes it lies on is LVM's choice
    elif item.hangs:
        item.usable = min(item.usable, Sure.UNSURE)
    elif item.whole is not Sure.YES and layer.type == "raid1":
        # Mode "degraded", the default of lvm.conf(5).
        item.usable = Sure.YES if sure else max(each.usable for each in below)
    elif item.whole is not Sure.YES and layer.type not in ("", "linear", "striped", "thin"):
        item.usable = Sure.UNSURE
    allowed, why = owned(expected.scenario, expected.wishes.hinted, layer, item.whole)
    if allowed is not Sure.YES:
        item.usable, item.why = min(item.usable, allowed), why


def _doubt(expected: Expected, volumes: list[Layer]) -> None:
    """What depends on a prompt is not sure any more while another one may stay up for ever."""
    for layer in expected.scenario.layers:
        for item in expected.items.values():
            if item.layer is not layer:
                continue
            doubtful = layer in volumes and layer.name not in expected.silent
            # What starts without its members waits as long as the user is asked.
            doubtful = doubtful or (len(item.below) > 1 and item.whole is not Sure.YES)
            if doubtful or any(expected.items[name].usable is Sure.UNSURE for name in item.below):
                item.usable = min(item.usable, Sure.UNSURE)
                item.whole = min(item.whole, Sure.UNSURE)
