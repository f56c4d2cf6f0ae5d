"""Encrypted volumes as users name them: crypttab in both dialects, `cryptopts=`, options.

crypttab(5) of Debian's cryptsetup and of systemd share the four fields
`name device key options`; their options differ. Both are understood; an option
that is not is reported, and the volume is used without it.
"""

import re
from collections.abc import Iterable

from initpy.config.commandline import FALSE, TRUE
from initpy.config.devicespec import EXPECTED, parse_device
from initpy.config.errors import InputError
from initpy.config.keyfields import NUMBER, parse_header, parse_key
from initpy.config.secretfields import crypt_key, crypt_option, cryptopts
from initpy.config.textlines import lines, unescaped
from initpy.config.timespan import FOR_EVER, LIMIT, seconds_of
from initpy.core.devices.names import DeviceSpec, Naming
from initpy.core.tuples import NamedTuple
from initpy.core.volumes import HeaderSpec, KeySpec, VolumeSpec

# crypttab option -> argument of cryptsetup(8).
ARGUMENTS = {
    "discard": "--allow-discards",
    "allow-discards": "--allow-discards",
    "no-read-workqueue": "--perf-no_read_workqueue",
    "no-write-workqueue": "--perf-no_write_workqueue",
    "perf-no_read_workqueue": "--perf-no_read_workqueue",  # mkinitcpio's words for them
    "perf-no_write_workqueue": "--perf-no_write_workqueue",
    "same-cpu-crypt": "--perf-same_cpu_crypt",
    "submit-from-crypt-cpus": "--perf-submit_from_crypt_cpus",
    "readonly": "--readonly",
    "read-only": "--readonly",
}
# With a number.
NUMBERS = {"key-slot": "--key-slot", "keyslot": "--key-slot"}
# What LUKS keeps in its header and plain volumes have to be told; the value is appended.
PLAIN = {
    "cipher": "--cipher",
    "size": "--key-size",
    "hash": "--hash",
    "offset": "--offset",
    "skip": "--skip",
    "sector-size": "--sector-size",
}
PLAIN_NUMBERS = ("size", "offset", "skip", "sector-size")
# Right to have, nothing to do about: defaults, or matters of the real system.
ACCEPTED = {
    "luks", "noearly", "quiet", "loud", "_netdev", "none", "-", "verify", "rootdev",
    "resumedev",
}  # fmt: skip
ACCEPTED_WITH_VALUE = ("check", "checkargs", "precheck", "password-echo", "password-cache", "lvm")
# The volume is for the initramfs, in Debian's and in systemd's words (crypttab(5)).
MARKS = ("initramfs", "x-initrd.attach", "force")  # the last one is dracut's
# Besides those that are listed. Of an option and its opposite the last one counts (systemd).
FLAGS = ("nofail", "fail", "noauto", "auto", "swap", "plain")
COMMENTS = ("x-", "X-")  # x-initrd.attach, x-systemd.device-timeout: fstab(5)
# Made anew by the real system, with a random key: nothing to open in the initramfs.
REMADE = ("swap", "tmp")
RANDOM = ("/dev/urandom", "/dev/random", "/dev/hwrng", "/dev/hw_random")
# Other formats, which only the real system opens.
FOREIGN = (
    "bitlk", "fvault2", "tcrypt", "veracrypt", "tcrypt-veracrypt", "tcrypt-hidden", "tcrypthidden",
    "tcrypt-system", "tcrypt-keyfile", "veracrypt-pim", "veracrypt-query-pim",
)  # fmt: skip
# Tokens: the volume opens with its passphrase until there is a job for them.
TOKENS = ("pkcs11-", "fido2-", "tpm2-", "token-timeout", "fixate-volume-key", "link-volume-key")
NO_KEY = ("", "none", "-")
KEY_EXPECTED = "none, /PATH of a key file in the image, /PATH:DEVICE or DEVICE:/PATH"
# Debian's, crypttab(5) and README.Debian of cryptsetup: what they do is built in.
PASSDEV, KEYCTL = "passdev", "decrypt_keyctl"
DERIVED = "/decrypt_derived"  # its key is that of an open volume
SCRIPTS = "/lib/cryptsetup/scripts"  # where a key script without a path is


