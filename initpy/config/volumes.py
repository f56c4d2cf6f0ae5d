"""What the command line says about encrypted volumes, joined with crypttab: a list of volumes."""

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from initpy.config import crypttab
from initpy.config.commandline import FALSE, TRUE, Parameter
from initpy.config.devicespec import EXPECTED, parse_device
from initpy.config.errors import InputError
from initpy.config.secretfields import value as shown
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.volumes import KeySpec, VolumeSpec

UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
START = "[0-9a-f]{2,8}|[0-9a-f]{8}(-[0-9a-f]{4}){0,3}(-[0-9a-f]{0,11})?"
FILE_SYSTEM = "[a-z][a-z0-9]*"
# Folders of udev's links whose names have colons.
WITH_COLONS = ("/dev/disk/by-path/", "/dev/disk/by-id/", "/dev/md/")
ESCAPED = "\0"  # stands for `\:` while a text is split
KEY = "[UUID=]/PATH of a key file in the image, or [UUID=]/PATH:DEVICE"


@dataclass(slots=True)
class Volumes:
    """Volumes in the making: the parameters name and refine them one by one."""

    named: list[VolumeSpec] = field(default_factory=list)  # with all there is to them
    table: tuple[VolumeSpec, ...] = ()  # from crypttab
    use_table: bool = True
    names: dict[str, str | None] = field(default_factory=dict)  # UUID -> mapping
    starts: dict[str, None] = field(default_factory=dict)  # beginnings of UUIDs
    partitions: dict[str, None] = field(default_factory=dict)  # PARTUUIDs
    data: dict[str, DeviceSpec] = field(default_factory=dict)  # UUID -> where its data is
    keys: dict[str, KeySpec] = field(default_factory=dict)  # UUID or "" for all
    options: dict[str, str] = field(default_factory=dict)
    discards: dict[str, str] = field(default_factory=dict)  # UUID or "" for all -> nothing
    arch: list[VolumeSpec] = field(default_factory=list)  # of cryptdevice=
    arch_key: KeySpec | None = None
    arch_plain: tuple[str, ...] = ()
    timeout: float = 0.0
    key_timeout: float = 0.0
    problems: list[InputError] = field(default_factory=list)

    def finish(self) -> tuple[VolumeSpec, ...]:
        """Join what crypttab and the command line say about each volume.

        UUIDs on the command line narrow crypttab down to them (systemd's rule,
        systemd-cryptsetup-generator(8)), but keep its names, keys and options.
        """
        table = self.table if self.use_table else ()
        volumes = [*self.named, *map(self._arch_volume, self.arch)]
        if not self._narrows:
            volumes.extend(table)
        for uuid, name in self.names.items():
            volumes.extend(self._chosen(table, uuid, name, DeviceSpec(Naming.UUID, uuid)))
        for uuid in self.partitions:
            volumes.extend(self._chosen(table, uuid, None, DeviceSpec(Naming.PARTUUID, uuid)))
        for start in self.starts:
            volumes.extend(self._begun(table, start))
        uuids = {*self.names, *self.partitions}
        self._report_unused("rd.luks.key", {each: str(k) for each, k in self.keys.items()}, uuids)
        self._report_unused("rd.luks.options", self.options, uuids)
        self._report_unused("rd.luks.data", {each: str(d) for each, d in self.data.items()}, uuids)
        named = {each.source.value.lower() for each in volumes} | uuids
        discards = {each: "" for each in self.discards if each}
        self._report_unused("rd.luks.allow-discards", discards, named)
        return tuple(self._refined(each) for each in volumes)

    @property
    def _narrows(self) -> bool:
        """Whether the command line names the volumes that are opened."""
        return bool(self.names or self.partitions or self.starts)

    def unnamed(self) -> VolumeSpec:
        """Return what is said of no volume in particular: for those that nothing names."""
        volume = self._volume(None, "", None, DeviceSpec(Naming.PATH, ""))
        return self._refined(volume._replace(name=""))

    def _begun(self, table: Iterable[VolumeSpec], start: str) -> Iterator[VolumeSpec]:
        """Return the volumes whose UUID begins so, those of crypttab first."""
        spec = DeviceSpec(Naming.UUID_START, start)
        for each in table:
            uuid = each.source.naming is Naming.UUID and each.source.value.lower()
            if (uuid and uuid.startswith(start)) or each.name.lower().startswith(f"luks-{start}"):
                yield self._volume(each, start, None, each.source)
            elif each.source.naming is not Naming.UUID and not each.unmarked:
                yield self._volume(each, start, None, each.source)._replace(also=spec)
        yield self._volume(None, start, None, spec)._replace(name="")

    def left_out(self) -> tuple[VolumeSpec, ...]:
        """The lines of crypttab that are not for this boot, as UUIDs name other volumes."""
        if not self.use_table or not self._narrows:
            return ()
        uuids, starts = {*self.names, *self.partitions}, tuple(self.starts)
        values = [(each, each.source.value.lower()) for each in self.table]
        left = [each for each, name in values if name not in uuids and not name.startswith(starts)]
        return tuple(self._refined(each) for each in left)

    def _chosen(
        self, table: Iterable[VolumeSpec], uuid: str, name: str | None, source: DeviceSpec
    ) -> Iterator[VolumeSpec]:
        """What the command line's UUID leaves of crypttab, the line for just this volume first.

        A line means the volume by its UUID, or by its own name, `luks-UUID` (systemd's rule, in
        cryptsetup-generator.c). Other lines name a device that turns out to have this UUID, or not.
        """
        same = [each for each in table if _same(each.source, source)]
        same = same or [each for each in table if each.name.lower() == f"luks-{uuid}"]
        same = same or [each for each in table if each.name == name]
        if same:
            own = same[0]
            if own.unmarked:
                # Nothing on the device tells its UUID: its name has to do.
                yield self._volume(own, uuid, name, own.source)
                return
            if _same(own.source, source):
                yield self._volume(own, uuid, name, own.source)
            else:
                yield self._volume(own, uuid, name, own.source)._replace(also=source)
                yield self._volume(own, uuid, name, source)
            return
        for each in table if uuid not in self.data else ():
            if each.source.naming is not source.naming:
                yield self._volume(each, uuid, name, each.source)._replace(also=source)
        yield self._volume(None, uuid, name, source)

    def _volume(
        self, entry: VolumeSpec | None, uuid: str, name: str | None, source: DeviceSpec
    ) -> VolumeSpec:
        """The volume of a UUID on the command line, with what crypttab has to say of it."""
        volume = (entry or VolumeSpec(source, f"luks-{uuid}"))._replace(source=source, listed=False)
        everyone = self.options.get("") if entry is None else None
        options = self.options.get(uuid, everyone)
        key = self.keys.get(uuid, self.keys.get("")) or volume.key
        if options is not None:
            understood = crypttab.parse_options("command line: rd.luks.options", options)
            told = {str(each) for each in self.problems}
            self.problems.extend(each for each in understood.problems if str(each) not in told)
            volume = understood.applied(volume, key)
        else:
            volume = volume._replace(key=key)
        return volume._replace(name=name or volume.name, source=self.data.get(uuid, volume.source))

    def _arch_volume(self, volume: VolumeSpec) -> VolumeSpec:
        """Arch's parameters speak of one volume: `cryptkey=` and `crypto=` are for it."""
        if self.arch_plain:
            options = (*volume.options, *self.arch_plain)
            volume = volume._replace(kind="plain", options=options)
        return volume._replace(key=self.arch_key)

    def _refined(self, volume: VolumeSpec) -> VolumeSpec:
        """With what was said about all volumes."""
        argument = crypttab.ARGUMENTS["discard"]
        names = {"", volume.source.value.lower(), volume.also.value if volume.also else ""}
        wanted = names & self.discards.keys()
        if wanted and argument not in volume.options:
            volume = volume._replace(options=(*volume.options, argument))
        key = volume.key
        if key is not None and self.key_timeout and not key.timeout:
            volume = volume._replace(key=key._replace(timeout=self.key_timeout))
        return volume._replace(timeout=volume.timeout or self.timeout)

    def _report_unused(self, key: str, given: dict[str, str], named: set[str]) -> None:
        """Report what is said of volumes that were not named; silence would mislead."""
        for uuid, value in given.items():
            # What is for all is for those that nothing names, too; crypttab's have their own.
            if uuid not in named and (uuid or (self.table and not self._narrows)):
                text = "=".join(filter(None, (uuid, shown(key, value))))
                expected = "rd.luks.uuid= to name the volume that it is for; it is ignored"
                self.problems.append(InputError(f"command line: {key}", text, expected))


