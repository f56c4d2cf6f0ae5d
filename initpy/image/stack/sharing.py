"""What a file system stands on that is not one device: several, or a folder of the host."""

from collections.abc import Iterator

from initpy.image.stack.blocks import CLASS, Blocks
from initpy.image.stack.mounttable import Mount
from initpy.image.stack.system import System


def of_host(system: System, mount: Mount) -> str | None:
    """Return the virtio device that exports the folder of the host that is mounted."""
    return _tagged(system, mount.source) or _virtiofs(system, mount.kind)


def siblings(system: System, blocks: Blocks, name: str) -> Iterator[str]:
    """Yield all devices of a file system: from sysfs for btrfs, else by udev's properties."""
    mine = blocks.properties(name)
    uuid, part = mine.get("ID_FS_UUID", ""), mine.get("ID_FS_UUID_SUB", "")
    found = system.names(f"/sys/fs/{mine.get('ID_FS_TYPE', '')}/{uuid}/devices")
    if uuid and found:
        yield from found
    elif uuid and part:
        for other in system.names(CLASS):
            theirs = blocks.properties(other)
            if theirs.get("ID_FS_UUID") == uuid and theirs.get("ID_FS_UUID_SUB") != part:
                yield other


def pool(system: System, blocks: Blocks, mount: Mount) -> tuple[str, ...]:
    """Return the members of a pool such as ZFS's, whose mount source is `POOL/…`."""
    label = mount.source.partition("/")[0]
    if not label or mount.source.startswith("/"):
        return ()
    wanted = (f"{mount.kind}_member", label)
    found = ((name, blocks.properties(name)) for name in system.names(CLASS))
    return tuple(
        name for name, has in found if (has.get("ID_FS_TYPE"), has.get("ID_FS_LABEL")) == wanted
    )


def _tagged(system: System, tag: str) -> str | None:
    """Return the virtio device that exports a folder of the host under this tag (9p)."""
    folder = "/sys/bus/virtio/devices"
    for name in system.names(folder):
        if (system.text(f"{folder}/{name}/mount_tag") or "").strip("\0\n") == tag:
            return system.real(f"{folder}/{name}")
    return None


def _virtiofs(system: System, kind: str) -> str | None:
    """Return a virtio device of virtiofs; their tags are in sysfs since Linux 6.9 only."""
    folder = "/sys/bus/virtio/drivers/virtiofs"
    found = [each for each in system.names(folder) if each.startswith("virtio")]
    return system.real(f"{folder}/{found[0]}") if kind == "virtiofs" and found else None
