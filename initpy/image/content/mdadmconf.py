"""mdadm.conf(5) as the image carries it, and what it says about whose arrays they are.

mdadm reads the first of PATHS, and the files in the folder of the same name with `.d`
(load_conffile in config.c).
"""

import fnmatch
import re
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace

from initpy.config import textlines

PATHS = ("/etc/mdadm/mdadm.conf", "/etc/mdadm.conf")  # of Debian, and of mdadm itself
FOLDERS = tuple(f"{path}.d" for path in PATHS)
SYSTEM, IGNORE, NONE = "<system>", "<ignore>", "<none>"
# Settings of `mdadm --monitor`, which does not run in an initramfs.
MONITORING = ("MAILADDR", "MAILFROM", "PROGRAM", "MONITORDELAY")
# Settings that name devices or arrays of one machine.
OF_ONE_MACHINE = ("ARRAY", "SYSFS")
# A word: pieces in quotes, of which the last may lack its end, and anything but blanks.
WORD = re.compile(r"""(?:"[^"]*(?:"|$)|'[^']*(?:'|$)|[^ \t"'])+""")
PIECE = re.compile(r"""["]([^"]*)(?:"|$)|[']([^']*)(?:'|$)|([^"']+)""")
MINOR = re.compile(r"\s*\+?([0-9]{1,9})", re.ASCII)  # strtol(3)
WHOLE = 32  # digits of a UUID; mdadm ignores others
LONGEST_NAME = 32  # bytes
SHORTEST = 3  # letters: mdadm accepts keywords abbreviated to this length (match_keyword)


def reduced(text: str, *, own: bool, arrays: Collection[str] = (), whole: bool = True) -> str:
    """Return mdadm.conf without comments and the monitor's settings.

    Unless it is the machine's own, drop what names one machine: its devices, its host name, and
    arrays but those of these UUIDs. `whole`: the image is for this machine's disks only; otherwise
    drop its devices. A policy that leaves arrays alone (AUTO) stays if the root's arrays are known:
    each gets an ARRAY line. Otherwise mdadm would refuse the root's too. Of several lines about one
    array the first stays: mdadm leaves an array alone that two lines name. Without the marks of
    other systems' editors, `\\r` and the byte order mark, which mdadm takes for part of a word.
    """
    wanted = {digits(uuid) for uuid in arrays}
    kept = [*_once(words for words in _clean(text) if not _is(words, MONITORING))]
    if not own:
        kept = [words for words in kept if not _names_a_machine(words, wanted)]
    if not (own and whole):
        kept = [words for words in kept if not _restricts(words)]
    if not own or not (whole or arrays):
        kept = [words for words in kept if not _is(words, ("AUTO",))]
    if any(_is(words, ("AUTO",)) for words in kept):
        kept += [["ARRAY", f"UUID={uuid}"] for uuid in _unnamed(kept, arrays)]
    return "".join(f"{_written(words)}\n" for words in kept)


def _clean(text: str) -> Iterator[list[str]]:
    return lines("\n".join(textlines.lines(text)))


def _written(words: Iterable[str]) -> str:
    """Return a line that mdadm reads as these words."""
    return " ".join(map(_quoted, words))


def _quoted(word: str) -> str:
    if word and not word.startswith("#") and not re.search("[ \t\"']", word):
        return word
    return "".join(f"'{piece}'" if '"' in piece else f'"{piece}"' for piece in _pieces(word))


def _pieces(word: str) -> list[str]:
    """Return the parts of a word without single quotes, and these; a single empty one of none."""
    return [each for each in re.split("('+)", word) if each] or [""]


def _once(found: Iterable[list[str]]) -> Iterator[list[str]]:
    """Yield the lines without those that mean an array again."""
    seen = set[ArrayLine]()
    for words in found:
        line = replace(_array(words), device="") if _is(words, ("ARRAY",)) else None
        if line is None or not line.uuid:
            yield words
        elif not seen & {line, ArrayLine("", line.uuid, "")}:
            seen.add(line)
            yield words


def left_out(before: str, after: str) -> tuple[str, ...]:
    """Return the policies that a reduced configuration has no more, as they were written."""
    kept = {_written(words) for words in lines(after)}
    policies = (words for words in _clean(before) if _is(words, ("AUTO", "DEVICES")))
    return tuple(line for words in policies if (line := _written(words)) not in kept)