def _same(first: DeviceSpec, second: DeviceSpec) -> bool:
    return first.naming is second.naming and first.value.lower() == second.value.lower()


def _bare(text: str) -> str:
    """Return what users write for a UUID without what they write before it."""
    return text.removeprefix("luks-").removeprefix("UUID=")


def _uuid(parameter: Parameter, text: str, expected: str) -> str:
    bare = _bare(text)
    if not re.fullmatch(UUID, bare):
        raise parameter.error(expected)
    return bare.lower()


def _luks_uuid(volumes: Volumes, parameter: Parameter) -> None:
    """Take a UUID, or the beginning of one (dracut.cmdline(7))."""
    start = _bare(parameter.value or "").lower()
    if re.fullmatch(UUID, start):
        volumes.names.setdefault(start, None)
    elif re.fullmatch(START, start):
        volumes.starts.setdefault(start)
    else:
        raise parameter.error("the UUID of a LUKS volume, or its first digits")


def _luks_partition(volumes: Volumes, parameter: Parameter) -> None:
    """dracut.cmdline(7): the partition by its PARTUUID."""
    text = parameter.text("a PARTUUID").lower().removeprefix("partuuid=")
    volumes.partitions.setdefault(text)


def _luks_name(volumes: Volumes, parameter: Parameter) -> None:
    expected = "UUID=NAME, the name without a slash"
    uuid, _, name = _bare(parameter.value or "").partition("=")
    if not crypttab.mapping_name(name):
        raise parameter.error(expected)
    volumes.names[_uuid(parameter, uuid, expected)] = name


