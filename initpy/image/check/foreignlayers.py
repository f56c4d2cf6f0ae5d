"""Judges whether another generator's image is told of the volumes and arrays below root.

Such an image has the drivers and programs, and sets up only what its own files or the command line
name: initramfs-tools' `/cryptroot/crypttab`; dracut's parameters, also those in `/etc/cmdline.d`
(dracut.cmdline(7)). Of other generators the command line alone is known here.
"""

from collections.abc import Iterator

from initpy.config.commandline import FALSE, TRUE, Parameter, parse
from initpy.config.crypttab import parse_crypttab
from initpy.config.settings import read_settings
from initpy.core.volumes import VolumeSpec
from initpy.image.check.machine import Machine, nothing
from initpy.image.check.parameters import Boot
from initpy.image.check.programs import ImagePrograms
from initpy.image.check.proof import Row, Verdict
from initpy.image.check.volumes import Volumes
from initpy.image.formats.archive import Archive
from initpy.image.stack.layers import Kind, Layer, Stack
from initpy.image.stack.names import volume_of
from initpy.image.tree import File

CRYPTROOT = "/cryptroot/crypttab"
# initramfs-tools' copy of the key file of a volume.
KEY_COPY, KEY_ENDING = "/cryptroot/keyfiles/", ".key"
CRYPTTABS = (CRYPTROOT, "/etc/crypttab", "/etc/crypttab.initramfs")
DRACUT = ("/usr/lib/dracut/", "/lib/dracut/")
CONFIGURED = ("/etc/cmdline", "/etc/cmdline.d/")
# Kind of layer -> dracut's parameters that name such.
NAMING = {
    Kind.MD: ("rd.md.uuid",), Kind.CONTAINER: ("rd.md.uuid",),
    Kind.LVM: ("rd.lvm.vg", "rd.lvm.lv"),
}  # fmt: skip
SWITCHES = {
    Kind.MD: "rd.md", Kind.CONTAINER: "rd.md", Kind.LVM: "rd.lvm", Kind.LUKS: "rd.luks",
}  # fmt: skip
NEED = "what names it"
SILENT = "no passphrase is asked for then"


def rows(
    archive: Archive,
    stack: Stack,
    boot: Boot,
    programs: ImagePrograms,
    machine: Machine = nothing,
) -> Iterator[Row]:
    """Yield a row for each layer that an image sets up only if something names it.

    Further rows are about the keys and headers of its encrypted volumes.
    """
    texts = [boot.text, *_configured(archive)]
    volumes = [*_volumes(archive, texts)]
    opened = Volumes(
        archive, stack, programs, boot, _with_copies(machine), named=volumes, silent=SILENT
    )
    given = [each for text in texts for each in parse(text).parameters]
    said = {each.key: (each.value or "1").lower() for each in given}
    dracut = any(path.startswith(DRACUT) for path in archive.entries)
    everything = dracut and said.get("rd.auto", "0") in TRUE
    for layer in stack.layers:
        title = f"{layer.name} ({layer.kind.value})"
        switch = SWITCHES.get(layer.kind, "") if dracut else ""
        if switch and said.get(switch, "1") in FALSE:
            yield Row(title, NEED, Verdict.MISSING, f"{switch}=0 on the command line forbids it")
        elif everything and layer.kind in (*NAMING, Kind.LUKS):
            yield Row(title, NEED, Verdict.OK, "rd.auto on the command line")
        elif layer.kind in (Kind.LUKS, Kind.CRYPT):
            volume = volume_of(layer, stack, volumes)
            yield _encrypted(title, volume)
            if volume is not None:
                found = opened.opening(title, layer, volume)
                yield from opened.judged(layer, found)
        elif dracut and layer.kind in NAMING:
            yield _named(title, layer, given)


def _encrypted(title: str, volume: VolumeSpec | None) -> Row:
    if volume is not None:
        return Row(title, NEED, Verdict.OK, "a crypttab of the image, or the command line")
    reason = (
        "cannot know: neither a crypttab of the image nor the command line names it, and this "
        "generator may open no other volumes. Name it there (initramfs-tools: option `initramfs` "
        "in /etc/crypttab), or add the generator's parameter (rd.luks.uuid=, cryptdevice=)"
    )
    return Row(title, NEED, Verdict.UNKNOWN, reason)


def _named(title: str, layer: Layer, given: list[Parameter]) -> Row:
    """Judge by the parameters of dracut that set up some arrays or groups and no others."""
    names = NAMING[layer.kind]
    values = [(each.key, each.value or "") for each in given if each.key in names]
    if not values:
        reason = f"cannot know: dracut may set up only what {names[0]}= or rd.auto names: add one"
        return Row(title, NEED, Verdict.UNKNOWN, reason)
    for key, value in values:
        if _is_meant(key, value, layer):
            return Row(title, NEED, Verdict.OK, f"{key}={value}")
    shown = ", ".join(f"{key}={value}" for key, value in values)
    reason = (
        f"cannot know: dracut sets up only what is named, and no parameter names it ({shown}): add "
        f"{names[0]}= for it"
    )
    return Row(title, NEED, Verdict.UNKNOWN, reason)


def _is_meant(key: str, value: str, layer: Layer) -> bool:
    group, volume = layer.property("DM_VG_NAME"), layer.property("DM_LV_NAME")
    if key == "rd.lvm.vg":
        return value == group
    if key == "rd.lvm.lv":
        return value == f"{group}/{volume}"
    return bool(value) and _plain(value) == _plain(layer.property("MD_UUID"))


def _plain(uuid: str) -> str:
    """Return a UUID without the colons and dashes, of which each program has its own."""
    return uuid.replace(":", "").replace("-", "").lower()


def _volumes(archive: Archive, texts: list[str]) -> Iterator[VolumeSpec]:
    for path in CRYPTTABS:
        for volume in parse_crypttab(path, _text(archive, path))[0]:
            # initramfs-tools skips a volume whose key file is absent, and tries another key once.
            alone = path == CRYPTROOT and volume.key is not None
            yield volume._replace(headless=True) if alone else volume
    for text in texts:
        yield from read_settings(text)[0].volumes


def _with_copies(machine: Machine) -> Machine:
    """Return the machine's files with those that initramfs-tools' copies are made of."""

    def read(path: str) -> bytes | None:
        if not path.startswith(KEY_COPY):
            return machine(path)
        name = path.removeprefix(KEY_COPY).removesuffix(KEY_ENDING)
        text = (machine("/etc/crypttab") or b"").decode("utf-8", "replace")
        found = (each for each in parse_crypttab("/etc/crypttab", text)[0] if each.name == name)
        key = next((each.key for each in found), None)
        return machine(key.path) if key is not None and key.path else None

    return read


def _configured(archive: Archive) -> Iterator[str]:
    for path in sorted(archive.entries):
        if path == CONFIGURED[0] or (path.startswith(CONFIGURED[1]) and path.endswith(".conf")):
            yield " ".join(_text(archive, path).split())


def _text(archive: Archive, path: str) -> str:
    entry = archive.get(path)
    return entry.read().decode("utf-8", "replace") if isinstance(entry, File) else ""
