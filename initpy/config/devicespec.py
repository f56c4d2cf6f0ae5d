"""Device names as users write them: `UUID=…`, `LABEL="a b"`, `/dev/…`."""

import re

from initpy.core.devices.names import DeviceSpec, Naming, unescape

EXPECTED = "UUID=…, LABEL=…, PARTUUID=…, PARTLABEL=… or a path below /dev"

# The kernel's own forms for root=, see devt_from_devname() in block/early-lookup.c: decimal
# MAJOR:MINOR, or both in one hexadecimal number as in `stat -c %D`.
NUMBERS = r"([0-9]{1,4}):([0-9]{1,7})"
HEXADECIMAL = r"(?:0x)?([0-9a-fA-F]{3,8})"
# systemd-gpt-auto-generator(8); the second one also counts where fstab names a root.
# The link is that of its rule for udev, which users write where a tool wants root=.
GPT_AUTO = ("gpt-auto", "gpt-auto-force", "/dev/gpt-auto-root")
PART_OFFSET = r"(.+)/PARTNROFF=(-?[0-9]{1,3})"

# /dev/disk/by-… links exist for these too, but a property is there before the link is.
BY_ID = "/dev/disk/by-id/"
# As udev calls the disk: mount(8), booster's two.
FOLDERS = {"ID": BY_ID, "WWID": BY_ID, "HWPATH": "/dev/disk/by-path/"}
BY_TAG = {
    "UUID": Naming.UUID,
    "LABEL": Naming.LABEL,
    "PARTUUID": Naming.PARTUUID,
    "PARTLABEL": Naming.PARTLABEL,
}
# What mount(8) does beside mount(2): another folder would be mounted, or another owner be seen, or
# nothing be verified.
OF_MOUNT = ("X-mount.subdir=", "X-mount.idmap=", "verity.")
# Within a list of devices, as bcachefs takes one: /dev/sda2:/dev/sdb2.
SEVERAL = ":/dev/"
BY_LINK = {
    "/dev/disk/by-uuid/": Naming.UUID,
    "/dev/disk/by-label/": Naming.LABEL,
    "/dev/disk/by-partuuid/": Naming.PARTUUID,
    "/dev/disk/by-partlabel/": Naming.PARTLABEL,
}


def parse_device(text: str) -> DeviceSpec | None:
    """The device that `text` names, or None when it is not of a known form."""
    prefix, separator, value = text.partition("=")
    if separator and (tag := BY_TAG.get(prefix.upper())) is not None:
        return _named(tag, value.strip("\"'"))
    if separator and value and (folder := FOLDERS.get(prefix.upper())):
        return DeviceSpec(Naming.PATH, folder + value.strip("\"'"))
    if not text.startswith("/dev/") or SEVERAL in text:
        return None
    text = simple_path(text)
    if text == "/dev" or f"{text}/" in BY_LINK:
        return None
    for folder, naming in BY_LINK.items():
        if text.startswith(folder):
            return _named(naming, text.removeprefix(folder))
    return DeviceSpec(Naming.PATH, text)


def simple_path(text: str) -> str:
    """Return an absolute path in one way of writing it: `/usr/`, `//usr` and `/./usr` are one."""
    return "/" + "/".join(each for each in text.split("/") if each not in ("", "."))


def parse_root(text: str) -> DeviceSpec | None:
    """As `parse_device`, with the forms that only root= has: gpt-auto, and the kernel's numbers."""
    text = text.removeprefix("block:")  # dracut's word for what is on no network
    if text in GPT_AUTO:
        return DeviceSpec(Naming.GPT_AUTO, "")
    if found := re.fullmatch(NUMBERS, text):
        return DeviceSpec(Naming.NUMBER, f"{int(found[1])}:{int(found[2])}")
    if found := re.fullmatch(HEXADECIMAL, text):
        number = int(found[1], 16)
        major, minor = (number >> 8) & 0xFFF, (number & 0xFF) | ((number >> 12) & 0xFFF00)
        return DeviceSpec(Naming.NUMBER, f"{major}:{minor}")
    return parse_device(text)


def _named(naming: Naming, value: str) -> DeviceSpec | None:
    if naming is Naming.PARTUUID and (found := re.fullmatch(PART_OFFSET, value)):
        return DeviceSpec(naming, found[1].lower(), int(found[2]))
    return DeviceSpec(naming, unescape(value)) if value else None
