"""From a scenario's layers to what is on its disks: what the disk maker's tools would have written.

Identifiers that the file leaves open are made from its name, so that they are the same each time.
"""

import hashlib
from dataclasses import dataclass, field, replace

from initpy.scenario.model import CONTAINERS, RAID, Dataset, Layer, Scenario, world_wide_name
from initpy.scenario.pools import ZFS
from initpy.simulation.world.extents import EXTENT, allocate
from initpy.simulation.world.plans import (
    NO_HOST,
    ArrayPlan,
    DatasetPlan,
    DiskPlan,
    FileSystem,
    GroupPlan,
    Header,
    Joined,
    JointPlan,
    JournalPlan,
    LogicalPlan,
    Member,
    PartPlan,
    PhysicalPlan,
    Place,
    PoolPlan,
    Table,
    VolumePlan,
    homehost_digits,
)
from initpy.simulation.world.served import disk_of_server, portal_of

LINUX_TYPE = "0fc63daf-8483-4772-8e79-3d69d8477de4"  # sfdisk(8), "Linux filesystem"
LUKS_DATA_AT = 16 << 20
FIRST_SLOT = 3  # of disks: behind the source of random numbers
FIRST_SECTOR = 2048  # of the first partition, as sfdisk aligns it
# What deriving a key takes with the cheap parameters of the tests, in seconds; and of argon2id for
# each pass over a GiB.
DERIVATION, ARGON2_GIB_PASS = 0.3, 7.0


@dataclass(slots=True)
class Disks:
    """The disks of a scenario and what else its layers have put somewhere."""

    disks: dict[str, DiskPlan] = field(default_factory=dict)
    groups: dict[str, GroupPlan] = field(default_factory=dict)
    volumes: list[VolumePlan] = field(default_factory=list)
    headers: dict[str, VolumePlan] = field(default_factory=dict)  # files of the image
    # Bytes that a scenario has put onto a disk without any format: a raw key.
    raw: dict[str, dict[int, bytes]] = field(default_factory=dict)


INODE_BYTES = 256  # mke2fs.conf(5)


def make_disks(scenario: Scenario) -> Disks:
    """The disks as they are at power-on."""
    return _Maker(scenario).made


