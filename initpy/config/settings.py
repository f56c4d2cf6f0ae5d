"""The meaning of the command line and crypttab: one `Settings`, and a list of what was wrong.

Parameters of the kernel, of dracut, systemd, Debian and Arch are understood
where they mean the same thing. What is malformed is reported and its default
used: a typing error must not cost the boot.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from initpy.config import crypttab, root
from initpy.config.commandline import Parameter, parse
from initpy.config.devicespec import parse_device
from initpy.config.errors import InputError
from initpy.core.definitions import Layer
from initpy.core.settings import (
    Degraded,
    DeviceSpec,
    Emergency,
    LayerPolicy,
    Naming,
    Settings,
    VolumeSpec,
)


@dataclass(slots=True)
class _Draft:
    """Settings in the making: the parameters refine them one by one, the last one wins."""

    settings: Settings
    problems: list[InputError] = field(default_factory=list)
    volumes: list[VolumeSpec] = field(default_factory=list)  # from the command line
    table: tuple[VolumeSpec, ...] = ()  # from crypttab
    luks_names: dict[str, str | None] = field(default_factory=dict)  # UUID -> mapping
    luks_keys: dict[str, str] = field(default_factory=dict)  # UUID or "" for all -> path
    luks_options: dict[str, str] = field(default_factory=dict)
    discards: dict[str, str] = field(default_factory=dict)  # UUID or "" for all -> nothing
    named: dict[Layer, set[str]] = field(default_factory=dict)
    enabled: dict[Layer, bool] = field(default_factory=dict)
    waits: dict[str, float] = field(default_factory=dict)  # parameter -> seconds
    root_given: bool = False
    usr: dict[str, Parameter] = field(default_factory=dict)  # mount.usr= and its companions
    panic: int = 0
    emergency: Emergency | None = None

    def set(self, **changes: Any) -> None:
        self.settings = self.settings._replace(**changes)

    def mount(self, **changes: Any) -> None:
        self.set(mount=self.settings.mount._replace(**changes))

    def name(self, layer: Layer, name: str) -> None:
        self.named.setdefault(layer, set()).add(name)


def read_settings(
    command_line: str, table: str | None = None, table_path: str = "/etc/crypttab"
) -> tuple[Settings, tuple[InputError, ...]]:
    """The settings of `/proc/cmdline` and, if there is one, of the image's crypttab."""
    draft = _Draft(Settings())
    if table is not None:
        draft.table, problems = crypttab.parse_crypttab(table_path, table)
        draft.problems.extend(problems)
    for parameter in parse(command_line).parameters:
        # The kernel and systemd take "_" and "-" in a parameter's name for the same.
        handler = HANDLERS.get(parameter.key.replace("_", "-"))
        try:
            if handler is not None:
                handler(draft, parameter)
            elif _is_unknown(parameter.key):
                raise parameter.error("a parameter that initpy knows; it is ignored")
        except InputError as error:
            draft.problems.append(error)
    _finish_root(draft)
    _finish_waits(draft)
    _finish_emergency(draft)
    _finish_volumes(draft)
    _finish_layers(draft)
    return draft.settings, tuple(draft.problems)


EMERGENCY_DELAY = 10.0  # seconds to read the reason


# Parameters for an initramfs: what is none of those is for the kernel or the real system.
OURS = ("rd.", "initpy.")
# udevd and systemd's tools read these themselves.
OTHERS = ("rd.udev.", "rd.systemd.")
# Compiled when they are needed: most command lines have neither.
UUID = "[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}"
ARRAY_UUID = "[0-9a-fA-F]{32}"
# Known, and either the default already or not ours to act on.
UNDERSTOOD_ELSEWHERE = {
    "rd.auto",
    "rd.md.conf",
    "rd.lvm.conf",
    "rd.luks.crypttab",
    "rd.luks.timeout",
}


def _is_unknown(key: str) -> bool:
    """True for what is meant for an initramfs and that this one does not know."""
    return key.startswith(OURS) and not key.startswith(OTHERS) and key not in UNDERSTOOD_ELSEWHERE


