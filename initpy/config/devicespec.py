"""Device names as people write them: `UUID=…`, `LABEL="a b"`, `/dev/…`."""

from initpy.core.settings import DeviceSpec, Naming, unescape

EXPECTED = "UUID=…, LABEL=…, PARTUUID=…, PARTLABEL=… or a path below /dev"

# /dev/disk/by-… links exist for these too, but a property is there before the link is.
BY_LINK = {
    "/dev/disk/by-uuid/": Naming.UUID,
    "/dev/disk/by-label/": Naming.LABEL,
    "/dev/disk/by-partuuid/": Naming.PARTUUID,
    "/dev/disk/by-partlabel/": Naming.PARTLABEL,
}


def parse_device(text: str) -> DeviceSpec | None:
    """The device that `text` names, or None when it is not of a known form."""
    prefix, separator, value = text.partition("=")
    for naming in (Naming.UUID, Naming.LABEL, Naming.PARTUUID, Naming.PARTLABEL):
        if separator and prefix.upper() == naming.value:
            return _named(naming, value.strip("\"'"))
    for folder, naming in BY_LINK.items():
        if text.startswith(folder):
            return _named(naming, text.removeprefix(folder))
    if text.startswith("/dev/") and text != "/dev/":
        return DeviceSpec(Naming.PATH, text)
    return None


def _named(naming: Naming, value: str) -> DeviceSpec | None:
    return DeviceSpec(naming, unescape(value)) if value else None
