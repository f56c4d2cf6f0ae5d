"""mdadm.conf(5) as the image carries it, and what it says about whose arrays they are.

mdadm reads the first of PATHS, and the files in the folder of the same name with `.d`
(load_conffile in config.c).
"""

import fnmatch
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from initpy.config import textlines

PATHS = ("/etc/mdadm/mdadm.conf", "/etc/mdadm.conf")  # of Debian, and of mdadm itself
FOLDERS = tuple(f"{path}.d" for path in PATHS)
SYSTEM, IGNORE, NONE = "<system>", "<ignore>", "<none>"
# Settings of `mdadm --monitor`, which does not run in an initramfs.
MONITORING = ("MAILADDR", "MAILFROM", "PROGRAM", "MONITORDELAY")
# Settings that name devices or arrays of one machine.
OF_ONE_MACHINE = ("ARRAY", "SYSFS")
WORD = re.compile(r"""(?:"[^"]*"|'[^']*'|[^\s])+""")
SHORTEST = 3  # letters: mdadm accepts keywords abbreviated to this length (match_keyword)


def reduced(text: str, *, own: bool, arrays: Collection[str] = (), whole: bool = True) -> str:
    """Return mdadm.conf without comments and the monitor's settings.

    Unless it is the machine's own, drop what names one machine: its devices, its host name, and
    arrays but those of these UUIDs. `whole`: the image is for this machine's disks only; otherwise
    drop its devices. A policy that leaves arrays alone (AUTO) stays if the root's arrays are known:
    each gets an ARRAY line. Otherwise mdadm would refuse the root's too.
    """
    wanted = {digits(uuid) for uuid in arrays}
    kept = [words for words in lines(text) if not _is(words, MONITORING)]
    if not own:
        kept = [words for words in kept if not _names_a_machine(words, wanted)]
    if not (own and whole):
        kept = [words for words in kept if not _restricts(words)]
    if not own or not (whole or arrays):
        kept = [words for words in kept if not _is(words, ("AUTO",))]
    if any(_is(words, ("AUTO",)) for words in kept):
        kept += [["ARRAY", f"UUID={uuid}"] for uuid in _unnamed(kept, arrays)]
    return "".join(f"{' '.join(words)}\n" for words in kept)


def left_out(before: str, after: str) -> tuple[str, ...]:
    """Return the policies that a reduced configuration has no more, as they were written."""
    kept = {" ".join(words) for words in lines(after)}
    policies = (words for words in lines(before) if _is(words, ("AUTO", "DEVICES")))
    return tuple(line for words in policies if (line := " ".join(words)) not in kept)


def _unnamed(kept: Iterable[list[str]], arrays: Collection[str]) -> Iterator[str]:
    """Yield the arrays without an ARRAY line, as mdadm writes UUIDs."""
    named = {digits(_value(words, "uuid")) for words in kept if _is(words, ("ARRAY",))}
    for uuid in sorted({digits(each) for each in arrays} - named):
        yield ":".join(uuid[i : i + 8] for i in range(0, len(uuid), 8))


def _restricts(words: list[str]) -> bool:
    return _is(words, ("DEVICES",)) and any(word.startswith("/") for word in words)


def _names_a_machine(words: list[str], arrays: Collection[str]) -> bool:
    if _is(words, ("ARRAY",)) and digits(_value(words, "uuid")) in arrays:
        return False
    if _is(words, ("DEVICES",)):
        return False  # see _restricts
    if _is(words, ("HOMEHOST",)):
        return any(word.lower() not in (SYSTEM, IGNORE, NONE) for word in words[1:])
    return _is(words, OF_ONE_MACHINE)


def lines(text: str) -> Iterator[list[str]]:
    """Yield the words of each line; a line that starts with a blank continues the one before.

    As conf_word() in config.c: a comment begins at the start of a word, quotes protect blanks.
    """
    words: list[str] = []
    for line in textlines.lines(text):
        if line[:1] not in (" ", "\t"):
            if words:
                yield words
            words = []
        for word in WORD.findall(line):
            if word.startswith("#"):
                break
            words.append(word)
    if words:
        yield words


