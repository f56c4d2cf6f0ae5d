"""Where a key or a header is, as crypttab and the command line say it: crypttab(5)."""

import re

from initpy.config.devicespec import parse_device
from initpy.core.devices.names import DeviceSpec
from initpy.core.volumes import HeaderSpec, KeySpec

NUMBER = "[0-9]{1,18}"  # bytes and sectors of today's disks have more than nine digits
WITHOUT_COLON = r"/dev/(?:disk/by-(?:uuid|label|partuuid|partlabel)/)?[^:/]+"


def parse_key(text: str) -> KeySpec | None:
    """A key field: a path in the image, or with a device in systemd's or Debian's form."""
    # Debian's passdev: DEVICE:PATH[:SECONDS]. Names of devices by path have colons too.
    passdev = re.fullmatch(rf"(.+):(/[^:]*)(?::({NUMBER}))?", text)
    if passdev and (device := parse_device(passdev[1])) is not None:
        return KeySpec(passdev[2], device, timeout=float(passdev[3] or 0))
    # A path without a slash, after a name that has no colon itself.
    relative = re.fullmatch(rf"({WITHOUT_COLON}):([^/:][^:]*)(?::({NUMBER}))?", text)
    if relative and (device := parse_device(relative[1])) is not None:
        return KeySpec(f"/{relative[2]}", device, timeout=float(relative[3] or 0))
    if text.startswith("/dev/"):
        return KeySpec("", parse_device(text))
    path, device = _on_device(text)
    if device is not None and path:
        # systemd takes it from the root of the device's file system: an example in crypttab(5).
        return KeySpec(f"/{path.lstrip('/')}", device)
    return KeySpec(path) if text.startswith("/") else None


def parse_header(text: str) -> HeaderSpec | None:
    """`/path` in the image, `/path:DEVICE`, or a device that is the header."""
    if not text.startswith("/dev/") and text.startswith("/"):
        return HeaderSpec(*_on_device(text))
    device = parse_device(text)
    return HeaderSpec("", device) if device is not None else None


def _on_device(text: str) -> tuple[str, DeviceSpec | None]:
    """systemd's `PATH:DEVICE`; without a device that is one, all of it is the path."""
    path, separator, name = text.partition(":")
    device = parse_device(name) if separator else None
    return (path, device) if device is not None else (text, None)