class Options(NamedTuple):
    """A crypttab option list, understood."""

    arguments: tuple[str, ...] = ()
    tries: int = 3
    optional: bool = False
    skipped: bool = False  # noauto, or nothing that is opened in the initramfs
    problems: tuple[InputError, ...] = ()
    header: HeaderSpec | None = None
    kind: str = "luks"
    key: KeySpec = KeySpec()  # what options say about the key: part of it, program, time-out
    empty: bool = False
    headless: bool = False
    timeout: float = 0.0
    limit: float | None = 0.0  # seconds that the device may take; None: for ever
    marked: bool = False  # one of MARKS
    unclear: bool = False  # cipher= and the like, but neither luks nor plain

    def volume(
        self, source: DeviceSpec, name: str, key: KeySpec | None, *, listed: bool = False
    ) -> VolumeSpec:
        """The volume with these options."""
        return VolumeSpec(
            source, name, self._key(key), self.arguments, self.tries, self.optional, self.header,
            self.kind, self.empty, self.headless, self.timeout, listed, limit=self.limit,
        )  # fmt: skip

    def applied(self, volume: VolumeSpec, key: KeySpec | None) -> VolumeSpec:
        """The volume with these options and this key instead of its own."""
        made = self.volume(volume.source, volume.name, key, listed=volume.listed)
        return made._replace(also=volume.also, beside=volume.beside)

    def _key(self, key: KeySpec | None) -> KeySpec | None:
        said = self.key
        if said.program:
            path = key.path if key else ""
            derived = said.program.endswith(DERIVED) and mapping_name(path)
            device = DeviceSpec(Naming.PATH, f"/dev/mapper/{path}") if derived else None
            return said._replace(path=path, device=device)
        if key is None:
            return None
        return key._replace(
            offset=said.offset or key.offset,
            size=said.size or key.size,
            timeout=said.timeout or key.timeout,
        )