def _luks_data(volumes: Volumes, parameter: Parameter) -> None:
    """The header, which carries the UUID, is elsewhere: this is the device with the data."""
    expected = f"UUID=DEVICE, the device as {EXPECTED}"
    uuid, _, text = _bare(parameter.text(expected)).partition("=")
    device = parse_device(text)
    if device is None:
        raise parameter.error(expected)
    uuid = _uuid(parameter, uuid, expected)
    volumes.names.setdefault(uuid, None)
    volumes.data[uuid] = device


def _luks_key(volumes: Volumes, parameter: Parameter) -> None:
    text = parameter.text(KEY)
    first, separator, rest = _bare(text).partition("=")
    uuid, path = "", text
    if separator and re.fullmatch(UUID, first):
        uuid, path = _uuid(parameter, first, KEY), rest
    if uuid == "" and crypttab.parse_key(path) is not None:
        # dracut.cmdline(7) names the volume behind the device: PATH:DEVICE:UUID=…
        before, colon, last = path.rpartition(":UUID=")
        if colon and re.fullmatch(UUID, last) and crypttab.parse_key(before) != KeySpec(before):
            uuid, path = last.lower(), before
    key = crypttab.parse_key(path)
    if key is None or path.endswith(".gpg"):
        raise parameter.error(KEY)
    if key.device is None and ":" in path:
        raise parameter.error(f"{KEY}, the device as {EXPECTED}")
    volumes.keys[uuid] = key


def _luks_options(volumes: Volumes, parameter: Parameter) -> None:
    text = parameter.text("[UUID=]OPTION,…")
    uuid, separator, options = _bare(text).partition("=")
    # `tries=2` has an "=" too.
    if separator and re.fullmatch(UUID, uuid):
        volumes.options[uuid.lower()] = options
    else:
        volumes.options[""] = text


def _allow_discards(volumes: Volumes, parameter: Parameter) -> None:
    """dracut.cmdline(7): for all volumes (a flag), or the one whose UUID is given."""
    text = parameter.value
    if text is None or text.lower() in (*TRUE, *FALSE):
        volumes.discards.pop("", None)
        if parameter.flag():
            volumes.discards[""] = ""
    else:
        expected = "the UUID of a LUKS volume, or 1 or nothing for all volumes"
        volumes.discards[_uuid(parameter, text, expected)] = ""


def _crypt_device(volumes: Volumes, parameter: Parameter) -> None:
    expected = "DEVICE:NAME[:OPTION,…]"
    source, name, options = _arch_fields(parameter.text(expected))
    device = parse_device(source)
    if device is None or not crypttab.mapping_name(name):
        raise parameter.error(expected)
    understood = crypttab.parse_options("command line: cryptdevice", options)
    volumes.problems.extend(understood.problems)
    volumes.arch.append(understood.volume(device, name, None))


