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
# The same with a value.
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
TRIES = "[0-9]{1,9}"
BLANKS = " \t\r"


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
    # Escapes are undone one by one: `\054` is a comma within an option.
    for option in map(_unescape, filter(None, text.split(","))):
        key, _, value = option.partition("=")
        expected = ""
        if key in ARGUMENTS:
            arguments.append(ARGUMENTS[key])
        elif key in VALUES and value:
            arguments.append(f"{VALUES[key]}={value}")
        elif key in VALUES:
            expected = f"{key}=VALUE"
        elif key == "tries" and re.fullmatch(TRIES, value):
            tries = int(value)
        elif key == "tries":
            expected = "tries=NUMBER, 0 for no limit"
        elif key == "nofail":
            optional = True
        elif key == "noauto":
            skipped = True
        elif key not in ACCEPTED:
            expected = "an option known for LUKS volumes"
        if expected:
            problems.append(InputError(f"{where}: option", option, expected))
    return Options(tuple(arguments), tries, optional, skipped, tuple(problems))


def parse_crypttab(path: str, text: str) -> tuple[tuple[VolumeSpec, ...], tuple[InputError, ...]]:
    """The volumes of a crypttab, and one error per line or option that cannot be used."""
    volumes: list[VolumeSpec] = []
    problems: list[InputError] = []
    for number, line in enumerate(text.split("\n"), 1):
        fields = re.split(f"[{BLANKS}]+", line.strip(BLANKS))
        if not fields[0] or fields[0].startswith("#"):
            continue
        where = f"{path}:{number}"
        if len(fields) < 2:
            problems.append(InputError(where, line.strip(), "name, device, key and options"))
            continue
        name, source, key, options, *_ = *fields, "none", ""
        name, source, key = _unescape(name), _unescape(source), _unescape(key)
        device = parse_device(source)
        if device is None:
            problems.append(InputError(f"{where}: device", source, EXPECTED))
            continue
        if not mapping_name(name):
            problems.append(InputError(f"{where}: name", name, "a name without a slash"))
            continue
        understood = parse_options(where, options)
        problems.extend(understood.problems)
        if understood.skipped:
            continue
        volumes.append(
            VolumeSpec(
                device, name, _key(where, key, problems),
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
    if not mapping_name(name):
        return None, (InputError(f"{where}: target", name, "a name without a slash"),)
    problems: list[InputError] = []
    key = _key(where, parts.pop("key", "none"), problems)
    options = _joined(parts.items())
    understood = parse_options(where, options)
    volume = VolumeSpec(
        source, name, key, understood.arguments, understood.tries, understood.optional
    )
    return volume, (*problems, *understood.problems)


def mapping_name(name: str) -> bool:
    """True when the device mapper takes it: a file name below /dev/mapper."""
    return name not in ("", ".", "..", "control") and "/" not in name


def _key(where: str, text: str, problems: list[InputError]) -> str | None:
    """The path of the key file; what is no path in the image is a problem, and no key."""
    if text in NO_KEY:
        return None
    _, separator, device = text.rpartition(":")
    on_device = bool(separator) and parse_device(device) is not None
    if text.startswith("/") and not on_device:
        return text
    expected = "none, or the path of a key file in the image"
    if on_device:
        expected += " (key files on devices are not supported yet)"
    problems.append(InputError(f"{where}: key", text, expected))
    return None


def _joined(parts: Iterable[tuple[str, str]]) -> str:
    return ",".join(f"{key}={value}" if value else key for key, value in parts)


def _unescape(field: str) -> str:
    r"""Octal escapes such as `\040` for a blank, as in fstab(5)."""
    return re.sub(r"\\([0-7]{3})", lambda code: chr(int(code[1], 8)), field)
