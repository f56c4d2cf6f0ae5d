"""Which drivers of the kernel mount a file system of the type that udev names."""

from initpy.core.devices.graph import PLAIN, Device

# ntfs3 calls itself so; the kernel's older driver, which blkid(8) knows, went with Linux 6.9.
DRIVERS = {"ntfs": ("ntfs3", "ntfs")}


def drivers_of(kind: str) -> tuple[str, ...]:
    """Return the drivers for a type, the best one first; () for none."""
    return DRIVERS.get(kind, (kind,) if kind else ())


def aliases_of(kind: str) -> tuple[str, ...]:
    """Return the names by which the kernel asks for these drivers, and theirs."""
    return tuple(name for each in drivers_of(kind) for name in (f"fs-{each}", each))


def drivers_for(device: Device) -> tuple[str, ...]:
    """Return the drivers for the file system that udev has found on a device."""
    return drivers_of(device.properties.get("ID_FS_TYPE", ""))


def is_blank(device: Device) -> bool:
    """Return True for a device on which udev has found nothing at all."""
    return not any(key.startswith(("ID_FS_", "ID_PART_TABLE_")) for key in device.properties)


def is_blank_plain(device: Device) -> bool:
    """Return True for a plain volume that shows nothing: the key may be wrong."""
    return device.properties.get("DM_UUID", "").startswith(PLAIN) and is_blank(device)