class _Maker:
    def __init__(self, scenario: Scenario) -> None:
        self._scenario = scenario
        self.made = Disks()
        self._places: dict[str, Place] = {}
        self._keys = dict(scenario.files)
        self._arrays = 0
        shared = {disk.path_of for disk in scenario.disks} - {""}
        served = {name: each for each in scenario.servers for name in each.serves}
        plain = all(disk.bus == "virtio" and disk.present for disk in scenario.disks)
        folders = {each.disk: each.kind for each in scenario.shares}
        plain = plain and not served and not folders
        for disk in scenario.disks:
            place = self._places[disk.path_of] if disk.path_of else Place(disk.name, disk.size)
            self._places[disk.name] = place
            if not disk.image:
                serial = disk.path_of or disk.name
                wwn = world_wide_name(serial) if serial in shared else ""
                slot = FIRST_SLOT + len(self.made.disks) if plain else 0
                self.made.disks[disk.name] = DiskPlan(
                    disk.name,
                    place,
                    disk.bus,
                    disk.present and not disk.hangs,
                    serial,
                    wwn,
                    disk.announced,
                    slot,
                )
            if disk.name in served:
                server = served[disk.name]
                self.made.disks[disk.name] = disk_of_server(
                    server, disk.name, place, portal_of(scenario, server)
                )
            if disk.name in folders:
                kind = folders[disk.name]
                self.made.disks[disk.name] = DiskPlan(disk.name, place, kind, False, disk.name)
        for layer in scenario.layers:
            self._layer(layer)
        for disk in scenario.disks:
            if disk.copy_of:
                self._clone(self._places[disk.copy_of], self._places[disk.name])
            if disk.image and isinstance(header := self._places[disk.name].content, Header):
                self.made.headers[disk.image] = header.volume
        self._damage()

    @staticmethod
    def _clone(disk: Place, clone: Place) -> None:
        """Give the clone the content of the disk; a header is of the volume that it is on."""
        content = disk.content
        if isinstance(content, Header) and content.volume.on is disk:
            content = Header(replace(content.volume, on=clone))
        clone.content = content

    def _digits(self, what: str, count: int = 32) -> str:
        # Not of the file's name: a world that is kept under another name stays the same.
        return hashlib.blake2b(what.encode(), digest_size=count // 2).hexdigest()

    def _uuid(self, what: str) -> str:
        digits = self._digits(what)
        cuts = (digits[:8], digits[8:12], f"4{digits[13:16]}", f"8{digits[17:20]}", digits[20:])
        return "-".join(cuts)

    def _lvm_uuid(self, what: str) -> str:
        """lvm writes 32 letters and digits in groups of 6, 4, 4, 4, 4, 4, 6."""
        digits = self._digits(what)
        cuts = ((0, 6), (6, 10), (10, 14), (14, 18), (18, 22), (22, 26), (26, 32))
        return "-".join(digits[begin:end] for begin, end in cuts)

    def _layer(self, layer: Layer) -> None:
        on = tuple(self._places[name] for name in layer.on)
        if layer.kind in RAID:
            self._array(layer, on)
        elif layer.kind in CONTAINERS:
            self._container(layer, on)
        elif layer.kind in ("luks1", "luks2", "plain"):
            self._volume(layer, on[0])
        elif layer.kind == "lvm":
            self._logical(layer, on)
        elif layer.kind == "partitions":
            self._partitions(layer, on[0])
        elif layer.kind == "bcache":
            self._joint(layer, on)
        elif layer.kind == ZFS:
            self._pool(layer, on)
        elif layer.kind == "file":
            self._file(layer, on[0])
        else:
            self._filesystem(layer, on)

    def _inside(self, layer: Layer, size: int) -> Place:
        place = Place(layer.name, size)
        self._places[layer.name] = place
        return place

    def _array(self, layer: Layer, on: tuple[Place, ...]) -> None:
        below = on[0].content
        container = below.array if len(on) == 1 and isinstance(below, Member) else None
        members = on
        if container is not None and container.metadata in CONTAINERS:
            members = container.on
        else:
            container = None
        size = layer.size or min(place.size for place in members) - (2 << 20)
        count = len(members)
        data = {"raid0": count, "linear": count, "raid4": count - 1, "raid5": count - 1,
                "raid6": count - 2, "raid10": count // 2}.get(layer.kind, 1)  # fmt: skip
        metadata = container.metadata if container else layer.metadata or "1.2"
        uuid = layer.uuid.replace(":", "").replace("-", "")
        if not uuid:
            uuid = self._digits(f"md {layer.name}")
            if metadata == "0.90" and layer.homehost != NO_HOST:
                uuid = uuid[:16] + homehost_digits(layer.homehost)
        array = ArrayPlan(
            name=layer.name,
            level=layer.kind,
            uuid=uuid,
            metadata=metadata,
            homehost=layer.homehost,
            on=members,
            inside=self._inside(layer, max(size * data, 1 << 20)),
            minor=100 + self._arrays,
            dirty=layer.left == "dirty",
            degraded=layer.left == "degraded",
            container=container,
        )
        self._arrays += 1
        if container is not None:
            container.volumes.append(array)
            return
        for slot, place in enumerate(members):
            member = Member(array, slot)
            if layer.left == "stale":
                place.stale = member
            else:
                place.content = member

    def _container(self, layer: Layer, on: tuple[Place, ...]) -> None:
        uuid = self._digits(f"container {layer.name}")
        inside = Place(layer.name, 0)
        box = ArrayPlan(layer.name, "container", uuid, layer.kind, layer.homehost, on, inside)
        self._arrays += 1
        self._places[layer.name] = inside
        inside.content = Member(box, -1)  # what stands on it finds the disks through this
        for slot, place in enumerate(on):
            place.content = Member(box, slot)

    def _volume(self, layer: Layer, on: Place) -> None:
        secrets = [layer.passphrase.encode()] if layer.passphrase else []
        if layer.keyfile:
            secrets.append(self._key(layer.keyfile))
        memory, passes = layer.argon2 or (0, 0)
        seconds = DERIVATION if not memory else memory / (1 << 20) * passes * ARGON2_GIB_PASS
        volume = VolumePlan(
            name=layer.name,
            kind=layer.kind,
            uuid=layer.uuid or self._uuid(f"luks {layer.name}"),
            secrets=tuple(secrets),
            on=on,
            inside=self._inside(layer, max(on.size - LUKS_DATA_AT, 1 << 20)),
            seconds=0.05 if layer.kind == "plain" else seconds,
            memory=memory,
            detached=bool(layer.header),
            label=layer.label,
            integrity=bool(layer.integrity),
        )
        self.made.volumes.append(volume)
        where, _, path = layer.header.partition(":")
        if path:
            system = self._places[where].content
            assert isinstance(system, FileSystem)
            system.headers[path] = volume
        elif where:
            self._places[where].content = Header(volume)
        elif layer.kind != "plain":
            on.content = Header(volume)

    def _key(self, path: str) -> bytes:
        for layer in self._scenario.layers:
            for file, content in layer.files:
                if file == path and path not in self._keys:
                    return content.encode()
        return self._keys.get(path, "").encode()

    def _logical(self, layer: Layer, on: tuple[Place, ...]) -> None:
        group = self.made.groups.get(layer.group)
        if group is None:
            uuid = self._lvm_uuid(f"vg {layer.group}")
            group = GroupPlan(layer.renamed or layer.group, uuid)
            group.system_id, group.left = layer.system_id, layer.left
            self.made.groups[layer.group] = group
        for place in on:
            number = len(group.physical)
            uuid = self._lvm_uuid(f"pv {layer.group} {number}")
            free = place.size // EXTENT * EXTENT - EXTENT
            physical = PhysicalPlan(group, uuid, place, free, f"/dev/vd{'abcdefgh'[number % 8]}")
            group.physical.append(physical)
            place.content = physical
        size, needs = allocate(group, layer)
        uuid = self._lvm_uuid(f"lv {layer.group}/{layer.name}")
        inside = self._inside(layer, size)
        group.volumes.append(
            LogicalPlan(layer.name, layer.type or "linear", uuid, inside, tuple(needs))
        )

    def _partitions(self, layer: Layer, on: Place) -> None:
        parts, start, mbr = list[PartPlan](), FIRST_SECTOR, layer.metadata == "mbr"
        table = layer.uuid or self._uuid(f"table {on.name}")[: 8 if mbr else None]
        for part in layer.parts:
            left = on.size // 512 - start - FIRST_SECTOR
            sectors = part.size // 512 if part.size else left
            inside = Place(part.name, sectors * 512)
            self._places[part.name] = inside
            uuid = part.uuid or self._uuid(f"part {part.name}")
            kind = (part.type or LINUX_TYPE).lower()
            if mbr:  # its partitions are known by its identifier and their number
                uuid, kind = f"{table}-{len(parts) + 1:02x}", f"0x{part.type or '83'}"
            scheme = "dos" if mbr else "gpt"
            parts.append(PartPlan(inside, uuid.lower(), kind, part.label, start, scheme))
            start += sectors
        on.content = Table(table, tuple(parts), "dos" if mbr else "gpt")

    def _joint(self, layer: Layer, on: tuple[Place, ...]) -> None:
        inside = self._inside(layer, on[0].size - 8192)
        joint = JointPlan(on[0], on[1], inside, self._uuid(f"bcache {layer.name}"))
        on[0].content = Joined(joint, joint.uuid)
        on[1].content = Joined(joint, self._uuid(f"bcache {layer.name} cache"))

    def _pool(self, layer: Layer, on: tuple[Place, ...]) -> None:
        guid = str(int(self._digits(f"pool {layer.name}", 16), 16))
        pool = PoolPlan(
            layer.name, guid, on, layer.profile, [], layer.host_id,
            f"{layer.name}/{layer.bootfs}" if layer.bootfs else "",
            logs=tuple(place for name, place in zip(layer.on, on, strict=True)
                       if name in layer.log),
        )  # fmt: skip
        given = {each.name: each for each in layer.datasets}
        names = {
            "/".join(words[:count])
            for words in (name.split("/") for name in given)
            for count in range(1, len(words) + 1)
        }
        keys: dict[str, tuple[str, str, bytes]] = {}  # name -> encryption root, location, secret
        for name in ["", *sorted(names)]:
            full = f"{layer.name}/{name}".rstrip("/")
            each = given.get(name, Dataset(name, "none", "off"))
            above = full.rpartition("/")[0]
            location = f"file://{each.keyfile}" if each.keyfile else "prompt"
            secret = each.passphrase or dict(self._scenario.files).get(each.keyfile, "")
            own = full, location if secret else "none", secret.encode()
            encryption, location, key = own if secret else keys.get(above, ("", "none", b""))
            keys[full] = encryption, location, key
            inside = Place(full, sum(place.size for place in on))
            inside.content = FileSystem("zfs", "", "", each.holds, dict(each.files), (inside,))
            shown = location if encryption == full else "none"
            pool.datasets.append(
                DatasetPlan(full, each.mountpoint, each.canmount, encryption, shown, key, inside)
            )
        pool.volumes = tuple(Place(name, size) for name, size in layer.volumes)
        self._places |= {place.name: place for place in pool.volumes}
        for place in on:
            place.content = pool

    def _file(self, layer: Layer, on: Place) -> None:
        assert isinstance(on.content, FileSystem)
        on.content.images[f"/images/{layer.name}"] = self._inside(layer, layer.size or 0)

    def _filesystem(self, layer: Layer, on: tuple[Place, ...]) -> None:
        what = layer.name or on[0].name
        journal = None
        if layer.kind != "btrfs" and len(on) > 1:
            on, journal = on[:1], on[1]
            kind = "xfs_external_log" if layer.kind == "xfs" else "jbd"
            journal.content = JournalPlan(kind, self._uuid(f"journal {what}"))
        system = FileSystem(
            kind=layer.kind,
            # A FAT has a serial number of 32 bits, a squashfs has nothing.
            uuid=layer.uuid
            or {"squashfs": "", "vfat": self._digits(what, 8).upper()}.get(
                layer.kind, self._uuid(f"fs {what}")
            ),
            label=layer.label,
            holds=layer.holds,
            system=layer.system,
            check=self._check_seconds(layer),
            files=dict(layer.files),
            on=on,
            subvolume=layer.subvolume,
            subvolumes=layer.subvolumes,
            default=layer.default,
            profile=layer.profile,
            left=layer.left,
            journal=journal,
        )
        for place in on:
            place.content = system
        if layer.name:
            self._places[layer.name] = on[0]

    def _check_seconds(self, layer: Layer) -> float:
        """How long the disks take to read all inodes in use, if their rate is limited."""
        rates = [disk.rate for disk in self._scenario.disks if disk.name in self._below(layer)]
        slowest = min((rate for rate in rates if rate is not None), default=None)
        return layer.inodes * INODE_BYTES / slowest if slowest is not None else 0.0

    def _below(self, layer: Layer) -> set[str]:
        found = set(layer.on)
        for each in self._scenario.layers:
            names = {each.name, *(part.name for part in each.parts)}
            if each is not layer and names & found:
                found |= self._below(each)
        return found

    def _damage(self) -> None:
        from initpy.simulation.world.damage import damaged  # few scenarios have any

        for damage in self._scenario.damages:
            place = self._places[damage.disk]
            if place.content is None and place.stale is None:
                at = damage.at if damage.at >= 0 else place.size + damage.at
                self.made.raw.setdefault(place.name, {})[at] = damage.data
            else:
                place.damages += damaged(place, damage)
