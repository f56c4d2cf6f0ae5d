"""Does the image open the root's encrypted volumes as it is told to? Keys, headers, programs.

What tells is the image's crypttab together with the command line, as the boot reads them: that of a
unified kernel image, else the one that this system was booted with.

A key file that is not there is no end as long as somebody can be asked for a passphrase; where
nobody is (`headless`), or no passphrase opens the volume (plain dm-crypt with a key file), it is.
Whether a LUKS header has a passphrase besides keys from files nobody can tell: a slot is a slot.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from initpy.config.settings import read_settings
from initpy.core.devices.names import PROPERTY, DeviceSpec, Naming
from initpy.core.unlock.specs import KeySpec, VolumeSpec
from initpy.image.content.keys import CRYPTTAB
from initpy.image.formats.archive import Archive
from initpy.image.formats.imageprograms import ImagePrograms
from initpy.image.proof import Row, Verdict
from initpy.image.stack.layers import KEY, Kind, Layer, Stack
from initpy.image.tree import File

# Where a key is looked for that nobody names (systemd's crypttab(5)).
KEY_FOLDER = "/etc/cryptsetup-keys.d"


class Volumes:
    """The encrypted layers of a stack, and what an image of initpy's knows of each."""

    def __init__(self, archive: Archive, stack: Stack, programs: ImagePrograms) -> None:
        self._archive = archive
        self._stack = stack
        self._programs = programs
        entry = archive.get(CRYPTTAB)
        text = entry.read().decode("utf-8", "replace") if isinstance(entry, File) else None
        own = archive.sections.get(".cmdline")
        cmdline = stack.cmdline if own is None else own.rstrip(b"\0\n").decode("utf-8", "replace")
        self._named = read_settings(cmdline, text)[0].volumes
        self._found = {
            layer.identity: self._of(layer)
            for layer in stack.layers
            if layer.kind in (Kind.LUKS, Kind.CRYPT)
        }
        self._needed = frozenset(_below(stack, stack.tops))

    def rows(self, layer: Layer) -> Iterator[Row]:
        """How a layer is opened; nothing for one that is not encrypted."""
        if layer.identity not in self._found:
            return
        title = f"{layer.name} ({layer.kind.value})"
        volume = self._found[layer.identity]
        if volume is None:
            yield self._unnamed(title, layer)
            return
        if volume.header is not None and volume.header.device is None:
            yield self._header(title, volume, volume.header.path)
        yield self._key(title, volume)

    def judged(self, layer: Layer, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows of a layer; what only a key file is on is no end where a person can be asked."""
        if layer.identity in self._needed:
            yield from rows
            return
        asked = not any(
            volume is not None and volume.headless and self._leads_to(volume.name, layer)
            for volume in self._found.values()
        )
        for row in rows:
            if asked and row.verdict in (Verdict.MISSING, Verdict.UNKNOWN):
                reason = f"{row.reason}; only a key file is on it: a passphrase is asked for"
                yield replace(row, verdict=Verdict.WARNING, reason=reason)
            else:
                yield row

    def _of(self, layer: Layer) -> VolumeSpec | None:
        """What the boot will know of a layer, by its name or by what it is on."""
        name = layer.property("DM_NAME")
        on = [below for below in self._stack.layers if below.identity in layer.on]
        by_name = [each for each in self._named if each.name == name]
        by_source = [each for each in self._named if any(_is(each.source, one) for one in on)]
        return next(iter([*by_name, *by_source]), None)

    def _unnamed(self, title: str, layer: Layer) -> Row:
        if layer.kind is Kind.LUKS and layer.on and self._shows_itself(layer):
            reason = "the image's crypttab does not name it: a passphrase is asked for"
            return Row(title, "key", Verdict.OK, reason)
        reason = (
            "nothing on the device shows what it is, and neither the image's crypttab nor the "
            "command line as far as it is known names it. Mark its line in /etc/crypttab with the "
            "option `initramfs` (or x-initrd.attach), or build with --host"
        )
        return Row(title, "key", Verdict.UNKNOWN, reason)

    def _shows_itself(self, layer: Layer) -> bool:
        """Whether what it is on has the header: LUKS with a detached one looks like nothing."""
        on = [below for below in self._stack.layers if below.identity in layer.on]
        return any(each.property("ID_FS_TYPE") == "crypto_LUKS" for each in on)

    def _header(self, title: str, volume: VolumeSpec, path: str) -> Row:
        if isinstance(self._archive.get(path), File):
            return Row(title, "header", Verdict.OK, path)
        reason = f"{path} is not in the image, and nothing opens it without: --add {path}"
        return Row(title, "header", Verdict.MISSING, reason)

    def _key(self, title: str, volume: VolumeSpec) -> Row:
        """What opens the volume, and what is left if that is not there."""
        key = volume.key
        if key is None:
            path = f"{KEY_FOLDER}/{volume.name}.key"
            if isinstance(self._archive.get(path), File):
                return Row(title, "key file", Verdict.OK, path)
            return self._without(title, volume, "", "key")
        if key.program:
            found = self._programs.check(key.program)
            if found is not None and not found.problem:
                return Row(title, "key script", Verdict.OK, key.program)
            problem = "is not in the image" if found is None else f"cannot run ({found.problem})"
            hint = f"the key script {key.program} {problem}; --add {key.program}"
            return self._without(title, volume, hint, "key script")
        if key.device is not None:
            return self._on_device(title, volume, key)
        if isinstance(self._archive.get(key.path), File):
            return Row(title, "key file", Verdict.OK, key.path)
        hint = f"{key.path} is not in the image; --add {key.path}"
        return self._without(title, volume, hint, "key file")

    def _on_device(self, title: str, volume: VolumeSpec, key: KeySpec) -> Row:
        if any(layer.fact(KEY) == volume.name for layer in self._stack.layers):
            return Row(title, "key file", Verdict.OK, f"{key}, which is looked at below")
        asked = "" if volume.headless else "; until it comes a passphrase is asked for"
        verdict = Verdict.UNKNOWN if volume.headless else Verdict.WARNING
        reason = (
            f"{key} was not there to be looked at, so that it is not known whether its drivers are "
            f"in the image{asked}"
        )
        return Row(title, "key file", verdict, reason)

    def _without(self, title: str, volume: VolumeSpec, hint: str, need: str) -> Row:
        """Nothing but people is left, or nobody."""
        before = f"{hint}: " if hint else ""
        if volume.headless and not volume.empty:
            reason = f"{before}nothing opens it, as nobody is asked (headless)"
            return Row(title, need, Verdict.MISSING, reason)
        if hint and volume.kind == "plain":
            reason = f"{before}no passphrase is a key file's content (plain)"
            return Row(title, need, Verdict.MISSING, reason)
        how = "the empty passphrase is tried" if volume.headless else "a passphrase is asked for"
        return Row(title, need, Verdict.WARNING if hint else Verdict.OK, f"{before}{how}")

    def _leads_to(self, name: str, layer: Layer) -> bool:
        """Whether a volume's key file is on a layer, or on what stands on it."""
        tops = [each.identity for each in self._stack.layers if each.fact(KEY) == name]
        return layer.identity in _below(self._stack, tops)


def _below(stack: Stack, tops: Iterable[str]) -> set[str]:
    """The identities of what some layers stand on, with their own."""
    known = {layer.identity: layer for layer in stack.layers}
    found: set[str] = set()
    waiting = [*tops]
    while waiting:
        identity = waiting.pop()
        if identity not in found:
            found.add(identity)
            waiting.extend(known[identity].on)
    return found


def _is(source: DeviceSpec, layer: Layer) -> bool:
    """Whether a crypttab's source is a layer, as far as its record tells."""
    if source.naming is Naming.PATH:
        links = layer.property("DEVLINKS").split()
        return source.value == layer.name or source.value in links
    key = PROPERTY.get(source.naming, "")
    return bool(key) and layer.property(key).lower() == source.value.lower()
