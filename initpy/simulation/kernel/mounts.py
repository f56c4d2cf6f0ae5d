"""Mounting: which errno mount(2) gives when, and what of the root the engine reads afterwards."""

import errno
import os
from collections.abc import Container, Generator

from initpy.config.errors import InputError
from initpy.config.fstab import parse_checks, parse_fstab, parse_root_mounts
from initpy.config.linkfiles import parse as parse_link_file
from initpy.core.actions import Changes
from initpy.core.network.linkfiles import LinkFile
from initpy.core.network.shares import no_share
from initpy.core.settings import ExtraMount, OtherCheck
from initpy.scenario.acts import Way
from initpy.scenario.pools import ZFS
from initpy.scenario.servers import Server
from initpy.simulation.kernel import md, pools
from initpy.simulation.kernel.btrfs import mountable, subvolume
from initpy.simulation.kernel.hibernation import disturb
from initpy.simulation.kernel.mountoptions import takes_all
from initpy.simulation.kernel.nfsparameters import takes_all as takes_all_of_nfs
from initpy.simulation.kernel.process import Asleep, Wait
from initpy.simulation.kernel.reading import ready
from initpy.simulation.world.network import Served
from initpy.simulation.world.plans import FileSystem
from initpy.simulation.world.sabotage import Sabotage
from initpy.simulation.world.world import MountPoint, World

MOUNT_SECONDS = 0.08
MODPROBE_SECONDS = 0.2
NFS, NFS_SECONDS = ("nfs", "nfs4"), 0.2
SHARED = ("9p", "virtiofs")
UNREACHED = {
    "Network is unreachable": errno.ENETUNREACH,
    "No route to host": errno.EHOSTUNREACH,
    "Connection refused": errno.ECONNREFUSED,
}
INITS = ("/sbin/init", "/etc/init", "/bin/init", "/bin/sh")
ON_THE_ROOT = ("/sbin/init", "/bin/sh", "/bin/busybox")  # of the test system
BELOW, CHANGES = "/run/initpy/root-below", "/run/initpy/root-changes"
DEVICE, MEMORY = "/run/overlayfs-backing", "/run/initramfs/overlay"
OTHER_INITS = ("debian-12-sysvinit", "debian-12-openrc", "debian-12-runit")  # installed systems
# What overlayfs takes for no upper layer: it compares names in its own way, or is read-only.
NO_UPPER = ("vfat", "squashfs")
FLAGS = ("ro", "rw", "nosuid", "nodev", "noexec", "sync")
IGNORED = ("defaults", "auto", "noauto", "nofail", "_netdev", "")

Result = tuple[int, str]


def mount_all(
    world: World,
    sabotage: Sabotage,
    source: str,
    target: str,
    types: tuple[str, ...],
    options: tuple[str, ...],
    overlay: Changes | None,
) -> Generator[Wait, None, Result]:
    """Mount with the first type that works, below an overlay if one is asked for."""
    if overlay is None:
        return (yield from _mount_first(world, sabotage, source, target, types, options))
    below = ("ro", *(each for each in options if each not in ("ro", "rw")))
    if BELOW not in world.mounts:
        status, error = yield from _mount_first(world, sabotage, source, BELOW, types, below)
        if status:
            return status, error
    if overlay.usr_only:
        world.mounts[target] = MountPoint("tmpfs", "tmpfs", "rw,relatime,mode=755")
        world.mounts[f"{target}/usr"] = world.mounts[BELOW]
        return 0, ""
    if overlay.node and world.at(overlay.node) is world.at(source):
        return errno.EBUSY, f"{overlay.node} is root itself: changes to it need another device"
    if overlay.node and overlay.type in NO_UPPER and not overlay.readonly:
        what = f"{overlay.node} with its {overlay.type} cannot hold the changes (see dmesg)"
        return errno.EINVAL, f"overlay: {what}"
    if overlay.node and DEVICE not in world.mounts:
        how = ("ro",) if overlay.readonly else ()
        status, error = yield from _mount_first(
            world, sabotage, overlay.node, DEVICE, (overlay.type,), how
        )
        if status:
            return status, error
    if (overlay.readonly or not overlay.node) and MEMORY not in world.mounts:
        words = ",".join(("rw", "relatime", "mode=755", *overlay.options))
        world.mounts[MEMORY] = MountPoint("tmpfs", "tmpfs", words)
    lower = f"/run/overlayfs-r:{BELOW}" if overlay.readonly else BELOW
    device = None if overlay.readonly else file_system(world, DEVICE)
    upper, work = "upper", "work"
    if device is not None and any(each.startswith("/overlay/") for each in device.files):
        upper, work = "overlay", "ovlwork"  # dracut's
    data = f"lowerdir={lower},upperdir={CHANGES}/{upper},workdir={CHANGES}/{work}"
    world.mounts[target] = MountPoint("overlay", "overlay", f"rw,relatime,{data}")
    return 0, ""


