"""What the command line says about encrypted volumes, joined with crypttab: a list of volumes."""

import re
from collections.abc import Callable, Iterable, Iterator

from initpy.config import crypttab
from initpy.config.commandline import FALSE, TRUE, Parameter
from initpy.config.devicespec import EXPECTED, parse_device
from initpy.config.errors import InputError
from initpy.config.keyfields import parse_header, parse_key
from initpy.config.secretfields import value as shown
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.slots import dataclass, field
from initpy.core.volumes import HeaderSpec, KeySpec, VolumeSpec

UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
START = "[0-9a-f]{2,8}|[0-9a-f]{8}(-[0-9a-f]{4}){0,3}(-[0-9a-f]{0,11})?"
# dracut's: a volume whose content has the key of others.
KEY_SOURCE = "keysource:"
# A key that a program has to decrypt, or that is in an image: dracut's crypt-gpg, crypt-loop.
WRAPPED = (".gpg", ".img")
# What may follow the key's device: the volume that the key is for.
# Compiled when there is one: that takes a moment.
BEHIND = r"(.+):((?:UUID|LABEL|PARTUUID|PARTLABEL)=[^:]+|/dev/[^:]+)"
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
    headers: dict[str, HeaderSpec] = field(default_factory=dict)  # UUID -> where its header is
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
        named = {each.source.value.lower() for each in volumes if self.discards} | uuids
        discards = {
            each: ""
            for each in self.discards
            if each and not any(name.startswith(each) for name in named)
        }
        self._report_unused("rd.luks.allow-discards", discards, named)
        self._report_arch()
        return tuple(self._refined(each) for each in volumes)

    @property
    def _narrows(self) -> bool:
        """Whether the command line names the volumes that are opened."""
        return bool(self.names or self.partitions or self.starts)

    def unnamed(self) -> VolumeSpec:
        """Return what is said of no volume in particular: for those that nothing names."""
        volume = self._volume(None, "", None, DeviceSpec(Naming.PATH, ""))
        key = volume.key or (None if self.arch else self.arch_key)
        return self._refined(volume._replace(name="", key=key))

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
        volume = volume._replace(header=self.headers.get(uuid, volume.header))
        return volume._replace(name=name or volume.name, source=self.data.get(uuid, volume.source))

    def _arch_volume(self, volume: VolumeSpec) -> VolumeSpec:
        """Arch's parameters speak of one volume: `cryptkey=` and `crypto=` are for it."""
        if self.arch_plain:
            options = (*volume.options, *self.arch_plain)
            volume = volume._replace(kind="plain", options=options)
        return volume._replace(key=self.arch_key)

    def _refined(self, volume: VolumeSpec) -> VolumeSpec:
        """With what was said about all volumes."""
        if not (self.discards or self.key_timeout or self.timeout):
            return volume
        argument = crypttab.ARGUMENTS["discard"]
        names = (volume.source.value.lower(), volume.also.value if volume.also else "")
        starts = (
            each
            for each in self.discards
            if not each or names[0].startswith(each) or names[1].startswith(each)
        )
        if argument not in volume.options and any(True for _ in starts):
            volume = volume._replace(options=(*volume.options, argument))
        key = volume.key
        if key is not None and self.key_timeout and not key.timeout:
            volume = volume._replace(key=key._replace(timeout=self.key_timeout))
        return volume._replace(timeout=volume.timeout or self.timeout)

    def _report_arch(self) -> None:
        """Report what is said of the volume of cryptdevice= where there is none."""
        if self.arch:
            return
        named = self._narrows or bool(self.table)
        given = {"cryptkey": self.arch_key is not None and named, "crypto": bool(self.arch_plain)}
        for key in (each for each, there in given.items() if there):
            expected = "cryptdevice= to name the volume that it is for; it is ignored"
            self.problems.append(InputError(f"command line: {key}", "…", expected))

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
    start = _bare((parameter.value or "").removeprefix(KEY_SOURCE)).lower()
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