class _Options:
    """An option list while it is read."""

    def __init__(self, where: str) -> None:
        self.where = where
        self.found = Options()
        self.arguments: list[str] = []
        self.plain: list[str] = []
        self.noauto = False
        self.token = ""
        self.problems: list[InputError] = []

    def set(self, **changes: object) -> None:
        self.found = self.found._replace(**changes)  # type: ignore[arg-type]

    def argue(self, argument: str) -> None:
        self.arguments.append(argument)

    def take(self, option: str) -> str:
        """Take one option in; what was expected instead, "" if it is right."""
        key, separator, value = option.partition("=")
        if separator and self._is_flag(key) and value.lower() not in TRUE:
            return "" if value.lower() in FALSE else f"{key} without a value; it is ignored"
        if self._simple(key):
            return ""
        if key in PLAIN:
            return self._plain(key, value)
        if key in NUMBERS or key in ("tries", "keyfile-offset", "keyfile-size"):
            return self._number(key, value)
        if key in ("timeout", "keyfile-timeout"):
            return self._span(key, value)
        if key == "header":
            header = parse_header(value)
            self.set(header=header)
            return "" if header else "header=/PATH, header=/PATH:DEVICE or header=DEVICE"
        if key == "keyscript":
            return self._script(value)
        if key in ("try-empty-password", "headless", "keyfile-erase"):
            return self._switch(key, value)
        if key in FOREIGN:
            self.set(skipped=True)
            return "luks or plain; the volume is left to the real system"
        if key == LIMIT:
            return self._limit(value)
        if key.startswith(TOKENS):
            if self.token:  # of all options of a token, the first one is told
                return ""
            self.token = key
            return "no token (not supported in the initramfs yet; a passphrase is asked for)"
        if key not in ACCEPTED_WITH_VALUE and not key.startswith(COMMENTS):
            return "an option of crypttab(5), of systemd's or Debian's dialect; it is ignored"
        return ""

    @staticmethod
    def _is_flag(key: str) -> bool:
        return key in ARGUMENTS or key in ACCEPTED or key in (*MARKS, *FLAGS)

    def _simple(self, key: str) -> bool:
        """Take an option without a value; False if it is none."""
        if key in ARGUMENTS:
            self.argue(ARGUMENTS[key])
        elif key in ("nofail", "fail"):
            self.set(optional=key == "nofail")
        elif key in MARKS:
            self.set(marked=True)
        elif key in ("noauto", "auto"):
            self.noauto = key == "noauto"
        elif key in REMADE:
            self.set(skipped=True)
        elif key == "plain":
            self.set(kind="plain")
        else:
            return key in ACCEPTED
        return True

    def _plain(self, key: str, value: str) -> str:
        if not value or (key in PLAIN_NUMBERS and not re.fullmatch(NUMBER, value)):
            return f"{key}=NUMBER" if key in PLAIN_NUMBERS else f"{key}=VALUE"
        self.plain.append(f"{PLAIN[key]}={value}")
        return ""

    def _number(self, key: str, value: str) -> str:
        if not re.fullmatch(NUMBER, value):
            zero = ", 0 for no limit" if key == "tries" else ""
            return f"{key}=NUMBER{zero}"
        if key in NUMBERS:
            self.argue(f"{NUMBERS[key]}={value}")
        elif key == "tries":
            self.set(tries=int(value))
        elif key == "keyfile-size":
            self.set(key=self.found.key._replace(size=int(value)))
        else:
            self.set(key=self.found.key._replace(offset=int(value)))
        return ""

    def _span(self, key: str, value: str) -> str:
        seconds = 0.0 if value == FOR_EVER else seconds_of(value)
        if seconds is None:
            return f"{key}=SECONDS, or a time span such as 1min30s"
        if key == "timeout":
            self.set(timeout=seconds)
        else:
            self.set(key=self.found.key._replace(timeout=seconds))
        return ""

    def _limit(self, value: str) -> str:
        seconds = 0.0 if value == FOR_EVER else seconds_of(value)
        if seconds is None:
            return f"{LIMIT}=SECONDS, or a time span such as 1min30s"
        self.set(limit=seconds or None)
        return ""

    def _switch(self, key: str, value: str) -> str:
        if value.lower() not in ("", *TRUE, *FALSE):
            return f"{key}, or {key}=yes or no"
        if key != "keyfile-erase":  # a file of the image goes with it; a stick is not written to
            on = value.lower() in ("", *TRUE)
            self.set(**{"empty" if key == "try-empty-password" else key: on})
        return ""

    def _script(self, value: str) -> str:
        name = value.rpartition("/")[2]
        if name in (PASSDEV, KEYCTL):
            return ""  # the key field alone says it; passphrases are tried on all volumes
        if not value or ("/" in value and not value.startswith("/")):
            return "keyscript=/PATH of a program in the image"
        path = value if value.startswith("/") else f"{SCRIPTS}/{value}"
        self.set(key=self.found.key._replace(program=path))
        return ""


def parse_options(where: str, text: str) -> Options:
    """The comma-separated options; what is not understood is among the problems."""
    options = _Options(where)
    # Escapes are undone one by one: a comma within an option is Debian's `\054`, systemd's `\,`.
    for option in map(unescaped, filter(None, _split(text))):
        expected = options.take(option)
        if expected:
            options.problems.append(InputError(f"{where}: option", crypt_option(option), expected))
    # Debian's initramfs opens what root needs whatever `noauto` says, and so does a mark here.
    if options.noauto and not options.found.marked:
        options.set(skipped=True)
    said = {each.partition("=")[0] for each in text.split(",")}
    # Debian ignores these for volumes of its initramfs, and so keeps a hibernated system's swap.
    if MARKS[0] in said and said & {*REMADE} and not said & {*FOREIGN}:
        options.set(skipped=False)
    options.set(unclear=bool(options.plain) and not said & {"luks", "plain"})
    if options.found.kind == "plain":
        for argument in options.plain:
            options.argue(argument)
    return options.found._replace(
        arguments=tuple(options.arguments), problems=tuple(options.problems)
    )


