"""multipath.conf(5): the files that it names, and which disks it leaves out.

`multipath -t` prints the whole configuration in the same form, with all that is built in. Keywords
and rules are those of libmultipath: blacklist.c, valid.c and dict.c of multipath-tools 0.9.
"""

import re
from collections.abc import Iterable, Iterator
from typing import NamedTuple

PATH, FOLDER, WWIDS = "/etc/multipath.conf", "/etc/multipath/conf.d", "/etc/multipath/wwids"
BINDINGS = "/etc/multipath/bindings"
# Settings with a path; `config_dir` is a folder of which multipathd reads `*.conf`.
NAMED = re.compile(
    r"""^(?:\s*defaults)?[\s{]*(?:config_dir|bindings_file|wwids_file|prkeys_file)\s+"?(/[^\s"#!]+)""",
    re.MULTILINE,
)
# What a configuration without a word has.
BUILT_IN = 'blacklist {\n devnode "!^(sd[a-z]|dasd[a-z]|nvme[0-9])"\n}\n'
EMPTY = b"# This machine has no multipath.conf: all is as built in.\n"
WORD = re.compile(r'"([^"]*)"?|([{}])|([^\s"{}]+)')
# REG_BADRPT and REG_EBRACK of regex(3).
INVALID = re.compile(r"!?([*+?]|\[[^\]]?[^\]]*$)")
# regex(7): classes of POSIX, which Python's expressions lack.
CLASS = re.compile(r"\[:([a-z]+):\]")
CLASSES = {
    "alpha": "a-zA-Z", "digit": "0-9", "alnum": "a-zA-Z0-9", "lower": "a-z", "upper": "A-Z",
    "xdigit": "0-9a-fA-F", "space": r"\s", "blank": r" \t",
}  # fmt: skip
BLACK, WHITE, DEFAULTS = "blacklist", "blacklist_exceptions", "defaults"
OVERRIDES, MAPS = "overrides", "multipaths"
WITH_LINES = (BLACK, WHITE, DEFAULTS, OVERRIDES)
INNER = ("device", "multipath")  # sections in sections
OLD_NAMES = {"devnode_blacklist": BLACK}
ALL_BUT_LISTED = "strict"  # the default of find_multipaths
GREEDY = "greedy"


def files(text: str) -> Iterator[str]:
    """Yield the paths that a multipath.conf names besides the usual ones."""
    yield from dict.fromkeys(NAMED.findall(text))


class Disk(NamedTuple):
    """What the rules compare of a disk; "" where it is not known."""

    name: str  # the kernel's: sda
    wwid: str
    vendor: str = ""
    product: str = ""
    protocol: str = ""  # scsi:iscsi


class Rule(NamedTuple):
    """A line of a blacklist, or its section `device`, which has up to two patterns."""

    what: str  # devnode, wwid, property, protocol, device
    patterns: tuple[tuple[str, str], ...]  # what of the disk -> pattern

    def __str__(self) -> str:
        words = " ".join(f'{key} "{pattern}"' for key, pattern in self.patterns)
        return f"device {{ {words} }}" if self.what == "device" else words

    @property
    def is_invalid(self) -> bool:
        """Whether regcomp(3) refuses a pattern, as `*` alone: multipath takes nothing then."""
        return any(INVALID.match(pattern) for _, pattern in self.patterns)

    def fits(self, disk: Disk) -> bool | None:
        """Whether the rule is about this disk; None if that cannot be told here."""
        if self.what not in ("devnode", "wwid", "device", "protocol"):
            return None
        if self.what == "protocol" and not disk.protocol:
            return None
        values = {"devnode": disk.name, "wwid": disk.wwid, "protocol": disk.protocol}
        values |= {"vendor": disk.vendor, "product": disk.product}
        try:
            found = [_matches(pattern, values[key]) for key, pattern in self.patterns]
        except (re.error, KeyError):
            return None
        return bool(found) and all(found)