def _root(draft: _Draft, parameter: Parameter) -> None:
    draft.root_given = True
    draft.set(root=root.device(parameter))


def _usr(draft: _Draft, parameter: Parameter) -> None:
    draft.usr[parameter.key] = parameter


def _finish_root(draft: _Draft) -> None:
    """Without root= a partition may say that it is (systemd-gpt-auto-generator(8)).

    One that was mistyped is not made up for: another root than the one meant is worse than none.
    """
    if not draft.root_given:
        draft.set(root=DeviceSpec(Naming.GPT_AUTO, ""))
    root_device = draft.settings.root
    if root_device is None:
        return
    try:
        draft.set(usr=root.usr(draft.usr, root_device))
    except InputError as error:
        draft.problems.append(error)


def _wait(draft: _Draft, parameter: Parameter) -> None:
    if parameter.key == "rootwait" and parameter.value is None:
        draft.waits[parameter.key] = 0.0  # the kernel's rootwait: indefinitely
    else:
        draft.waits[parameter.key] = parameter.seconds()


def _finish_waits(draft: _Draft) -> None:
    """The longest of the waits that were asked for counts; 0 stands for "for ever"."""
    waits = draft.waits.values()
    if waits:
        draft.set(root_wait=None if 0.0 in waits else max(waits))


def _panic(draft: _Draft, parameter: Parameter) -> None:
    draft.panic = parameter.integer()


def _emergency(draft: _Draft, parameter: Parameter) -> None:
    if parameter.value not in ("reboot", "poweroff", "halt"):
        raise parameter.error("reboot, poweroff or halt")
    draft.emergency = Emergency(parameter.value)


def _finish_emergency(draft: _Draft) -> None:
    """`panic=` says when, `rd.emergency=` what; with either there is no shell.

    A machine set to reboot on panic must not offer a shell instead (Debian's rule).
    """
    how = draft.emergency or (Emergency.REBOOT if draft.panic else None)
    if how is not None:
        delay = float(max(draft.panic, 0)) if draft.panic else EMERGENCY_DELAY
        draft.set(emergency=how, emergency_delay=delay, shell=False)


def _degraded(draft: _Draft, parameter: Parameter) -> None:
    try:
        draft.set(md_degraded=Degraded(parameter.value))
    except ValueError:
        raise parameter.error("yes or no") from None


def _boot_degraded(draft: _Draft, parameter: Parameter) -> None:
    draft.set(md_degraded=Degraded.YES if parameter.flag() else Degraded.NO)


def _enable(layer: Layer) -> Callable[[_Draft, Parameter], None]:
    def handler(draft: _Draft, parameter: Parameter) -> None:
        draft.enabled[layer] = parameter.flag()

    return handler


def _name(layer: Layer, expected: str) -> Callable[[_Draft, Parameter], None]:
    def handler(draft: _Draft, parameter: Parameter) -> None:
        draft.name(layer, parameter.text(expected))

    return handler


def _logical_volume(draft: _Draft, parameter: Parameter) -> None:
    group, separator, volume = parameter.text("VG/LV").partition("/")
    if not (separator and group and volume):
        raise parameter.error("VG/LV")
    draft.name(Layer.LVM, group)


def _array(draft: _Draft, parameter: Parameter) -> None:
    # Every tool punctuates it in its own way. One that is wrong would switch off all arrays.
    expected = "the UUID of an array, 32 hexadecimal digits"
    uuid = parameter.text(expected)
    if not re.fullmatch(ARRAY_UUID, uuid.replace(":", "").replace("-", "")):
        raise parameter.error(expected)
    draft.name(Layer.MD, uuid)


def _uuid(parameter: Parameter, text: str, expected: str) -> str:
    if not re.fullmatch(UUID, text):
        raise parameter.error(expected)
    return text.lower()


def _luks_uuid(draft: _Draft, parameter: Parameter) -> None:
    text = (parameter.value or "").removeprefix("luks-")
    draft.luks_names.setdefault(_uuid(parameter, text, "the UUID of a LUKS volume"), None)