def parse_crypttab(path: str, text: str) -> tuple[tuple[VolumeSpec, ...], tuple[InputError, ...]]:
    """The volumes of a crypttab, and one error per line or option that cannot be used."""
    volumes: list[VolumeSpec] = []
    problems: list[InputError] = []
    alike: dict[str, Options] = {}
    known: set[str | DeviceSpec] = set()  # names and devices of the lines before
    for number, line in enumerate(lines(text), 1):
        fields = [each for each in line.replace("\t", " ").replace("\r", " ").split(" ") if each]
        if not fields or fields[0].startswith("#"):
            continue
        where = f"{path}:{number}"
        if len(fields) < 2:
            problems.append(InputError(where, line.strip(), "name, device, key and options"))
            continue
        name, source, key, options, *_ = *fields, "none", ""
        name, source, key = unescaped(name), unescaped(source), unescaped(key)
        understood = alike.get(options) or parse_options(where, options)
        if not understood.problems:  # they name the line
            alike[options] = understood
        problems.extend(understood.problems)
        if fields[4:] and not fields[4].startswith("#"):
            problems.append(_remark(where, "…", "four fields; the rest is ignored"))
        if understood.skipped or key in RANDOM:
            continue
        device = parse_device(source)
        if device is None:
            problems.append(InputError(f"{where}: device", source, EXPECTED))
        elif not mapping_name(name):
            problems.append(
                InputError(f"{where}: name", name, "a name without slashes and control characters")
            )
        elif known & {name, device}:
            expected = "a name and a device that no line before has; the first line counts"
            problems.append(_remark(where, f"{name} {source}", expected))
        else:
            known |= {name, device}
            if understood.unclear and device.naming not in (Naming.UUID, Naming.LABEL):
                expected = "luks or plain beside cipher=, size= or hash=; it is taken for luks"
                problems.append(_remark(f"{where}: option", name, expected))
            key_spec = _key(where, key, understood, problems)
            volumes.append(understood.volume(device, name, key_spec, listed=not understood.marked))
    return tuple(volumes), tuple(problems)


def parse_cryptopts(text: str) -> tuple[VolumeSpec | None, tuple[InputError, ...]]:
    """Debian's `cryptopts=target=NAME,source=SPEC,key=FILE,OPTIONS`."""
    where = "command line: cryptopts"
    parts = dict(each.partition("=")[::2] for each in text.split(",") if each)
    source = parse_device(unescaped(parts.pop("source", "")))
    if source is None:
        return None, (InputError(where, cryptopts(text), f"source= with {EXPECTED}"),)
    name = unescaped(parts.pop("target", "cryptroot"))
    if not mapping_name(name):
        return None, (
            InputError(f"{where}: target", name, "a name without slashes and control characters"),
        )
    key = unescaped(parts.pop("key", "none"))
    understood = parse_options(where, _joined(parts.items()))
    problems = list(understood.problems)
    if understood.skipped or key in RANDOM:
        return None, tuple(problems)
    return understood.volume(source, name, _key(where, key, understood, problems)), tuple(problems)


def mapping_name(name: str) -> bool:
    """True when the device mapper takes it: a file name below /dev/mapper."""
    return name not in ("", ".", "..", "control") and not re.search(r"[/\0-\x1f\x7f]", name)


def _key(where: str, text: str, understood: Options, problems: list[InputError]) -> KeySpec | None:
    """The key field; what is neither a file nor a device is a problem, and no key."""
    if understood.key.program:
        return KeySpec(text)  # the script's argument, whatever it is
    if text in NO_KEY:
        return None
    key = parse_key(text)
    if key is None:
        problems.append(InputError(f"{where}: key", crypt_key(text), KEY_EXPECTED))
    return key


def _remark(where: str, value: str, expected: str) -> InputError:
    error = InputError(where, value, expected)
    error.remark = True
    return error


def _split(options: str) -> list[str]:
    return [each.replace("\\,", ",") for each in re.split(r"(?<!\\),", options)]


def _joined(parts: Iterable[tuple[str, str]]) -> str:
    return ",".join(f"{key}={value}" if value else key for key, value in parts)
