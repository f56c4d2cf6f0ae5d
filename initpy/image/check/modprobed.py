"""Reads what modprobe.d(5) of an image forbids, and which modules it makes of an alias.

As libkmod reads it: the first folder's file of a name hides the others of that name, a link to
/dev/null too; a backslash at the end of a line continues it; a line without all its words is none.
"""

import fnmatch
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from initpy.image.check.loading import in_words
from initpy.image.content.reduced import FORBIDDING
from initpy.image.formats.archive import Archive
from initpy.image.kernel.kmod import canonical, modprobe_words
from initpy.image.tree import File

# In the order in which libkmod looks.
FOLDERS = ("/etc", "/run", "/usr/local/lib", "/usr/lib", "/lib")
INSTALL = "install"
IGNORING, SHELL = ("--ignore-install", "-i"), "/bin/sh"
# Command -> how many words it needs at least.
WORDS = {"blacklist": 2, INSTALL: 3, "alias": 3, "options": 3}


@dataclass(frozen=True, slots=True)
class Settings:
    """What modprobe.d(5) says, each with the file that says it; names as the kernel spells them."""

    # Module, or alias for `install` -> (command, file)
    forbidden: dict[str, tuple[str, str]] = field(default_factory=dict)
    aliases: tuple[tuple[str, str, str], ...] = ()  # (pattern, module, file)
    # Module -> its parameters: (name, value, file)
    options: Mapping[str, list[tuple[str, str | None, str]]] = field(default_factory=dict)

    def called(self, name: str) -> tuple[tuple[str, ...], str]:
        """Return the modules that these files make of an alias, and the file that says so."""
        found = [each for each in self.aliases if fnmatch.fnmatchcase(canonical(name), each[0])]
        return tuple(module for _, module, _ in found), found[0][2] if found else ""


def read(archive: Archive, besides: str) -> Settings:
    """Read the files of an image but `besides`."""
    forbidden: dict[str, tuple[str, str]] = {}
    aliases: list[tuple[str, str, str]] = []
    options: dict[str, list[tuple[str, str | None, str]]] = {}
    for path, words in _lines(archive, besides):
        if len(words) < WORDS.get(words[0], len(words) + 1):
            continue
        if words[0] == INSTALL and _loads_it(archive, words):
            continue
        if words[0] in FORBIDDING and forbidden.get(canonical(words[1]), ("",))[0] != INSTALL:
            forbidden[canonical(words[1])] = (words[0], path)
        elif words[0] == "alias":
            aliases.append((canonical(words[1]), canonical(words[2]), path))
        elif words[0] == "options":
            given = ((name, value, path) for name, value in in_words(words[2:]))
            options.setdefault(canonical(words[1]), []).extend(given)
    return Settings(forbidden, tuple(aliases), options)


def _loads_it(archive: Archive, words: list[str]) -> bool:
    """Return whether the command of an `install` line begins with the module itself."""
    program, name = words[2], canonical(words[1])
    end = next((place for place, word in enumerate(words) if set(word) & {*"&|;"}), len(words))
    rest = words[3:end]
    ignores = any(each in IGNORING for each in rest)
    itself = any(canonical(each) == name for each in rest)
    if not (program.rpartition("/")[2] == "modprobe" and ignores and itself):
        return False
    path = program if program.startswith("/") else "/sbin/modprobe"
    return path in archive and SHELL in archive  # libkmod has a shell run the command


def _lines(archive: Archive, besides: str) -> Iterator[tuple[str, list[str]]]:
    for path in _files(archive):
        entry = archive.get(path) if path != besides else None
        text = entry.read().decode("utf-8", "replace") if isinstance(entry, File) else ""
        for words in modprobe_words(text):
            yield path, words


def _files(archive: Archive) -> Iterator[str]:
    """Yield the files that count, by name."""
    found: dict[str, str] = {}
    for folder in (f"{each}/modprobe.d/" for each in FOLDERS):
        for path in archive.entries:
            name = path.removeprefix(folder)
            if path.startswith(folder) and "/" not in name and name.endswith(".conf"):
                found.setdefault(name, path)
    yield from (found[name] for name in sorted(found))
