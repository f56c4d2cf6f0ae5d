"""Encrypted volumes as people name them: crypttab in both dialects, `cryptopts=`, options.

crypttab(5) of Debian's cryptsetup and of systemd share the four fields
`name device key options`; their options differ. Both are understood; an option
that is not is reported, and the volume is used without it.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from initpy.config.devicespec import EXPECTED, parse_device
from initpy.config.errors import InputError
from initpy.core.settings import VolumeSpec

# crypttab option -> argument of cryptsetup(8); a value is appended after "=".
ARGUMENTS = {
    "discard": "--allow-discards",
    "allow-discards": "--allow-discards",
    "no-read-workqueue": "--perf-no_read_workqueue",
    "no-write-workqueue": "--perf-no_write_workqueue",
    "same-cpu-crypt": "--perf-same_cpu_crypt",
    "submit-from-crypt-cpus": "--perf-submit_from_crypt_cpus",
    "readonly": "--readonly",
    "read-only": "--readonly",
}
VALUES = {
    "key-slot": "--key-slot",
    "keyslot": "--key-slot",
    "keyfile-size": "--keyfile-size",
    "keyfile-offset": "--keyfile-offset",
    "header": "--header",
    "sector-size": "--sector-size",
}
# Right to have, nothing to do about: defaults, or matters of the real system.
ACCEPTED = {
    "luks", "initramfs", "x-initrd.attach", "auto", "noearly", "quiet", "loud", "timeout",
    "check", "checkargs", "x-systemd.device-timeout", "_netdev", "password-echo", "none",
}  # fmt: skip
NO_KEY = ("", "none", "-")


class Options(NamedTuple):
    """A crypttab option list, understood."""

    arguments: tuple[str, ...] = ()
    tries: int = 3
    optional: bool = False
    skipped: bool = False  # noauto
    problems: tuple[InputError, ...] = ()


def parse_options(where: str, text: str) -> Options:
    """The comma-separated options; what is not understood is among the problems."""
    arguments: list[str] = []
    problems: list[InputError] = []
    tries, optional, skipped = 3, False, False
    for option in filter(None, text.split(",")):
        key, _, value = option.partition("=")
        if key in ARGUMENTS:
            arguments.append(ARGUMENTS[key])
        elif key in VALUES and value:
            arguments.append(f"{VALUES[key]}={value}")
        elif key == "tries" and value.isdecimal():
            tries = int(value)
        elif key == "nofail":
            optional = True
        elif key == "noauto":
            skipped = True
        elif key not in ACCEPTED:
            problems.append(
                InputError(f"{where}: option", option, "an option known for LUKS volumes")
            )
    return Options(tuple(arguments), tries, optional, skipped, tuple(problems))


def parse_crypttab(path: str, text: str) -> tuple[tuple[VolumeSpec, ...], tuple[InputError, ...]]:
    """The volumes of a crypttab, and one error per line or option that cannot be used."""
    volumes: list[VolumeSpec] = []
    problems: list[InputError] = []
    for number, line in enumerate(text.splitlines(), 1):
        fields = [_unescape(each) for each in line.split()]
        if not fields or fields[0].startswith("#"):
            continue
        where = f"{path}:{number}"
        if len(fields) < 2:
            problems.append(InputError(where, line.strip(), "name, device, key and options"))
            continue
        name, source, key, options, *_ = *fields, "none", ""
        device = parse_device(source)
        if device is None:
            problems.append(InputError(f"{where}: device", source, EXPECTED))
            continue
        understood = parse_options(where, options)
        problems.extend(understood.problems)
        if understood.skipped:
            continue
        volumes.append(
            VolumeSpec(
                device, name, None if key in NO_KEY else key,
                understood.arguments, understood.tries, understood.optional,
            )
        )  # fmt: skip
    return tuple(volumes), tuple(problems)


def parse_cryptopts(text: str) -> tuple[VolumeSpec | None, tuple[InputError, ...]]:
    """Debian's `cryptopts=target=NAME,source=SPEC,key=FILE,OPTIONS`."""
    where = "command line: cryptopts"
    parts = dict(each.partition("=")[::2] for each in text.split(",") if each)
    source = parse_device(parts.pop("source", ""))
    if source is None:
        return None, (InputError(where, text, f"source= with {EXPECTED}"),)
    name = parts.pop("target", "cryptroot")
    key = parts.pop("key", "none")
    options = _joined(parts.items())
    understood = parse_options(where, options)
    volume = VolumeSpec(
        source, name, None if key in NO_KEY else key, understood.arguments, understood.tries
    )
    return volume, understood.problems


def _joined(parts: Iterable[tuple[str, str]]) -> str:
    return ",".join(f"{key}={value}" if value else key for key, value in parts)


def _unescape(field: str) -> str:
    r"""Octal escapes such as `\040` for a blank, as in fstab(5)."""
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), field)