def _mount_first(
    world: World,
    sabotage: Sabotage,
    source: str,
    target: str,
    types: tuple[str, ...],
    options: tuple[str, ...],
) -> Generator[Wait, None, Result]:
    number, message = errno.ENODEV, "no known file system on it; rootfstype= may name one"
    if types and types[0] in SHARED:
        return (yield from _mount_share(world, source, target, types[0], options))
    if types and types[0] in NFS:
        return (yield from _mount_nfs(world, source, target, types[0], options))
    for kind in filter(None, types):
        module = f"fs-{kind}"
        if module not in world.modules and kind not in world.without:
            # The kernel runs modprobe for itself and waits for it.
            wrong = sabotage.of(world, "modprobe", ("modprobe", "-q", "--", module))
            if wrong is not None and wrong.way is Way.HANGS:
                yield None
            if wrong is not None and wrong.way is Way.UNKILLABLE:
                yield Asleep(wrong.ends)
            yield MODPROBE_SECONDS
            if wrong is None:
                world.modules.add(module)
        yield MOUNT_SECONDS
        if (yield from ready(world, (source,))):
            number, message = errno.EIO, os.strerror(errno.EIO)
            break
        number = _errno(world, source, kind, options)
        if not number:
            block = world.at(source)
            # A mount that is read-only writes at most what a journal holds; none does here.
            if block is not None and "ro" not in options:
                yield from md.writable(world, block)
            if block is not None and ("ro" not in options or world.read_only(block)):
                world.write(block, f"mounted on {target}")
            _mounted(world, source, target, kind, options)
            if kind == ZFS and "ro" not in options:
                pools.write(world, source, f"mounted on {target}")
            if (block := world.at(source)) is not None:
                disturb(world, block)
            return 0, ""
        message = f"{kind}: {_explained(number, kind, options)}"
    return number, message


def _mount_nfs(
    world: World, source: str, target: str, kind: str, options: tuple[str, ...]
) -> Generator[Wait, None, Result]:
    """Mount what a server exports; the kernel says at once why not (fs/nfs/fs_context.c)."""
    network, words = world.network, dict(each.partition("=")[::2] for each in options)
    yield MODPROBE_SECONDS
    if network is None or "nfs" in world.without:
        return errno.ENODEV, _explained(errno.ENODEV, kind)
    address = words.get("addr", "")
    if not network.has_route(address):
        return errno.ENETUNREACH, os.strerror(errno.ENETUNREACH)
    port = words.get("port", "2049")
    server, seconds, why = network.reach(address, int(port) if port.isdecimal() else 0)
    yield seconds
    number = 0 if server is not None else UNREACHED[why]
    if server is not None and server.name not in network.serving:
        yield NFS_SECONDS
        number = errno.ENOENT  # it has withdrawn its export
    elif server is not None:
        yield NFS_SECONDS
        version = words.get("vers", "4")[:1]
        if words.get("proto", "tcp").startswith("udp") or "udp" in words:
            number = errno.EINVAL  # CONFIG_NFS_DISABLE_UDP_SUPPORT
        elif not takes_all_of_nfs(options):
            number = errno.EINVAL
        elif server.versions and version not in server.versions:
            number = errno.EPROTONOSUPPORT
        elif (source.rpartition(":")[2].rstrip("/") or "/") not in _exported(server, version):
            number = errno.ENOENT
        elif server.refuses:
            number = errno.EACCES
    if number or server is None:
        return number, f"{kind}: {os.strerror(number)}"
    network.exports[target] = Served(server)
    _mounted(world, source, target, kind, options)
    return 0, ""