def _luks_name(draft: _Draft, parameter: Parameter) -> None:
    expected = "UUID=NAME, the name without a slash"
    uuid, _, name = (parameter.value or "").partition("=")
    if not crypttab.mapping_name(name):
        raise parameter.error(expected)
    draft.luks_names[_uuid(parameter, uuid, expected)] = name


def _luks_key(draft: _Draft, parameter: Parameter) -> None:
    expected = "[UUID=]PATH of a key file in the image"
    first, separator, rest = parameter.text(expected).partition("=")
    uuid, path = (_uuid(parameter, first, expected), rest) if separator else ("", first)
    if not path.startswith("/"):
        raise parameter.error(expected)
    if ":" in path:
        raise parameter.error(f"{expected} (key files on devices are not supported yet)")
    draft.luks_keys[uuid] = path


def _luks_options(draft: _Draft, parameter: Parameter) -> None:
    text = parameter.text("[UUID=]OPTION,…")
    uuid, separator, options = text.partition("=")
    # `tries=2` has an "=" too.
    if separator and re.fullmatch(UUID, uuid):
        draft.luks_options[uuid.lower()] = options
    else:
        draft.luks_options[""] = text


def _allow_discards(draft: _Draft, parameter: Parameter) -> None:
    """dracut.cmdline(7): for all volumes, or the one whose UUID is given."""
    if parameter.value is None:
        draft.discards[""] = ""
    else:
        uuid = parameter.value.removeprefix("luks-")
        draft.discards[_uuid(parameter, uuid, "the UUID of a LUKS volume, or nothing")] = ""


def _crypt_device(draft: _Draft, parameter: Parameter) -> None:
    expected = "DEVICE:NAME[:OPTION,…]"
    source, name, options, *_ = *parameter.text(expected).split(":", 2), "", ""
    device = parse_device(source)
    if device is None or not crypttab.mapping_name(name):
        raise parameter.error(expected)
    understood = crypttab.parse_options("command line: cryptdevice", options)
    draft.problems.extend(understood.problems)
    draft.volumes.append(
        VolumeSpec(device, name, None, understood.arguments, understood.tries, understood.optional)
    )


def _crypt_options(draft: _Draft, parameter: Parameter) -> None:
    if not parameter.value:
        draft.table = ()  # Debian: an empty cryptopts= switches crypttab off
        return
    volume, problems = crypttab.parse_cryptopts(parameter.value)
    draft.problems.extend(problems)
    if volume is not None:
        draft.table = ()
        draft.volumes.append(volume)


def _finish_volumes(draft: _Draft) -> None:
    """Join what crypttab and the command line say about each volume.

    UUIDs on the command line narrow crypttab down to them (systemd's rule,
    systemd-cryptsetup-generator(8)), but keep its names, keys and options.
    """
    volumes = list(draft.volumes)
    if not draft.luks_names:
        volumes.extend(draft.table)
    for uuid, name in draft.luks_names.items():
        source = DeviceSpec(Naming.UUID, uuid)
        entry = next((each for each in draft.table if _same(each.source, source)), None)
        volume = entry or VolumeSpec(source, f"luks-{uuid}")
        volume = volume._replace(name=name or volume.name)
        everyone = draft.luks_options.get("") if entry is None else None
        options = draft.luks_options.get(uuid, everyone)
        if options is not None:
            understood = crypttab.parse_options("command line: rd.luks.options", options)
            draft.problems.extend(understood.problems)
            volume = volume._replace(
                options=understood.arguments,
                tries=understood.tries,
                optional=understood.optional,
            )
        key = draft.luks_keys.get(uuid, draft.luks_keys.get(""))
        volumes.append(volume._replace(key=key or volume.key))
    draft.set(volumes=tuple(_with_discards(draft, each) for each in volumes))
    _report_unused(draft, "rd.luks.key", draft.luks_keys, {*draft.luks_names})
    _report_unused(draft, "rd.luks.options", draft.luks_options, {*draft.luks_names})
    named = {each.source.value.lower() for each in volumes}
    _report_unused(draft, "rd.luks.allow-discards", draft.discards, named)