def _unnamed(kept: Iterable[list[str]], arrays: Collection[str]) -> Iterator[str]:
    """Yield the arrays without an ARRAY line, as mdadm writes UUIDs."""
    named = {_array(words).uuid for words in kept if _is(words, ("ARRAY",))}
    for uuid in sorted({digits(each) for each in arrays} - named):
        yield ":".join(uuid[i : i + 8] for i in range(0, len(uuid), 8))


def _restricts(words: list[str]) -> bool:
    return _is(words, ("DEVICES",)) and any(word.startswith("/") for word in words)


def _names_a_machine(words: list[str], arrays: Collection[str]) -> bool:
    if _is(words, ("ARRAY",)) and _array(words).uuid in arrays:
        return False
    if _is(words, ("DEVICES",)):
        return False  # see _restricts
    if _is(words, ("HOMEHOST",)):
        return any(word.lower() not in (SYSTEM, IGNORE, NONE, "") for word in words[1:])
    return _is(words, OF_ONE_MACHINE)


def lines(text: str) -> Iterator[list[str]]:
    """Yield the words of each line without their quotes, as conf_word() in lib.c.

    A line that starts with a blank continues the one before, also after empty lines and comments.
    A comment begins at the start of a word; quotes protect blanks, at most up to the line's end.
    """
    words: list[str] = []
    for line in text.split("\n"):
        if words and line[:1] not in (" ", "\t", "#", ""):
            yield words
            words = []
        for word in WORD.findall(line):
            if word.startswith("#"):
                break
            words.append(_unquoted(word))
    if words:
        yield words


def digits(uuid: str) -> str:
    """Return only the digits of a UUID: separators may be colons, dashes or dots anywhere."""
    return re.sub("[^0-9a-f]", "", uuid.lower())


def _uuid(text: str) -> str:
    """Return the digits of a UUID that mdadm accepts, or "" (parse_uuid)."""
    found = digits(text) if re.fullmatch("[0-9a-fA-F:. -]*", text) else ""
    return found if len(found) == WHOLE else ""


def _is(words: list[str], keywords: Iterable[str]) -> bool:
    word = words[0].upper()
    return len(word) >= SHORTEST and any(each.startswith(word) for each in keywords)


def _unquoted(word: str) -> str:
    """Return a word as mdadm has it: it takes quotes away wherever they stand (conf_word)."""
    return PIECE.sub(lambda found: found[1] or found[2] or found[3] or "", word).partition("\0")[0]


@dataclass(frozen=True, slots=True)
class Known:
    """An array as mdadm compares it with the lines, by the superblock of a member."""

    uuid: str
    name: str  # HOST:NAME
    minor: int | None = None  # of metadata 0.90 only


@dataclass(frozen=True, slots=True)
class ArrayLine:
    """An ARRAY line: the name that it gives, and by what it knows the array."""

    device: str
    uuid: str
    name: str
    minor: int | None = None
    devices: tuple[str, ...] = ()  # patterns, for the kernel's name of a member
    container: str = ""
    member: str = ""  # of the container

    @property
    def ignores(self) -> bool:
        """Return whether mdadm leaves the array alone."""
        return self.device.lower() == IGNORE

    def matches(self, array: Known, member: str, *, names: bool) -> bool:
        """Return whether a line is about an array that a member shows (conf_match)."""
        if not (self.uuid or (self.name and names) or self.devices or self.minor is not None):
            return False
        return (
            self.uuid in ("", digits(array.uuid))
            and (not names or self.name.lower() in ("", array.name.lower()))
            and (not self.devices or any(is_path(each, member) for each in self.devices))
            and self.minor in (None, array.minor)
        )