def _luks_header(volumes: Volumes, parameter: Parameter) -> None:
    """booster's: the header is elsewhere, as with crypttab's `header=`."""
    expected = "UUID=/PATH, UUID=/PATH:DEVICE or UUID=DEVICE of a LUKS header"
    uuid, _, text = _bare(parameter.text(expected)).partition("=")
    header = parse_header(text)
    if header is None:
        raise parameter.error(expected)
    uuid = _uuid(parameter, uuid, expected)
    volumes.names.setdefault(uuid, None)
    volumes.headers[uuid] = header


def _luks_key(volumes: Volumes, parameter: Parameter) -> None:
    text = parameter.text(KEY)
    first, separator, rest = _bare(text).partition("=")
    uuid, path = "", text
    if separator and re.fullmatch(UUID, first):
        uuid, path = _uuid(parameter, first, KEY), rest
    found = re.fullmatch(BEHIND, path) if uuid == "" else None
    if found and (before := parse_key(found[1])) is not None and before.device is not None:
        # dracut.cmdline(7) names the volume behind the device: PATH:DEVICE:UUID=…
        if not re.fullmatch(UUID, name := found[2].removeprefix("UUID=")):
            raise parameter.error("PATH:DEVICE:UUID=…, the whole UUID of the volume")
        uuid, path = name.lower(), found[1]
    key = parse_key(path)
    if key is None:
        raise parameter.error(KEY)
    if key.path.endswith(WRAPPED):
        raise parameter.error(f"{KEY}; keys in {' and '.join(WRAPPED)} files are not supported")
    if key.device is None and ":" in path:
        raise parameter.error(f"{KEY}, the device as {EXPECTED}")
    volumes.keys[uuid] = key._replace(device=_by_start(key.device))


def _by_start(device: DeviceSpec | None) -> DeviceSpec | None:
    """Return the device of a key; the beginning of its UUID will do (dracut.cmdline(7))."""
    start = device.value.lower() if device is not None and device.naming is Naming.UUID else ""
    if re.fullmatch(START, start) and not re.fullmatch(UUID, start):
        return DeviceSpec(Naming.UUID_START, start)
    return device


def _luks_options(volumes: Volumes, parameter: Parameter) -> None:
    text = parameter.text("[UUID=]OPTION,…")
    uuid, separator, options = _bare(text).partition("=")
    # `tries=2` has an "=" too.
    if separator and re.fullmatch(UUID, uuid):
        volumes.options[uuid.lower()] = options
    else:
        volumes.options[""] = text


def _allow_discards(volumes: Volumes, parameter: Parameter) -> None:
    """dracut.cmdline(7): for all volumes (a flag), or those whose UUID begins so."""
    text = parameter.value
    if text is None or text.lower() in (*TRUE, *FALSE):
        volumes.discards.pop("", None)
        if parameter.flag():
            volumes.discards[""] = ""
    else:
        start = _bare(text).lower()
        if not re.fullmatch(f"{UUID}|{START}", start):
            raise parameter.error("the UUID of a LUKS volume, or 1 or nothing for all volumes")
        volumes.discards[start] = ""


def _crypt_device(volumes: Volumes, parameter: Parameter) -> None:
    from initpy.config import mkinitcpio  # rare

    volume, problems = mkinitcpio.cryptdevice(parameter.text(mkinitcpio.DEVICE_EXPECTED))
    volumes.problems.extend(problems)
    if volume is None:
        raise parameter.error(mkinitcpio.DEVICE_EXPECTED)
    volumes.arch.append(volume)


def _crypt_key(volumes: Volumes, parameter: Parameter) -> None:
    from initpy.config import mkinitcpio  # rare

    volumes.arch_key = mkinitcpio.cryptkey(parameter.text(mkinitcpio.KEY_EXPECTED))
    if volumes.arch_key is None:
        raise parameter.error(mkinitcpio.KEY_EXPECTED)


def _crypto(volumes: Volumes, parameter: Parameter) -> None:
    from initpy.config import mkinitcpio  # rare

    understood = mkinitcpio.crypto(parameter.text(mkinitcpio.PLAIN_EXPECTED))
    if understood is None:
        raise parameter.error(mkinitcpio.PLAIN_EXPECTED)
    volumes.arch_plain = understood


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
    "rd.luks.header": _luks_header,
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
