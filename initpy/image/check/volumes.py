"""Checks that the image can unlock the root's encrypted volumes: key files, headers, key scripts.

The image's crypttab and the command line name the volumes, as at boot (see `parameters`).

A missing key file is a warning as long as the boot can ask for a passphrase. It is an error for a
`headless` volume, and for plain dm-crypt with a key file, which no passphrase opens. A LUKS header
does not tell whether a key slot holds a passphrase or a key file's content.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace

from initpy.core.devices.names import DeviceSpec
from initpy.core.volumes import HeaderSpec, KeySpec, VolumeSpec
from initpy.image.check import keyfiles, linknames
from initpy.image.check.machine import Machine, nothing
from initpy.image.check.parameters import Boot, below
from initpy.image.check.programs import ImagePrograms
from initpy.image.check.proof import Row, Verdict
from initpy.image.formats.archive import Archive
from initpy.image.stack.layers import HEADER_OF, KEY, RESUME, Kind, Layer, Stack
from initpy.image.stack.names import is_named, sources, volume_of
from initpy.image.tree import File

# The default place of key files (systemd's crypttab(5)).
KEY_FOLDER = "/etc/cryptsetup-keys.d"

# Options of a volume of plain dm-crypt -> the fact of the mapping that they decide.
OF_PLAIN = {
    "--cipher": "ciphers", "--key-size": "key_bits", "--offset": "offset", "--skip": "skip",
    "--sector-size": "sector",
}  # fmt: skip
SLOT, READ_ONLY = "--key-slot", "--readonly"
# The word in a mapping's UUID -> a format that cryptsetup opens besides LUKS and plain dm-crypt.
FOREIGN = {
    "BITLK": "BitLocker", "FVAULT2": "FileVault", "LOOPAES": "loop-AES",
    "TCRYPT": "VeraCrypt or TrueCrypt",
}  # fmt: skip
BESIDES = 256 << 10  # kB that kernel, image and engine take meanwhile


class Volumes:
    """The encrypted layers of a stack, each with its entry in the image's crypttab."""

    def __init__(
        self,
        archive: Archive,
        stack: Stack,
        programs: ImagePrograms,
        boot: Boot,
        machine: Machine = nothing,
        *,
        named: Iterable[VolumeSpec] | None = None,
        silent: str = "`headless` forbids a prompt",
    ) -> None:
        """`named` are the volumes that the image knows; None: those of crypttab and command line.

        `silent` says why nothing is asked for a `headless` one.
        """
        self._archive = archive
        self._silent = silent
        self._machine = machine
        self._links = linknames.made_by_rules(archive)
        self._stack = stack
        self._programs = programs
        self._named = boot.volumes if named is None else tuple(named)
        self._unnamed_ones = boot.settings.unnamed
        self._found = {
            layer.identity: self._of(layer)
            for layer in stack.layers
            if layer.kind in (Kind.LUKS, Kind.CRYPT)
        }
        self._needed = frozenset(below(stack, self._with_headers(below(stack, stack.tops))))
        swaps = [each.identity for each in stack.layers if each.fact(RESUME)]
        self._hibernated = frozenset(below(stack, swaps)) - self._needed

    def rows(self, layer: Layer) -> Iterator[Row]:
        """Yield the rows for unlocking a layer; none for an unencrypted one."""
        found = self._rows(layer)
        yield from self.judged(layer, found) if layer.identity in self._hibernated else found

    def _rows(self, layer: Layer) -> Iterator[Row]:
        if layer.identity not in self._found:
            return
        title = f"{layer.name} ({layer.kind.value})"
        volume = self._found[layer.identity]
        if (row := self._foreign(title, layer)) is not None:
            yield row
            return
        if volume is None:
            yield self._unnamed(title, layer)
            return
        if linknames.is_lost(volume.source, sources(layer, self._stack), self._links):
            reason = f"{volume.name} on {volume.source}: {linknames.LOST}"
            yield Row(title, "device", Verdict.MISSING, reason)
        if volume.kind == "plain" and layer.kind is Kind.LUKS:
            reason = f"{volume.name}: its line says plain, which opens no LUKS volume: remove it"
            yield Row(title, "type", Verdict.MISSING, reason)
        if layer.kind is Kind.CRYPT:
            yield from self._of_plain(title, layer, volume)
        yield from self.opening(title, layer, volume)

    def opening(self, title: str, layer: Layer, volume: VolumeSpec) -> Iterator[Row]:
        """Yield the rows about header, options and key of a volume."""
        yield from self._options(title, layer, volume)
        if volume.header is not None:
            yield self._header(title, layer, volume, volume.header)
        if (row := _memory(title, layer)) is not None:
            yield row
        yield self._key(title, volume)

    def asks(self) -> bool:
        """Return whether the boot of this root asks for a passphrase."""
        return any(
            self._asks_for(volume)
            for identity, volume in self._found.items()
            if identity in self._needed
        )

    def _asks_for(self, volume: VolumeSpec | None) -> bool:
        volume = volume or self._unnamed_ones
        key = volume.key
        if volume.headless or (key is not None and (key.program or key.device is not None)):
            return False
        paths = (key.path,) if key is not None else _usual_keys(volume)
        return not any(isinstance(self._archive.get(path), File) for path in paths)

    def judged(self, layer: Layer, rows: Iterable[Row]) -> Iterator[Row]:
        """Yield the rows of a layer, as warnings if the boot can ask for a passphrase instead.

        This applies to layers that hold only a key file, or a hibernated system.
        """
        if layer.identity in self._needed:
            yield from rows
            return
        if layer.identity in self._hibernated:
            for row in rows:
                if row.verdict in (Verdict.MISSING, Verdict.UNKNOWN):
                    reason = f"{row.reason}; it holds only a hibernated system, which is lost then"
                    yield replace(row, verdict=Verdict.WARNING, reason=reason)
                else:
                    yield row
            return
        asked = not any(
            volume is not None and volume.headless and self._leads_to(volume.name, layer)
            for volume in self._found.values()
        )
        for row in rows:
            if asked and row.verdict in (Verdict.MISSING, Verdict.UNKNOWN):
                reason = f"{row.reason}; it holds only a key file: the boot asks for a passphrase"
                yield replace(row, verdict=Verdict.WARNING, reason=reason)
            else:
                yield row

    def _of(self, layer: Layer) -> VolumeSpec | None:
        """Return the crypttab entry of a layer, by the device below it, as the boot does."""
        return volume_of(layer, self._stack, self._named)

    def _unnamed(self, title: str, layer: Layer) -> Row:
        if layer.kind is Kind.LUKS and layer.on and self._shows_itself(layer) and not self._named:
            told = self._unnamed_ones
            if told.key is not None or told.headless or told.empty:
                uuids = (each.property("ID_FS_UUID") for each in sources(layer, self._stack))
                return self._key(title, told.called(next(filter(None, uuids), "")))
            reason = "the image's crypttab does not name it: the boot asks for a passphrase"
            return Row(title, "key", Verdict.OK, reason)
        reason = (
            "the device has no LUKS header, and neither the image's crypttab nor the known "
            "command line names the volume. Add the option `initramfs` (or x-initrd.attach) to "
            "its line in /etc/crypttab, or build with --host"
        )
        return Row(title, "key", Verdict.UNKNOWN, reason)

    def _shows_itself(self, layer: Layer) -> bool:
        """Return whether a device below has a LUKS header; with a detached one it has none."""
        found = sources(layer, self._stack)
        return any(each.property("ID_FS_TYPE") == "crypto_LUKS" for each in found)

    def _foreign(self, title: str, layer: Layer) -> Row | None:
        """Return a row if the volume has a format that only the real system opens."""
        kind = layer.property("DM_UUID").removeprefix("CRYPT-").partition("-")[0]
        if layer.kind is not Kind.CRYPT or kind not in FOREIGN:
            return None
        reason = f"it is {FOREIGN[kind]}, and initpy opens LUKS and plain dm-crypt"
        return Row(title, "type", Verdict.MISSING, reason)

    def _of_plain(self, title: str, layer: Layer, volume: VolumeSpec) -> Iterator[Row]:
        """Judge the type and cipher that a line gives a volume which is no LUKS now."""
        if volume.kind == "luks" and volume.header is None and not self._shows_itself(layer):
            reason = (
                f"{volume.name}: its line does not say plain, and the device has no LUKS header"
            )
            yield Row(title, "type", Verdict.MISSING, reason)
        said = dict(each.partition("=")[::2] for each in volume.options)
        for option, fact in OF_PLAIN.items() if volume.kind == "plain" else ():
            now, told = layer.fact(fact), said.get(option)
            if now and told is not None and told != now:
                need = option.strip("-")
                reason = f"{volume.name}: its line says {need} {told}, and it is {now}"
                yield Row(title, need, Verdict.MISSING, f"{reason}: no file system would appear")

    def _options(self, title: str, layer: Layer, volume: VolumeSpec) -> Iterator[Row]:
        """Judge the options of a LUKS volume's line by its header, and those of root by its use."""
        said = dict(each.partition("=")[::2] for each in volume.options)
        slots, slot = layer.fact("slots"), said.get(SLOT)
        if slot is not None and slots and slot not in slots.split():
            reason = (
                f"{volume.name}: its line says key slot {slot}, which is empty (it has {slots}): "
                "nothing opens it"
            )
            yield Row(title, "key slot", Verdict.MISSING, reason)
        if READ_ONLY in said and layer.identity in self._needed:
            reason = (
                f"cannot know whether the system runs so: {volume.name} is opened read-only, and "
                "nothing on it can be written; remove the option from its line in /etc/crypttab"
            )
            yield Row(title, "read-only", Verdict.UNKNOWN, reason)
        lost = layer.kind is Kind.LUKS and layer.on and not self._shows_itself(layer)
        if lost and volume.kind == "luks" and volume.header is None:
            reason = (
                f"{volume.name}: the device has no LUKS header, and its line names no other; add "
                "header=/PATH to it"
            )
            yield Row(title, "header", Verdict.UNKNOWN, reason)

    def _header(self, title: str, layer: Layer, volume: VolumeSpec, header: HeaderSpec) -> Row:
        path = header.path
        if header.device is not None:
            if self._is_there(HEADER_OF, volume.name, header.device):
                return Row(title, "header", Verdict.OK, f"{header}, checked below")
            reason = f"{header} is not present now, and nothing opens the volume without: "
            reason += "attach it, and check again"
            return Row(title, "header", Verdict.UNKNOWN, reason)
        if isinstance(self._archive.get(path), File):
            uuid = layer.property("DM_UUID")
            if problem := keyfiles.wrong_header(path, self._archive, uuid):
                return Row(title, "header", Verdict.MISSING, problem)
            return self._file(title, "header", path, Verdict.WARNING)
        reason = f"{path} is not in the image, and nothing opens the volume without: --add {path}"
        return Row(title, "header", Verdict.MISSING, reason)

    def _key(self, title: str, volume: VolumeSpec) -> Row:
        """Check the key of a volume, and what the boot can do without it."""
        key = volume.key
        if key is None:
            for path in _usual_keys(volume):
                if isinstance(self._archive.get(path), File):
                    return self._key_file(title, volume, KeySpec(path))
            return self._without(title, volume, "", "key")
        if key.program:
            found = self._programs.check(key.program)
            if found is not None and not found.problem:
                return self._file(title, "key script", key.program, Verdict.WARNING)
            problem = "is not in the image" if found is None else f"cannot run ({found.problem})"
            hint = f"the key script {key.program} {problem}; --add {key.program}"
            return self._without(title, volume, hint, "key script")
        if key.device is not None:
            return self._on_device(title, volume, key)
        if isinstance(self._archive.get(key.path), File):
            return self._key_file(title, volume, key)
        hint = f"{key.path} is not in the image; --add {key.path}"
        return self._without(title, volume, hint, "key file")

    def _key_file(self, title: str, volume: VolumeSpec, key: KeySpec) -> Row:
        """Judge a key file of the image: an older one may open the volume, or not."""
        if problem := keyfiles.shortage(key.path, self._archive, key):
            return self._without(title, volume, problem, "key file")
        alone = volume.headless or volume.kind == "plain"
        doubt = Verdict.UNKNOWN if alone else Verdict.WARNING
        return self._file(title, "key file", key.path, doubt)

    def _file(self, title: str, need: str, path: str, doubt: Verdict) -> Row:
        return keyfiles.row(title, need, path, self._archive, self._machine, doubt)

    def _on_device(self, title: str, volume: VolumeSpec, key: KeySpec) -> Row:
        if key.device is not None and self._is_there(KEY, volume.name, key.device):
            return Row(title, "key file", Verdict.OK, f"{key}, checked below")
        asked = "" if volume.headless else "; until it appears, the boot asks for a passphrase"
        verdict = Verdict.UNKNOWN if volume.headless else Verdict.WARNING
        reason = (
            f"{key} is not present now, so its drivers could not be checked against the image"
            f"{asked}: attach it, and check again"
        )
        return Row(title, "key file", verdict, reason)

    def _is_there(self, fact: str, volume: str, device: DeviceSpec) -> bool:
        """Return whether the stack has the device of the key or header that the image names."""
        tops = [each for each in self._stack.layers if each.fact(fact) == volume]
        holding = [*tops, *(self._stack.layer(below) for each in tops for below in each.on)]
        return bool(tops) and (device.relative or any(is_named(device, each) for each in holding))

    def _with_headers(self, needed: set[str]) -> list[str]:
        """Return these layers and those with the headers of their volumes."""
        names = {each.property("DM_NAME") for each in self._stack.layers if each.identity in needed}
        headers = (each for each in self._stack.layers if each.fact(HEADER_OF))
        return [*needed, *(each.identity for each in headers if each.fact(HEADER_OF) in names)]

    def _without(self, title: str, volume: VolumeSpec, hint: str, need: str) -> Row:
        """Return the row for a volume without a usable key: prompt, or fail if headless."""
        before = f"{hint}: " if hint else ""
        if volume.headless and not volume.empty:
            reason = f"{before}nothing opens it: {self._silent}"
            return Row(title, need, Verdict.MISSING, reason)
        if hint and volume.kind == "plain":
            reason = f"{before}a passphrase does not replace a key file (plain dm-crypt)"
            return Row(title, need, Verdict.MISSING, reason)
        how = "the boot tries the empty passphrase"
        if not volume.headless:
            how = "the boot asks for a passphrase"
        return Row(title, need, Verdict.WARNING if hint else Verdict.OK, f"{before}{how}")

    def _leads_to(self, name: str, layer: Layer) -> bool:
        """Return whether a volume's key file is on a layer or on a layer above it."""
        tops = [each.identity for each in self._stack.layers if each.fact(KEY) == name]
        return layer.identity in below(self._stack, tops)


def _memory(title: str, layer: Layer) -> Row | None:
    """Return a row if a key slot needs more memory than the machine has for it (argon2)."""
    needs, has = (int(layer.fact(each) or 0) for each in ("memory", "machine_memory"))
    if not needs or not has or needs <= has - BESIDES:
        return None
    reason = (
        f"a key slot needs {needs >> 10} MB to open, and the machine has {has >> 10} MB: "
        "cryptsetup luksConvertKey --pbkdf-memory=KB makes it less"
    )
    return Row(title, "memory", Verdict.WARNING, reason)


def _usual_keys(volume: VolumeSpec) -> tuple[str, ...]:
    """Return the key files that count for a volume that names none, the first one first."""
    return tuple(filter(None, (f"{KEY_FOLDER}/{volume.name}.key", volume.usual_key)))