@dataclass(frozen=True, slots=True)
class HomeHosts:
    """What the configuration says about whose arrays they are."""

    host: str | None = None  # of HOMEHOST; None: the machine's name, "": none
    required: bool = True  # False: arrays of any host are this machine's
    arrays: tuple[ArrayLine, ...] = ()
    devices: tuple[str, ...] = ()  # patterns of DEVICE; none: all
    auto: tuple[str, ...] = ()  # words of AUTO

    def permits(self, names: Iterable[str]) -> bool:
        """Return whether mdadm may look at a device with these names.

        It compares the name that it is given, then the numbers of what a pattern finds.
        """
        if not self.devices or "partitions" in self.devices:
            return True
        return any(is_path(each, name) for name in names for each in self.devices)

    def assembles(self, metadata: str) -> bool:
        """Return whether AUTO lets an array without an ARRAY line start (autoline).

        `metadata` is its version as mdadm writes it. After `homehost` nothing is refused, though
        mdadm.conf(5) says so of other hosts' arrays (conf_test_metadata).
        """
        for word in map(str.lower, self.auto):
            if word in ("yes", "no"):
                return word == "yes"
            if word == "homehost":
                return True
            if word[:1] in ("+", "-") and _is_version(word[1:], metadata):
                return word[0] == "+"
        return True

    def lines_of(self, array: Known, member: str, *, names: bool = True) -> tuple[ArrayLine, ...]:
        """Return the lines that match an array; mdadm leaves it alone if there are several.

        `names`: this mdadm reads `name=`, as those before 4.3 do.
        """
        return tuple(each for each in self.arrays if each.matches(array, member, names=names))


def _is_version(word: str, metadata: str) -> bool:
    """Return whether a word of AUTO is about a version of metadata."""
    if word == "all":
        return True
    family = metadata.partition(".")[0]
    if family == "1" and word.startswith("1."):
        return True
    return word in (metadata.lower(), family)


def is_path(pattern: str, name: str) -> bool:
    """Return whether a pattern of fnmatch(3) with FNM_PATHNAME matches a path."""
    # Python knows neither a backslash nor `[^`.
    plain = re.sub(r"\\(.)", lambda found: _literal(found[1]), pattern).replace("[^", "[!")
    mine, theirs = plain.split("/"), name.split("/")
    pairs = zip(mine, theirs, strict=False)
    return len(mine) == len(theirs) and all(fnmatch.fnmatchcase(b, a) for a, b in pairs)


def _literal(character: str) -> str:
    return f"[{character}]" if character in "*?[" else character


def read(texts: Iterable[str]) -> HomeHosts:
    """Read the configuration; HOMEHOST's first word counts, `<ignore>` in any place."""
    hosts: list[str] = []
    arrays: list[ArrayLine] = []
    devices: list[str] = []
    auto: list[str] | None = None  # the first such line counts
    found = (words for text in texts for words in lines(text))
    for words in found:
        if _is(words, ("HOMEHOST",)):
            hosts += words[1:]
        elif _is(words, ("DEVICES",)):
            devices += (_device(each) for each in words[1:])
        elif _is(words, ("AUTO",)):
            auto = words[1:] if auto is None else auto
        elif _is(words, ("ARRAY",)):
            arrays.append(_array(words))
    named = [word for word in hosts if word.lower() != IGNORE]
    host = named[0] if named and named[0].lower() != SYSTEM else None
    none = host is not None and host.lower() in ("", NONE)
    required = len(named) == len(hosts) and not none
    known = tuple(filter(None, devices))
    return HomeHosts("" if none else host, required, tuple(arrays), known, tuple(auto or ()))


def _device(word: str) -> str:
    """Return a word of DEVICE; "" for one that mdadm does not know."""
    keyword = word.lower() in ("partitions", "containers")
    return word.lower() if keyword else word if word.startswith("/") else ""


def _array(words: list[str]) -> ArrayLine:
    device = next((each for each in words[1:] if each[:1] == "/" or "=" not in each), "")
    devices = next(_values(words, "devices"), None)
    return ArrayLine(
        device,
        next(filter(None, map(_uuid, _values(words, "uuid"))), ""),
        next(filter(None, map(_name, _values(words, "name"))), ""),
        next(filter(_is_number, map(_number, _values(words, "super-minor"))), None),
        tuple(devices.split(",")) if devices is not None else (),
        ([*_values(words, "container")] or [""])[-1],
        ([*_values(words, "member")] or [""])[-1],
    )


def _values(words: list[str], key: str) -> Iterator[str]:
    """Yield what a line says of a key; mdadm takes the first that is valid."""
    start = f"{key}="
    found = (each for each in words[1:] if each.lower().startswith(start))
    return (each[len(start) :] for each in found)


def _number(text: str) -> int | None:
    found = MINOR.fullmatch(text)
    return int(found[1]) if found else None


def _is_number(value: int | None) -> bool:
    return value is not None


def _name(text: str) -> str:
    return text if len(text.encode(errors="replace")) <= LONGEST_NAME else ""
