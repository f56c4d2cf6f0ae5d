"""The entries of a crypttab, as the oracle reads them: crypttab(5)."""

from collections.abc import Iterator

from initpy.simulation.oracle.wishes import Key, Volume, name_of

NO_KEY = ("", "none", "-")
FALSE = ("0", "no", "false", "off", "n", "f")


def key_of(text: str) -> Key:
    """`/path`, `/path:DEVICE`, `DEVICE:/path`; anything else is odd."""
    if text.startswith("/dev/") and ":/" not in text:
        return Key("", name_of(text), odd=True)  # bytes of a device
    path, separator, device = text.partition(":")
    if path.startswith("/") and not path.startswith("/dev/"):
        name = name_of(device)
        return Key(path, name if separator else None, odd=bool(separator) and not name.how)
    before, _, after = text.rpartition(":/")
    name = name_of(before)
    return Key(f"/{after}", name, odd=not name.how or ":" in after)


def refine(volume: Volume, options: str) -> None:
    """Options of crypttab(5) that change who opens the volume, and how often."""
    for option in filter(None, options.split(",")):
        name, _, value = option.partition("=")
        if name == "tries" and value.isdecimal():
            volume.tries = int(value)
        elif name == "nofail":
            volume.optional = True
        elif name == "header":
            volume.header = key_of(value) if ":" in value else Key(value)
        elif name == "headless":
            volume.headless = is_on(value or None)
        elif name not in ("luks", "initramfs", "discard", "quiet", "none", "swap"):
            volume.odd = True


def entries_of(table: str) -> Iterator[Volume]:
    for line in table.splitlines():
        fields = line.split()
        if len(fields) < 2 or fields[0].startswith("#"):
            continue
        name, source, key, options, *_ = *fields, "none", ""
        words = {each.partition("=")[0] for each in options.split(",")}
        left = "noauto" in words and not words & {"initramfs", "x-initrd.attach"}
        made = words & {"swap", "tmp"} and "initramfs" not in words  # Debian's makes nothing anew
        if left or made or key in ("/dev/urandom", "/dev/random"):
            continue
        if not name_of(source).how or "/" in name:
            continue  # malformed, and reported
        volume = Volume(name_of(source), name, None if key in NO_KEY else key_of(key))
        refine(volume, options)
        yield volume


def is_on(value: str | None) -> bool:
    return value is None or value.lower() not in FALSE
