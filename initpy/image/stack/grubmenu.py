"""Reads the entries of GRUB's menu, and which of them starts by default.

The configuration is a script. It is followed as far as it can be without GRUB: with the
variables of the environment block, and with both ways where only GRUB knows a condition. Other
files that it names are read in its place.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from initpy.image.stack.grubscript import Choice, Command, Loop, Node, parse

LINUX = ("linux", "linuxefi", "linux16")
INITRD = ("initrd", "initrdefi", "initrd16")
XEN = ("multiboot", "multiboot2", "xen_hypervisor")
OTHERS = ("source", ".", "configfile", "extract_entries_configfile")
XEN_MODULE = ("module", "module2", "xen_module")
PLACEHOLDER = "placeholder"  # for the name of a kernel, which Xen leaves out
# Only GRUB knows what they are, or a command sets them to what it finds.
ITS_OWN = re.compile(r"root|prefix|cmdpath|grub_\w+|config_\w+|net_\w+|pxe_\w+|\?")
OPTION = "menuentry_id_option"  # set by grub-mkconfig's header
HAS = "feature_"  # a current GRUB has them all: "y"
PART = re.compile(
    r"""\\\n | \\(?P<plain>[\s\S]) | '(?P<single>[^']*)'
    | "(?P<double>(?:[^"\\]|\\[\s\S])*)" | \$(?:\{(?P<long>[\w@*\#?]*)\}|(?P<short>\w+|[@*\#?]))
    | (?P<other>[^\\'"$]+|[\s\S])""",
    re.VERBOSE,
)
IN_DOUBLE = re.compile(r"\\(?P<plain>[\s\S])|\$(?:\{(?P<long>[\w@*\#?]*)\}|(?P<short>\w+|[@*#?]))")
MOST_STEPS = 100_000  # commands; functions may call functions
DEEPEST = 20  # calls


@dataclass(slots=True)
class Entry:
    """A command line of the menu. `path` are the ways to name it, by menu: number, title, id."""

    words: tuple[str, ...]
    kernel: str
    title: str = ""
    images: tuple[str, ...] = ()
    path: tuple[frozenset[str], ...] = ()


@dataclass(slots=True)
class _Level:
    """A menu: how many entries it has so far, and its place."""

    path: tuple[frozenset[str], ...] = ()
    count: int = 0
    title: str = ""


@dataclass(slots=True)
class Menu:
    """What a configuration has: the entries, the one that starts by default first."""

    entries: list[Entry] = field(default_factory=list)
    variables: dict[str, str] = field(default_factory=dict)


def read(
    text: str,
    environment: Mapping[str, str],
    other: Callable[[str], str | None] = lambda _: None,
) -> Menu:
    """Return the menu of a configuration.

    `environment` is that of grub-editenv(1), `other` returns the text of a file that it names.
    """
    reader = _Reader(environment, other)
    reader.run(parse(text), _Level())
    reader.finish()
    variables = dict(reader.variables)
    reader.open()
    default = tuple(variables.get("default", "").split(">"))
    found = reader.entries
    if not any(_is(each, default) for each in found):
        default = ("0",)
    found.sort(key=lambda each: not _is(each, default))
    return Menu(found, variables)


def expanded(text: str, variables: Mapping[str, str]) -> str:
    """Put in variables; those that nothing sets are empty, those of GRUB's own stay as written."""
    return IN_DOUBLE.sub(
        lambda found: (
            _value(found["long"] or found["short"] or "", variables)
            if found["plain"] is None
            else found[0]
        ),
        text,
    )


def _is(entry: Entry, default: tuple[str, ...]) -> bool:
    """Return whether a default names an entry or the submenu that it is in."""
    return len(entry.path) >= len(default) and all(
        part in names for part, names in zip(default, entry.path, strict=False)
    )


def _value(name: str, variables: Mapping[str, str]) -> str:
    if name in variables:
        return variables[name]
    if name.startswith(HAS):
        return "y"
    return f"${{{name}}}" if ITS_OWN.fullmatch(name) else ""


class _Reader:
    """Follows the commands."""

    def __init__(self, environment: Mapping[str, str], other: Callable[[str], str | None]) -> None:
        self.entries: list[Entry] = []
        self.variables = {OPTION: "--id", **environment}
        self._waiting: list[tuple[_Level, tuple[Node, ...], list[str], bool]] = []
        self._other = other
        self._functions: dict[str, tuple[Node, ...]] = {}
        self._entry: Entry | None = None
        self._steps = 0
        self._calls = 0

    def finish(self) -> None:
        """Close the entry that is being read."""
        if self._entry is not None and self._entry.kernel:
            self.entries.append(self._entry)
        self._entry = None

    def open(self) -> None:
        """Follow the commands of entries and submenus, which run after all others."""
        waiting, self._waiting = self._waiting, []
        variables = self.variables
        for level, block, arguments, is_entry in waiting:
            self.variables = dict(variables)
            self.variables |= {str(number): each for number, each in enumerate(arguments, 1)}
            if is_entry:
                self._entry = Entry((), "", level.title, path=level.path)
            self.run(block, level)
            self.finish()
            self.open()
        self.variables = variables

    def run(self, nodes: Iterable[Node], level: _Level, *, sure: bool = True) -> None:
        """Follow commands. `sure`: GRUB does so, too, whatever a condition is."""
        for node in nodes:
            self._steps += 1
            if self._steps > MOST_STEPS:
                return
            match node:
                case Choice(branches):
                    self._choose(branches, level, sure=sure)
                case Loop(name, block):
                    if name:
                        self.variables[name] = f"${{{name}}}"
                    self.run(block, level, sure=False)
                case Command(words, block):
                    self._command([*self._words(words)], block, level, sure=sure)

    def _choose(
        self,
        branches: Iterable[tuple[tuple[Node, ...], tuple[Node, ...]]],
        level: _Level,
        *,
        sure: bool,
    ) -> None:
        for condition, block in branches:
            holds = self._holds(condition) if condition else True
            if holds is not False:
                sure = sure and holds is True
                self.run(block, level, sure=sure)
            if holds:
                return

    def _holds(self, condition: tuple[Node, ...]) -> bool | None:
        """Return what a condition is; None if only GRUB knows."""
        if len(condition) != 1 or not isinstance(condition[0], Command):
            return None
        words = [*self._words(condition[0].words)]
        if words[:1] == ["["] and words[-1] == "]":
            words = words[1:-1]
        elif words[:1] == ["test"]:
            words = words[1:]
        else:
            return None
        wanted = True
        while words[:1] == ["!"]:
            words, wanted = words[1:], not wanted
        if any("${" in each for each in words):
            return None
        match words:
            case []:
                holds = False
            case [word] | ["-n", word]:
                holds = bool(word)
            case ["-z", word]:
                holds = not word
            case [one, "=" | "==", other]:
                holds = one == other
            case [one, "!=", other]:
                holds = one != other
            case _:
                return None
        return holds is wanted

    def _command(
        self, words: list[str], block: tuple[Node, ...] | None, level: _Level, *, sure: bool
    ) -> None:
        name, *rest = words or [""]
        if name in ("menuentry", "submenu") and block is not None:
            self._menu(name, rest, block, level)
        elif name == "function" and block is not None and rest:
            self._functions[rest[0]] = block
        elif block is not None:  # a group of commands
            self.run(block, level, sure=sure)
        elif name in LINUX and rest:
            self._linux(rest, level)
        elif name in INITRD and self._entry is not None and self._entry.kernel:
            self._entry.images = tuple(each for each in rest if not each.startswith("--"))
        elif name in XEN:
            self._linux([""], level)
        elif name in XEN_MODULE and self._entry is not None:
            self._module([each for each in rest if not each.startswith("--")])
        elif name == "set" or (name.partition("=")[0].isidentifier() and "=" in name):
            self._set((rest or [""])[0] if name == "set" else name, sure=sure)
        elif name == "unset" and sure:
            for each in rest:
                self.variables.pop(each, None)
        elif name in OTHERS and rest and self._calls < DEEPEST:
            self._follow(rest[0], level, sure=sure)
        elif name in self._functions and self._calls < DEEPEST:
            self._call(self._functions[name], rest, level, sure=sure)
        else:
            self._found(rest)

    def _menu(self, kind: str, rest: list[str], block: tuple[Node, ...], level: _Level) -> None:
        self.finish()
        title, identity, arguments = "", "", list[str]()
        words = iter(rest)
        for word in words:
            key, equals, value = word.partition("=")
            if key in ("--id", "--class", "--users", "--hotkey", "--source"):
                value = value if equals else next(words, "")
                identity = value if key == "--id" else identity
            elif not word.startswith("--"):
                arguments.append(word)
        title = arguments[0] if arguments else ""
        names = frozenset(filter(None, (str(level.count), title, identity)))
        level.count += 1
        inner = _Level((*level.path, names), title=title)
        self._waiting.append((inner, block, arguments, kind == "menuentry"))

    def _call(
        self, block: tuple[Node, ...], arguments: list[str], level: _Level, *, sure: bool
    ) -> None:
        before = {key: value for key, value in self.variables.items() if key.isdigit()}
        given = {str(number): each for number, each in enumerate(arguments, 1)}
        given |= dict.fromkeys(("@", "*"), " ".join(arguments))
        self.variables |= given
        self._calls += 1
        self.run(block, level, sure=sure)
        self._calls -= 1
        for key in given:
            self.variables.pop(key, None)
        self.variables |= before

    def _follow(self, path: str, level: _Level, *, sure: bool) -> None:
        """Follow another file; a menu of an entry is below it."""
        text = self._other(path)
        if text is not None:
            self._calls += 1
            self.run(parse(text), level, sure=sure)
            self._calls -= 1

    def _linux(self, words: list[str], level: _Level) -> None:
        """Begin a command line, also of a `linux` in no entry of a menu."""
        old = self._entry
        if old is None or old.kernel:
            self.finish()
            title, path = (old.title, old.path) if old else (level.title, level.path)
            self._entry = Entry((), "", title, path=path)
        entry = self._entry
        assert entry is not None
        entry.kernel, entry.words = words[0], tuple(words[1:])

    def _module(self, words: list[str]) -> None:
        """Take a module of Xen: the first is the kernel, the others are images."""
        entry = self._entry
        assert entry is not None
        if words and not entry.kernel:
            entry.kernel = words[0]
            entry.words = tuple(words[2:] if words[1:2] == [PLACEHOLDER] else words[1:])
        elif words:
            entry.images = (*entry.images, words[0])

    def _set(self, word: str, *, sure: bool) -> None:
        name, equals, value = word.partition("=")
        if not equals or name == "root":  # GRUB's own, a partition in its words
            return
        if sure:
            self.variables[name] = value
        else:
            self.variables.setdefault(name, value)

    def _found(self, words: list[str]) -> None:
        """Note the variables that a command such as `probe` or `search` sets."""
        for place, word in enumerate(words):
            key, equals, value = word.partition("=")
            if key == "--set" or (key == "-s" and not equals):
                value = value if equals else (words[place + 1 : place + 2] or [""])[0]
                name = value.rpartition(":")[2]
                self.variables[name] = f"${{{name}}}"

    def _words(self, words: Iterable[str]) -> Iterator[str]:
        """Yield words without quotes, with the variables; one without quotes may be several."""
        for word in words:
            if not any(each in word for each in "\\'\"$"):
                yield word
                continue
            yield from self._parts(word)

    def _parts(self, word: str) -> Iterator[str]:
        found, quoted = [""], False
        for part in PART.finditer(word):
            if (name := part["long"] or part["short"]) is not None:
                first, *more = re.split(r"[ \t\n]+", _value(name, self.variables))
                found[-1] += first
                found += more
            elif part["single"] is not None:
                found[-1] += part["single"]
                quoted = True
            elif part["double"] is not None:
                found[-1] += self._in_double(part["double"])
                quoted = True
            else:
                found[-1] += part["plain"] or part["other"] or ""
        yield from found if quoted and len(found) == 1 else filter(None, found)

    def _in_double(self, text: str) -> str:
        def put(found: re.Match[str]) -> str:
            if found["plain"] is None:
                return _value(found["long"] or found["short"], self.variables)
            if found["plain"] == "\n":
                return ""
            return found["plain"] if found["plain"] in '$"\\' else found[0]

        return IN_DOUBLE.sub(put, text)
