"""multipath.conf(5): the files that it names, and which disks it leaves out.

`multipath -t` prints the whole configuration in the same form, with all that is built in. Keywords
and rules are those of libmultipath: blacklist.c, valid.c and dict.c of multipath-tools 0.9.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from initpy.image.formats import posixregex

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
# alloc_strvec(): a quote goes to the next one or to the end of the line, and two are one within it.
# Outside, other letters than those of ASCII are blanks, and a comment may begin within a word.
WORD = re.compile(r'"(?:[^"]|"")*"?|[{}!#]|[^\s"!#{}\x80-\U0010ffff]+')
LINE = 1023  # letters that are read at once
BLACK, WHITE, DEFAULTS = "blacklist", "blacklist_exceptions", "defaults"
OVERRIDES, MAPS = "overrides", "multipaths"
# The keywords that matter here, with those of the sections within.
Keywords = Mapping[str, "Keywords | None"]
_DEVICE: Keywords = dict.fromkeys(("vendor", "product"))
_LIST: Keywords = {
    **dict.fromkeys(("devnode", "wwid", "property", "protocol")), "device": _DEVICE,
}  # fmt: skip
KEYWORDS: Keywords = {
    DEFAULTS: dict.fromkeys(
        ("find_multipaths", "user_friendly_names", "wwids_file", "bindings_file")
    ),
    BLACK: _LIST,
    WHITE: _LIST,
    OVERRIDES: {"user_friendly_names": None, "protocol": {"type": None}},
    MAPS: {"multipath": dict.fromkeys(("wwid", "alias"))},
    "devices": {"device": _DEVICE},
}
BRACED = (OVERRIDES, "protocol")  # sections that only a second word opens
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
        return not all(posixregex.valid(each.removeprefix("!")) for _, each in self.patterns)

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
        except (ValueError, KeyError):
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
    aliases: dict[str, str] = {}  # of several for a map the last counts
    for text in texts:
        for section, rules in _sections(text):
            if section in (DEFAULTS, OVERRIDES):
                pairs = [pair for each in rules for pair in each.patterns]
                found = {key: known for key, value in pairs if (known := _known(key, value))}
                (defaults if section == DEFAULTS else overrides).update(found)
            elif section == MAPS:
                named = (dict(each.patterns) for each in rules)
                aliases |= {each["wwid"]: each["alias"] for each in named if len(each) == 2}
            elif section in (BLACK, WHITE):
                (black if section == BLACK else white).extend(rules)
    find = defaults.get("find_multipaths", ALL_BUT_LISTED)
    friendly = (defaults | overrides).get("user_friendly_names", "no")
    return Tables(
        tuple(black), tuple(white), find, defaults.get("wwids_file", WWIDS),
        defaults.get("bindings_file", BINDINGS), friendly == "yes",
        tuple((wwid, alias) for wwid, alias in aliases.items() if wwid),
    )  # fmt: skip


def _known(key: str, value: str) -> str:
    """Return the value of a setting in one way of writing it; "" for one that is ignored."""
    if key.endswith("_file"):
        return value if value.startswith("/") else ""
    words = {"yes": "yes", "1": "yes", "no": "no", "0": "no"}
    if key == "find_multipaths":
        words = {"yes": "on", "1": "on", "no": "off", "0": "off"}
        words |= {each: each for each in ("on", "off", "smart", GREEDY, ALL_BUT_LISTED)}
    return words.get(value, "")


class _Section:
    """A section that is open: the keywords that it knows, and what has been read of it."""

    def __init__(self, name: str, keywords: Keywords) -> None:
        self.name = name
        self.keywords = keywords
        self.rules: list[Rule] = []

    def take(self, word: str, value: str) -> None:
        self.rules.append(Rule(word, ((word, value),)))

    def close(self, inner: "_Section") -> None:
        """Take in a section within this one: its lines are one rule."""
        pairs = tuple(pair for rule in inner.rules for pair in rule.patterns)
        self.rules.append(Rule(inner.name, pairs))


def _sections(text: str) -> Iterator[tuple[str, list[Rule]]]:
    """Yield the sections with their lines as rules, as process_stream() of libmultipath does.

    The keyword alone opens most sections, be its brace there or not. A keyword that is not known
    opens none, and what should be in it is read where it stands. What follows a brace on its line
    is ignored.
    """
    stack = [_Section("", KEYWORDS)]
    for line in _lines(text):
        words = _words(line)
        within = stack[-1]
        if words[:1] == ["}"] and len(stack) > 1:
            stack.pop()
            if len(stack) > 1:
                stack[-1].close(within)
            else:
                yield within.name, within.rules
        elif words and words[0] in within.keywords:
            inner, value = within.keywords[words[0]], _value(words)
            if inner is not None and (value is not None or words[0] not in BRACED):
                stack.append(_Section(words[0], inner))
            elif inner is None and value is not None:
                within.take(words[0], value)
    while len(stack) > 1:  # a brace that is missing at the end costs a warning
        last = stack.pop()
        if len(stack) > 1:
            stack[-1].close(last)
        else:
            yield last.name, last.rules


def _lines(text: str) -> Iterator[str]:
    """Yield the lines in pieces as fgets(3) has them, up to a carriage return."""
    for line in text.split("\n"):
        for start in range(0, len(line) or 1, LINE):
            yield line[start : start + LINE].lstrip("\r").partition("\r")[0]


def _words(line: str) -> list[str]:
    """Return the words of a line without its comment, which begins with # or !."""
    found = []
    for word in WORD.findall(line):
        if word in ("!", "#"):
            break
        found.append(word)
    return found


def _value(words: list[str]) -> str | None:
    """Return the value of a keyword, None if there is none; the rest of the line is ignored."""
    if len(words) < 2 or not words[1].startswith('"'):
        return words[1] if len(words) > 1 else None
    text = words[1][1:]
    closed = text.count('"') % 2 == 1  # a quote that is missing costs a warning
    return text[: -1 if closed else None].replace('""', '"')


def _matches(pattern: str, value: str) -> bool:
    """Compare as libmultipath does: a POSIX expression anywhere; after `!`, everything else."""
    negated = pattern.startswith("!")
    return bool(value) and posixregex.found(pattern.removeprefix("!"), value) is not negated