def _exported(server: Server, version: str) -> tuple[str, ...]:
    """The paths of an export, as a version of NFS shows it (exports(5), fsid=)."""
    if server.pseudo_root and version == "4":
        return ("/",)
    return (server.link, server.export) if server.link else (server.export,)


def _mount_share(
    world: World, source: str, target: str, kind: str, options: tuple[str, ...]
) -> Generator[Wait, None, Result]:
    """Mount a folder of the host (p9_virtio_create(), virtio_fs_get_tree())."""
    yield MODPROBE_SECONDS
    shares = [each for each in world.scenario.shares if each.kind == kind]
    if f"fs-{kind}" in world.without:
        return errno.ENODEV, f"{kind}: {_explained(errno.ENODEV, kind)}"
    yield MOUNT_SECONDS
    if source not in {each.tag for each in shares}:
        number = errno.ENOENT if kind == "9p" else errno.EINVAL
        return number, no_share([each.tag for each in shares] if kind == "9p" else None)
    _mounted(world, source, target, kind, options)
    return 0, ""


def _errno(world: World, source: str, kind: str, options: tuple[str, ...]) -> int:
    if kind == ZFS:
        return pools.mount_errno(world, source)
    block = world.at(source)
    if block is None or block.place is None:
        return errno.ENOENT if block is None else errno.EINVAL
    if f"fs-{kind}" not in world.modules:
        return errno.ENODEV
    above = world.holders.get(block.name, ())
    if any(world.blocks[each].part is None for each in above if each in world.blocks):
        return errno.EBUSY
    system = block.place.content
    if not isinstance(system, FileSystem) or system.kind != kind or kind == "swap":
        return errno.EINVAL
    if block.array is not None and block.array.state == "inactive":
        return errno.EINVAL
    if system.journal is not None and not _has_journal(world, system, options):
        return errno.EINVAL
    if kind == "btrfs":
        if not mountable(world, block.place, options):
            return errno.EINVAL
        if subvolume(system, options) is None:
            return errno.ENOENT
    return 0 if takes_all(kind, options) else errno.EINVAL


def _has_journal(world: World, system: FileSystem, options: tuple[str, ...]) -> bool:
    """ext4 finds its journal by what e2fsck has noted; an xfs must be told (xfs(5))."""
    block = world.of(system.journal) if system.journal is not None else None
    if system.kind != "xfs" or block is None:
        return block is not None
    named = next((each for each in options if each.startswith("logdev=")), "")
    return world.at(named.removeprefix("logdev=")) is block


def _explained(number: int, kind: str, options: tuple[str, ...] = ()) -> str:
    if number == errno.ENODEV:
        return f"the kernel has no driver for {kind} (is its module in the image?)"
    data = ",".join(each for each in options if not each.endswith("atime") and each not in FLAGS)
    if number == errno.EINVAL:
        what = f"or an option it does not know among {data!r}" if data else "(see dmesg)"
        return f"not a valid {kind} file system {what}"
    if number == errno.ENOENT and "subvol" in data:
        return f"there is no such subvolume: {data!r}"
    if number == errno.EBUSY:
        return "the device is in use by another layer"
    return os.strerror(number)


def _mounted(world: World, source: str, target: str, kind: str, options: tuple[str, ...]) -> None:
    words = [each for each in options if each not in IGNORED and not each.startswith("x-")]
    shown = ["ro" if "ro" in words else "rw"]
    atime = [each for each in words if each.endswith("atime")]
    shown += atime or ["relatime"]
    rest = [each for each in words if each not in ("ro", "rw", *atime)]
    shown += [each for each in rest if not each.startswith("subvol=")]
    if kind == ZFS:
        shown += ["xattr", "noacl"]
    if kind == "btrfs":
        block = world.at(source)
        system = block.place.content if block is not None and block.place is not None else None
        path = subvolume(system, options) if isinstance(system, FileSystem) else ""
        shown.append(f"subvol=/{path}")
    world.mounts[target] = MountPoint(source, kind, ",".join(shown))