def _arch_fields(text: str) -> tuple[str, str, str]:
    """Return device, name and options of cryptdevice=; `\\:` is a colon of the device's name.

    Names of devices by their path or number have colons; users do not escape them there.
    """
    parts = [each.replace(ESCAPED, ":") for each in text.replace("\\:", ESCAPED).split(":")]
    name = 1
    if text.startswith(WITH_COLONS) and len(parts) > 2:
        known = not crypttab.parse_options("", parts[-1]).problems
        name = len(parts) - (2 if known else 1)
    words = (*parts, "", "")
    return ":".join(parts[:name]), words[name], ":".join(parts[name + 1 :])


def _crypt_key(volumes: Volumes, parameter: Parameter) -> None:
    """mkinitcpio's encrypt hook: a file of the image, on a device, or bytes of a device."""
    expected = "DEVICE:FILESYSTEM:/PATH, DEVICE:OFFSET:SIZE or rootfs:/PATH"
    text = parameter.text(expected)
    if text.startswith("rootfs:/"):
        volumes.arch_key = KeySpec(text.removeprefix("rootfs:"))
        return
    name, second, third, *_ = *text.rsplit(":", 2), "", "", ""
    device = parse_device(name)
    if device is None:
        raise parameter.error(expected)
    if second.isdecimal() and third.isdecimal() and int(third):
        volumes.arch_key = KeySpec("", device, offset=int(second), size=int(third))
    elif re.fullmatch(FILE_SYSTEM, second) and third.startswith("/"):
        types = () if second == "auto" else (second,)
        volumes.arch_key = KeySpec(third, device, types)
    else:
        raise parameter.error(expected)


def _crypto(volumes: Volumes, parameter: Parameter) -> None:
    """mkinitcpio's encrypt hook, for a plain volume."""
    expected = "HASH:CIPHER:KEYSIZE:OFFSET:SKIP, each possibly empty"
    parts = parameter.text(expected).split(":")
    if len(parts) != 5:
        raise parameter.error(expected)
    keys = ("hash", "cipher", "size", "offset", "skip")
    pairs = zip(keys, parts, strict=True)
    volumes.arch_plain = tuple(f"{crypttab.PLAIN[key]}={text}" for key, text in pairs if text)


def _crypt_options(volumes: Volumes, parameter: Parameter) -> None:
    if not parameter.value:
        volumes.table = ()  # Debian: an empty cryptopts= switches crypttab off
        return
    volume, problems = crypttab.parse_cryptopts(parameter.value)
    volumes.problems.extend(problems)
    if volume is not None:
        volumes.table = ()
        volumes.named.append(volume)


def _use_table(volumes: Volumes, parameter: Parameter) -> None:
    volumes.use_table = parameter.flag()


def _timeout(volumes: Volumes, parameter: Parameter) -> None:
    volumes.timeout = parameter.seconds(for_ever=0.0)


def _key_timeout(volumes: Volumes, parameter: Parameter) -> None:
    volumes.key_timeout = parameter.seconds(for_ever=0.0)


def _by_serial(volumes: Volumes, parameter: Parameter) -> None:
    raise parameter.error("rd.luks.uuid= or rd.luks.partuuid= instead; serial numbers name no disk")


HANDLERS: dict[str, Callable[[Volumes, Parameter], None]] = {
    "luks.uuid": _luks_uuid,
    "rd.luks.uuid": _luks_uuid,
    "rd.luks.partuuid": _luks_partition,
    "rd.luks.serial": _by_serial,
    "luks.name": _luks_name,
    "rd.luks.name": _luks_name,
    "luks.data": _luks_data,
    "rd.luks.data": _luks_data,
    "luks.key": _luks_key,
    "rd.luks.key": _luks_key,
    "luks.options": _luks_options,
    "rd.luks.options": _luks_options,
    "rd.luks.allow-discards": _allow_discards,
    "luks.crypttab": _use_table,
    "rd.luks.crypttab": _use_table,
    "rd.luks.timeout": _timeout,
    "rd.luks.key.tout": _key_timeout,
    "cryptdevice": _crypt_device,
    "cryptkey": _crypt_key,
    "crypto": _crypto,
    "cryptopts": _crypt_options,
}