def digits(uuid: str) -> str:
    """Return only the digits of a UUID: separators may be colons, dashes or dots anywhere."""
    return re.sub("[^0-9a-f]", "", uuid.lower())


def _is(words: list[str], keywords: Iterable[str]) -> bool:
    word = words[0].upper()
    return len(word) >= SHORTEST and any(each.startswith(word) for each in keywords)


def _value(words: list[str], key: str) -> str:
    start = f"{key}="
    found = next((each[len(start) :] for each in words if each.lower().startswith(start)), "")
    return found.replace('"', "").replace("'", "")


@dataclass(frozen=True, slots=True)
class ArrayLine:
    """An ARRAY line: the name that it gives, and by what it knows the array."""

    device: str
    uuid: str
    name: str

    @property
    def ignores(self) -> bool:
        """Return whether mdadm leaves the array alone."""
        return self.device.lower() == IGNORE


@dataclass(frozen=True, slots=True)
class HomeHosts:
    """What the configuration says about whose arrays they are."""

    host: str | None = None  # of HOMEHOST; None: the machine's name, "": none
    required: bool = True  # False: arrays of any host are this machine's
    arrays: tuple[ArrayLine, ...] = ()
    devices: tuple[str, ...] = ()  # patterns of DEVICE; none: all
    auto: tuple[str, ...] = ()  # words of AUTO

    def permits(self, device: str) -> bool:
        """Return whether mdadm may look at a device (conf_test_dev)."""
        if not self.devices or "partitions" in self.devices:
            return True
        return any(fnmatch.fnmatchcase(device, each) for each in self.devices)

    def assembles(self, metadata: str, *, own: bool) -> bool:
        """Return whether AUTO lets an array without an ARRAY line start (mdadm.conf(5)).

        `metadata` is its version as mdadm writes it, `own` whether it is of this host.
        """
        version = "1.x" if metadata.startswith("1") else metadata
        for word in self.auto:
            sign, kind = word[:1], word[1:].lower()
            if word.lower() == "homehost" and own:
                return True
            if sign in ("+", "-") and (kind in ("all", version) or kind == metadata):
                return sign == "+"
        return True

    def line_of(self, uuid: str, name: str) -> ArrayLine | None:
        """Return the ARRAY line that matches an array by UUID and name (conf_match)."""
        for each in self.arrays:
            by_uuid = each.uuid in ("", digits(uuid))
            by_name = each.name.lower() in ("", name.lower())
            if (each.uuid or each.name) and by_uuid and by_name:
                return each
        return None


def read(texts: Iterable[str]) -> HomeHosts:
    """Read the configuration; HOMEHOST's first word counts, `<ignore>` in any place."""
    hosts: list[str] = []
    arrays: list[ArrayLine] = []
    devices: list[str] = []
    auto: list[str] = []
    for words in (words for text in texts for words in lines(text)):
        if _is(words, ("HOMEHOST",)):
            hosts += words[1:]
        elif _is(words, ("DEVICES",)):
            devices += words[1:]
        elif _is(words, ("AUTO",)):
            auto += words[1:]
        elif _is(words, ("ARRAY",)):
            device = next((each for each in words[1:] if each[0] == "/" or "=" not in each), "")
            uuid, name = digits(_value(words, "uuid")), _value(words, "name")
            arrays.append(ArrayLine(device, uuid, name))
    named = [word for word in hosts if word.lower() != IGNORE]
    host = named[0] if named and named[0].lower() != SYSTEM else None
    none = host is not None and host.lower() == NONE
    required = len(named) == len(hosts) and not none
    return HomeHosts("" if none else host, required, tuple(arrays), tuple(devices), tuple(auto))