def _with_discards(draft: _Draft, volume: VolumeSpec) -> VolumeSpec:
    argument = crypttab.ARGUMENTS["discard"]
    wanted = {"", volume.source.value.lower()} & draft.discards.keys()
    if not wanted or argument in volume.options:
        return volume
    return volume._replace(options=(*volume.options, argument))


def _same(first: DeviceSpec, second: DeviceSpec) -> bool:
    return first.naming is second.naming and first.value.lower() == second.value.lower()


def _report_unused(draft: _Draft, key: str, given: dict[str, str], named: set[str]) -> None:
    """What is said about volumes applies to those that are named; silence would mislead."""
    for uuid, value in given.items():
        if not (uuid in named or (not uuid and named)):
            text = "=".join(filter(None, (uuid, value)))
            expected = "rd.luks.uuid= to name the volume that it is for; it is ignored"
            draft.problems.append(InputError(f"command line: {key}", text, expected))


def _finish_layers(draft: _Draft) -> None:
    parameters = {Layer.MD: "rd.md.uuid=", Layer.LVM: "rd.lvm.vg=", Layer.LUKS: "rd.luks.uuid="}
    policies = {}
    for layer, parameter in parameters.items():
        enabled = draft.enabled.get(layer, True)
        named = frozenset(draft.named.get(layer, ()))
        by = parameter if enabled else f"rd.{layer.value}=0"
        policies[layer] = LayerPolicy(enabled, named, by)
    draft.set(layers=policies)


HANDLERS: dict[str, Callable[[_Draft, Parameter], None]] = {
    "root": _root,
    "rootfstype": lambda draft, p: draft.mount(
        types=tuple(
            each for each in p.text("file system types").split(",") if each not in ("", "auto")
        )
    ),
    "rootflags": lambda draft, p: draft.mount(flags=tuple(p.text("mount options").split(","))),
    "ro": lambda draft, p: draft.mount(writable=False),
    "rw": lambda draft, p: draft.mount(writable=True),
    "mount.usr": _usr,
    "mount.usrfstype": _usr,
    "mount.usrflags": _usr,
    "rd.overlay": lambda draft, p: draft.set(overlay=root.overlay(p)),
    "rd.live.overlay.overlayfs": lambda draft, p: draft.set(overlay=root.overlay(p)),
    "overlayroot": lambda draft, p: draft.set(overlay=root.overlayroot(p)),
    "systemd.volatile": lambda draft, p: draft.set(overlay=root.volatile(p)),
    "init": lambda draft, p: draft.set(init=_absolute(p)),
    "rootwait": _wait,
    "rootdelay": _wait,
    "rd.timeout": _wait,
    "panic": _panic,
    "rd.emergency": _emergency,
    "rd.shell": lambda draft, p: draft.set(shell=p.flag()),
    "quiet": lambda draft, p: draft.set(quiet=True),
    "rd.md": _enable(Layer.MD),
    "rd.md.uuid": _array,
    "rd.md.timeout": lambda draft, p: draft.set(md_timeout=p.seconds()),
    "rd.md.degraded": _degraded,
    "bootdegraded": _boot_degraded,
    "rd.lvm": _enable(Layer.LVM),
    "rd.lvm.vg": _name(Layer.LVM, "the name of a volume group"),
    "rd.lvm.lv": _logical_volume,
    "luks": _enable(Layer.LUKS),
    "rd.luks": _enable(Layer.LUKS),
    "luks.uuid": _luks_uuid,
    "rd.luks.uuid": _luks_uuid,
    "luks.name": _luks_name,
    "rd.luks.name": _luks_name,
    "luks.key": _luks_key,
    "rd.luks.key": _luks_key,
    "luks.options": _luks_options,
    "rd.luks.options": _luks_options,
    "rd.luks.allow-discards": _allow_discards,
    "cryptdevice": _crypt_device,
    "cryptopts": _crypt_options,
}


def _absolute(parameter: Parameter) -> str:
    path = parameter.text("an absolute path")
    if not path.startswith("/"):
        raise parameter.error("an absolute path")
    return path