def file_system(world: World, target: str) -> FileSystem | None:
    """The file system that is mounted there, below an overlay if there is one."""
    place = world.mounts.get(target)
    if place is not None and (place.type == "overlay" or place.source == "tmpfs"):
        place = world.mounts.get(BELOW)
    if place is None:
        return None
    dataset = world.dataset(place.source) if place.type == ZFS else None
    if dataset is not None and isinstance(dataset.inside.content, FileSystem):
        return dataset.inside.content
    if place.type in SHARED:
        disk = next(each.disk for each in world.scenario.shares if each.tag == place.source)
        shared = world.disks.disks[disk].place.content
        return shared if isinstance(shared, FileSystem) else None
    if place.type in NFS and world.network is not None:
        served = next(iter(world.network.exports.values()), None)
        disk = served.server.serves[0] if served is not None else ""
        exported = world.disks.disks[disk].place.content if disk else None
        return exported if isinstance(exported, FileSystem) else None
    block = world.at(place.source)
    content = block.place.content if block is not None and block.place is not None else None
    if not isinstance(content, FileSystem):
        return None
    if content.subvolume and f"subvol=/{content.subvolume}" not in place.options.split(","):
        return None  # what it holds is elsewhere on it
    return content


def wanted_below(
    world: World, target: str, listed: Container[str] = ()
) -> tuple[tuple[ExtraMount, ...], tuple[InputError, ...]]:
    """What the root's own fstab wants mounted, and what is wrong with it."""
    system = file_system(world, target)
    table = system.files.get("/etc/fstab", "") if system is not None else ""
    if "/usr" not in table and "x-initrd.mount" not in table:
        return (), ()
    wanted, problems = parse_fstab(table, listed)
    return tuple(wanted), tuple(problems)


def other_checks(world: World, target: str) -> tuple[OtherCheck, ...]:
    """What the root's own fstab has checked besides root."""
    system = file_system(world, target)
    return parse_checks(system.files.get("/etc/fstab", "")) if system is not None else ()


def link_files(world: World, target: str) -> tuple[LinkFile, ...]:
    """The files of the root's networkd that the scenario has added."""
    system = file_system(world, target)
    there = system.files if system is not None else {}
    texts = ((path.rpartition("/")[2], text) for path, text in there.items() if _for_networkd(path))
    return tuple(filter(None, (parse_link_file(name, text) for name, text in sorted(texts))))


def _for_networkd(path: str) -> bool:
    return path.startswith("/etc/systemd/network/") and path.endswith((".network", ".netdev"))


def awaits_checks(world: World, root: str, asked: str | None) -> bool:
    """Whether the real init awaits checks that go on: systemd does."""
    system, (init, _) = file_system(world, root), find_init(world, root, asked)
    installed = system.system if system is not None else ""
    return init == "/sbin/init" and bool(installed) and installed not in OTHER_INITS


def root_mounts(world: World, root: str) -> tuple[tuple[str, str], ...]:
    """Mount what the root's own fstab wants without a device; (place, why not) of the others."""
    system = file_system(world, root)
    files = system.files if system is not None else {}
    failed = []
    bound: dict[str, str] = {}  # what is to be seen at a place is elsewhere on the root
    for each in parse_root_mounts(files.get("/etc/fstab", "")):
        place = f"{root}{each.target}"
        above = sorted(name for name in world.mounts if f"{name}/".startswith(f"{place}/"))
        source = f"{each.source}/"
        for at, inside in bound.items():
            source = f"{inside}{source.removeprefix(at)}" if source.startswith(f"{at}/") else source
        there = not each.source or any(f"{name}/".startswith(source) for name in files)
        if above and above[0] != place:
            failed.append((each.target, f"it would hide {above[0]}, which is mounted"))
        elif not above and not there:
            failed.append((each.target, f"{each.source} is not on the root"))
        elif not above:
            bound |= {each.target: source.rstrip("/")} if each.source else {}
            _mounted(world, each.source or each.kind, place, each.kind, each.options)
    return tuple(failed)


def find_init(world: World, root: str, asked: str | None) -> tuple[str, str]:
    """The init to run ("": none) and what there is to say about the choice."""
    system = file_system(world, root)
    there = ON_THE_ROOT if system is not None and system.holds == "root" else ()
    place = world.mounts.get(root)
    if place is not None and place.type == "tmpfs" and system is not None and not system.system:
        there = ()  # the test system has its programs outside of /usr
    complaint = ""
    for path in (*((asked,) if asked else ()), *INITS):
        if path in there:
            return path, complaint
        if path == asked:
            complaint = f"init={asked} is not an executable file on the root file system"
    tried = ", ".join(INITS)
    return "", f"{complaint + '; ' if complaint else ''}no init among {tried} on the root"
