"""Judges whether another generator's image is told of the volumes and arrays below root.

Such an image has the drivers and programs, and sets up only what its own files or the command line
name: initramfs-tools' `/cryptroot/crypttab`; dracut's parameters, also those in `/etc/cmdline.d`
(dracut.cmdline(7)). Of other generators the command line alone is known here.
"""

from collections.abc import Iterator

from initpy.config.commandline import TRUE, parse
from initpy.config.crypttab import parse_crypttab
from initpy.config.settings import read_settings
from initpy.core.volumes import VolumeSpec
from initpy.image.check.parameters import Boot
from initpy.image.check.proof import Row, Verdict
from initpy.image.formats.archive import Archive
from initpy.image.stack.layers import Kind, Layer, Stack
from initpy.image.stack.names import volume_of
from initpy.image.tree import File

CRYPTROOT = "/cryptroot/crypttab"
CRYPTTABS = (CRYPTROOT, "/etc/crypttab", "/etc/crypttab.initramfs")
DRACUT = ("/usr/lib/dracut/", "/lib/dracut/")
CONFIGURED = ("/etc/cmdline", "/etc/cmdline.d/")
# Kind of layer -> dracut's parameters that name such.
NAMING = {
    Kind.MD: ("rd.md.uuid",), Kind.CONTAINER: ("rd.md.uuid",),
    Kind.LVM: ("rd.lvm.vg", "rd.lvm.lv"),
}  # fmt: skip
NEED = "what names it"


def rows(archive: Archive, stack: Stack, boot: Boot) -> Iterator[Row]:
    """Yield a row for each layer that an image sets up only if something names it."""
    texts = [boot.text, *_configured(archive)]
    volumes = [*_volumes(archive, texts)]
    given = {each.key: each.value for text in texts for each in parse(text).parameters}
    dracut = any(path.startswith(DRACUT) for path in archive.entries)
    everything = dracut and (given.get("rd.auto", "0") or "1").lower() in TRUE
    for layer in stack.layers:
        title = f"{layer.name} ({layer.kind.value})"
        if everything and layer.kind in (*NAMING, Kind.LUKS):
            yield Row(title, NEED, Verdict.OK, "rd.auto on the command line")
        elif layer.kind in (Kind.LUKS, Kind.CRYPT):
            yield _encrypted(title, layer, stack, volumes)
        elif dracut and layer.kind in NAMING:
            yield _named(title, NAMING[layer.kind], given)


def _encrypted(title: str, layer: Layer, stack: Stack, volumes: list[VolumeSpec]) -> Row:
    if volume_of(layer, stack, volumes) is not None:
        return Row(title, NEED, Verdict.OK, "a crypttab of the image, or the command line")
    reason = (
        "cannot know: neither a crypttab of the image nor the command line names it, and this "
        "generator may open no other volumes"
    )
    return Row(title, NEED, Verdict.UNKNOWN, reason)


def _named(title: str, parameters: tuple[str, ...], given: dict[str, str | None]) -> Row:
    for name in parameters:
        if name in given:
            return Row(title, NEED, Verdict.OK, f"{name}= ({given[name]})")
    reason = f"cannot know: dracut may set up only what {parameters[0]}= or rd.auto names"
    return Row(title, NEED, Verdict.UNKNOWN, reason)


def _volumes(archive: Archive, texts: list[str]) -> Iterator[VolumeSpec]:
    for path in CRYPTTABS:
        yield from parse_crypttab(path, _text(archive, path))[0]
    for text in texts:
        yield from read_settings(text)[0].volumes


def _configured(archive: Archive) -> Iterator[str]:
    for path in sorted(archive.entries):
        if path == CONFIGURED[0] or (path.startswith(CONFIGURED[1]) and path.endswith(".conf")):
            yield " ".join(_text(archive, path).split())


def _text(archive: Archive, path: str) -> str:
    entry = archive.get(path)
    return entry.read().decode("utf-8", "replace") if isinstance(entry, File) else ""