class Tables(NamedTuple):
    """What a configuration says of disks."""

    black: tuple[Rule, ...] = ()
    white: tuple[Rule, ...] = ()
    find: str = ALL_BUT_LISTED  # find_multipaths
    wwids: str = WWIDS  # wwids_file
    bindings: str = BINDINGS  # bindings_file
    friendly: bool = False  # user_friendly_names
    aliases: tuple[tuple[str, str], ...] = ()  # (WWID, name) of the section `multipaths`

    def name_of(self, wwid: str, bindings: str) -> str | None:
        """The name of the map of these paths; None if multipath chooses a new one.

        `bindings` is the text of that file: NAME WWID, the first line of each counts.
        """
        for known, alias in self.aliases:
            if known == wwid:
                return alias
        if not self.friendly:
            return wwid
        pairs = (line.split() for line in bindings.splitlines() if line[:1] != "#")
        return next((each[0] for each in pairs if each[1:2] == [wwid]), None)

    @property
    def invalid(self) -> Rule | None:
        """A rule for which multipath refuses the whole configuration."""
        return next((each for each in (*self.black, *self.white) if each.is_invalid), None)

    def refusal(self, disk: Disk) -> tuple[Rule | None, bool]:
        """The rule that leaves the disk out, or None; and whether that is certain.

        Each kind of rule is judged by itself; an exception of the same kind goes before.
        """
        doubt = None
        for what in dict.fromkeys(each.what for each in self.black):
            exceptions = [each.fits(disk) for each in self.white if each.what == what]
            if any(exceptions):
                continue
            for rule in (each for each in self.black if each.what == what):
                fits = rule.fits(disk)
                if fits:
                    return rule, True
                doubt = rule if fits is None else doubt
        return doubt, doubt is None


def read(texts: Iterable[str]) -> Tables:
    """Read configurations, the later ones added to the first."""
    black: list[Rule] = []
    white: list[Rule] = []
    defaults: dict[str, str] = {}
    overrides: dict[str, str] = {}
    maps: list[dict[str, str]] = []
    for text in texts:
        for section, rules in _sections(text):
            if section == DEFAULTS:
                defaults |= {key: value for each in rules for key, value in each.patterns}
            elif section == OVERRIDES:
                overrides |= {key: value for each in rules for key, value in each.patterns}
            elif section == MAPS:
                maps += (dict(each.patterns) for each in rules)
            elif section in (BLACK, WHITE):
                (black if section == BLACK else white).extend(rules)
    find = defaults.get("find_multipaths", ALL_BUT_LISTED)
    friendly = (defaults | overrides).get("user_friendly_names", "no")
    return Tables(
        tuple(black), tuple(white), find, defaults.get("wwids_file", WWIDS),
        defaults.get("bindings_file", BINDINGS), friendly.lower() in ("yes", "1"),
        tuple((each["wwid"], each["alias"]) for each in maps if {"wwid", "alias"} <= {*each}),
    )  # fmt: skip


def _sections(text: str) -> Iterator[tuple[str, list[Rule]]]:
    """Yield the sections with their lines as rules."""
    section, inner = "", ""
    rules: list[Rule] = []
    device: list[tuple[str, str]] = []
    for line in text.splitlines():
        words = _words(line)
        # What follows a brace on its line is ignored, as process_stream() of libmultipath does.
        if words[:1] == ["}"]:
            if inner in INNER:
                rules.append(Rule(inner, tuple(device)))
            elif not inner:
                yield section, rules
                section, rules = "", []
            inner, device = "", []
        elif words[1:2] == ["{"] and section and not inner:
            inner = words[0]
        elif words[1:2] == ["{"] and not section:
            section = OLD_NAMES.get(words[0], words[0])
        elif len(words) > 1 and inner in INNER:
            device.append((words[0], words[1]))
        elif len(words) > 1 and section in WITH_LINES and not inner:
            rules.append(Rule(words[0], ((words[0], words[1]),)))
    yield section, rules  # a brace that is missing at the end costs a warning


def _words(line: str) -> list[str]:
    """Return the words of a line without its comment, which begins with # or !."""
    found = []
    for match in WORD.finditer(line):
        quoted, brace, bare = match.groups()
        if bare is not None and bare[0] in "#!":
            break
        found.append(quoted if quoted is not None else brace or bare)
    return found


def _matches(pattern: str, value: str) -> bool:
    """Compare as libmultipath does: a POSIX expression anywhere; after `!`, everything else."""
    if not value:
        return False
    negated = pattern.startswith("!")
    ours = CLASS.sub(lambda found: CLASSES.get(found[1], found[0]), pattern.removeprefix("!"))
    return (re.search(ours, value) is not None) is not negated
