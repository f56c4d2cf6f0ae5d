"""Encrypted volumes in the words of mkinitcpio's encrypt hook: `cryptdevice=` and its companions.

The hook splits values at colons, of which a backslash makes a letter. Names of devices by their
path or number have colons too, and users do not escape them there.
"""

import re

from initpy.config import crypttab
from initpy.config.devicespec import parse_device
from initpy.config.errors import InputError
from initpy.core.volumes import KeySpec, VolumeSpec

DEVICE_EXPECTED = "DEVICE:NAME[:OPTION,…]"
KEY_EXPECTED = "DEVICE:FILESYSTEM:/PATH, DEVICE:OFFSET:SIZE or rootfs:/PATH"
PLAIN_EXPECTED = "HASH:CIPHER:KEYSIZE:OFFSET:SKIP, each possibly empty, the last three numbers"
# The hook takes this one without cryptkey=, and installers rely on that.
USUAL_KEY = "/crypto_keyfile.bin"
PLAIN_KEYS = ("hash", "cipher", "size", "offset", "skip")
# Folders of udev's links whose names have colons.
WITH_COLONS = ("/dev/disk/by-path/", "/dev/disk/by-id/", "/dev/md/")
ESCAPED = "\0"  # stands for `\:` while a text is split
# The device, then a file system with a path, or two numbers.
KEY = re.compile(r"(.+):(?:([a-z][a-z0-9-]*):(.+)|([0-9]{1,18}):([0-9]{1,18}))")


def cryptdevice(text: str) -> tuple[VolumeSpec | None, tuple[InputError, ...]]:
    """Return the volume, None if the value is malformed, and what is wrong with its options."""
    source, name, options = _fields(text)
    device = parse_device(source)
    if device is None or not crypttab.mapping_name(name):
        return None, ()
    understood = crypttab.parse_options("command line: cryptdevice", options)
    volume = understood.volume(device, name, None)
    return volume._replace(usual_key=USUAL_KEY), understood.problems


def _fields(text: str) -> tuple[str, str, str]:
    """Return device, name and options."""
    parts = [each.replace(ESCAPED, ":") for each in text.replace("\\:", ESCAPED).split(":")]
    name = 1
    if text.startswith(WITH_COLONS) and len(parts) > 2:
        known = not crypttab.parse_options("", parts[-1]).problems
        name = len(parts) - (2 if known else 1)
    words = (*parts, "", "")
    return ":".join(parts[:name]), words[name], ":".join(parts[name + 1 :])


def cryptkey(text: str) -> KeySpec | None:
    """Return a file of the image, one on a device, or bytes of a device; None if malformed.

    The hook takes paths from the root of the image or file system, with a slash or without.
    """
    text = text.replace("\\:", ":")
    if text.startswith("rootfs:"):
        path = text.removeprefix("rootfs:").lstrip("/")
        return KeySpec(f"/{path}") if path else None
    found = KEY.fullmatch(text)
    device = parse_device(found[1]) if found else None
    if found is None or device is None:
        return None
    if found[4]:
        size = int(found[5])
        return KeySpec("", device, offset=int(found[4]), size=size) if size else None
    # What udev found goes before a name of a driver in user space, which an initramfs has not.
    types = () if found[2] in ("auto", "ntfs-3g", "fuseblk") else (found[2],)
    return KeySpec(f"/{found[3].lstrip('/')}", device, types)


def crypto(text: str) -> tuple[str, ...] | None:
    """Return the arguments of cryptsetup for a plain volume; None if the value is malformed.

    A cipher may have a colon itself: `aes-cbc-essiv:sha256`.
    """
    parts = text.replace("\\:", ":").split(":")
    if len(parts) < len(PLAIN_KEYS):
        return None
    words = (parts[0], ":".join(parts[1:-3]), *parts[-3:])
    if any(each and not each.isdecimal() for each in words[2:]):
        return None
    pairs = zip(PLAIN_KEYS, words, strict=True)
    return tuple(f"{crypttab.PLAIN[key]}={each}" for key, each in pairs if each)
