"""Reads depmod's text files for a kernel, and selects modules with all their dependencies."""

import fnmatch
import re
from collections.abc import Collection, Container, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

from initpy.config.textlines import lines
from initpy.image.missing import IncompleteError, Missing

# modprobe.d(5): the administrator's options, blacklists and softdeps, then the distribution's.
MODPROBE_FOLDERS = tuple(
    Path(f"{each}/modprobe.d") for each in ("/etc", "/run", "/usr/local/lib", "/usr/lib")
)
# Of the image, the blacklist of network cards' drivers. PID 1 removes it when the command line asks
# for a network (runtime/coldplug.py).
IDLE_NETWORK = "/usr/lib/modprobe.d/initpy-idle-network.conf"

# Drivers of hardware that accelerates ciphers.
ACCELERATORS = "kernel/drivers/crypto/"

WILDCARD = re.compile(r"[*?[]")
SUFFIXES = re.compile(r"\.ko(\.(xz|zst|gz))?$")


class Need(Enum):
    """How serious it is if a kernel lacks a module; releases and architectures differ a lot."""

    REQUIRED = "the image cannot be built"
    TECHNOLOGY = "a technology does not work: a warning"
    OPTIONAL = "nothing"


@dataclass(frozen=True, slots=True)
class Want:
    """A wanted module, by name or alias, or a folder below kernel/, with a slash at its end."""

    what: str
    by: str
    need: Need = Need.REQUIRED


@dataclass(frozen=True, slots=True)
class SoftDependencies:
    pre: tuple[str, ...]
    post: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class ModuleIndex:
    """One kernel's modules, from modules.dep and depmod's other files."""

    folder: Path
    paths: Mapping[str, str]  # name -> path below the folder
    dependencies: Mapping[str, tuple[str, ...]]  # name -> names, all levels
    soft: Mapping[str, SoftDependencies]
    builtin: frozenset[str]
    aliases: Mapping[str, tuple[str, ...]]  # alias without wildcards -> names
    patterns: Mapping[str, tuple[str, ...]]  # alias with wildcards -> names
    builtin_aliases: frozenset[str]
    # Device aliases such as `pci:v00008086d*`, by bus (the text before the colon): (pattern, name);
    # an empty name means built in.
    buses: Mapping[str, tuple[tuple[str, str], ...]] = field(default_factory=dict)
    # A kernel without modules (CONFIG_MODULES=n): all that it has is built in.
    monolithic: bool = False

    def resolve(self, name: str) -> tuple[str, ...] | None:
        """Return the modules for a name, an alias or a device's modalias.

        () if it is built into the kernel, None if unknown.
        """
        if self.monolithic:
            return ()
        if ":" in name:
            return self._serving(name)
        plain = canonical(name)
        if plain in self.paths:
            return (plain,)
        if plain in self.builtin:
            return ()
        if found := self.aliases.get(name) or self.aliases.get(plain):
            return found
        if name in self.builtin_aliases or plain in self.builtin_aliases:
            return ()
        matching = [
            module
            for pattern, modules in self.patterns.items()
            if fnmatch.fnmatchcase(name, pattern)
            for module in modules
        ]
        return tuple(dict.fromkeys(matching)) or None

    def without_accelerators(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """Drop hardware accelerators from several modules for one algorithm.

        `modprobe aes` fails if one of the modules finds no hardware.
        """
        common = tuple(name for name in names if not self.paths[name].startswith(ACCELERATORS))
        return common or names

    def _serving(self, device: str) -> tuple[str, ...] | None:
        """Return the drivers whose aliases match a device's modalias."""
        patterns = self.buses.get(device.partition(":")[0], ())
        found = [
            module
            for pattern, module in patterns
            # Most of the thousands of patterns differ before their first wildcard.
            if device.startswith(WILDCARD.split(pattern, 1)[0])
            and fnmatch.fnmatchcase(device, pattern)
        ]
        return tuple(dict.fromkeys(name for name in found if name)) if found else None

    def below(self, folder: str) -> tuple[str, ...] | None:
        """Return the modules in a folder below kernel/; None if there is no such folder."""
        if self.monolithic:
            return ()
        prefix = f"kernel/{folder}"
        found = tuple(name for name, path in self.paths.items() if path.startswith(prefix))
        if not found and not (self.folder / prefix).is_dir():
            return None
        return found + self._replaced(self.folder / prefix)

    def _replaced(self, folder: Path) -> tuple[str, ...]:
        """Return the modules that modules from elsewhere replace (DKMS: depmod.d(5))."""
        elsewhere = [name for name, path in self.paths.items() if not path.startswith("kernel/")]
        if not elsewhere:
            return ()
        own = {module_name(path.name) for path in folder.rglob("*.ko*")}
        return tuple(name for name in elsewhere if name in own)


@dataclass(frozen=True, slots=True)
class Selection:
    """The selected modules, by path below the index's folder, and those not found."""

    paths: tuple[str, ...]
    missing: tuple[Missing, ...]
    absent: tuple[Want, ...] = ()  # not found, but not required


def canonical(name: str) -> str:
    """Return a module name with underscores: kmod treats dashes and underscores alike."""
    return name.replace("-", "_")


def configuration(folders: Iterable[Path] = MODPROBE_FOLDERS) -> tuple[Path, ...]:
    """Return modprobe's files in its order; of files with one name, the first folder's."""
    found: dict[str, Path] = {}
    for folder in folders:
        for path in folder.glob("*.conf"):
            found.setdefault(path.name, path)
    return tuple(path for _, path in sorted(found.items()))


def read_index(folder: Path, configured: Iterable[Path] = ()) -> ModuleIndex:
    """Read a /lib/modules/VERSION folder, and softdeps from modprobe's `configured` files.

    Without any module, all that the kernel has is built in.
    """
    table = folder / "modules.dep"
    text = table.read_text("utf-8", "replace") if table.is_file() else ""
    lines = [line.split(":", 1) for line in text.splitlines() if ":" in line]
    empty = not any(SUFFIXES.search(path.name) for path in folder.rglob("*.ko*"))
    if empty and not table.is_file():
        return _without_modules(folder)
    paths = {module_name(path): path for path, _ in lines}
    # depmod writes a line for each module; a full disk, or its death, leaves a part of them.
    if (not lines and not empty) or any(
        module_name(path) not in paths for _, rest in lines for path in rest.split()
    ):
        hint = f"run `depmod {folder.name}`, and build again"
        name = f"{table} (incomplete)" if table.is_file() else str(table)
        raise IncompleteError([Missing("file", name, "the kernel modules", hint)])
    dependencies = {
        module_name(path): tuple(module_name(needed) for needed in rest.split())
        for path, rest in lines
    }
    aliases, patterns, devices = _read_aliases(folder / "modules.alias", paths)
    builtin = _read_builtin_aliases(folder / "modules.builtin.modinfo")
    devices += [(alias, "") for alias in builtin if ":" in alias]
    return ModuleIndex(
        folder=folder,
        paths=paths,
        dependencies=dependencies,
        soft=_read_soft((*(folder / name for name in SOFT), *configured)),
        builtin=frozenset(module_name(line) for line in _lines(folder / "modules.builtin")),
        aliases=aliases,
        patterns=patterns,
        builtin_aliases=builtin,
        buses=_by_bus(devices),
    )


def _without_modules(folder: Path) -> ModuleIndex:
    empty = frozenset[str]()
    return ModuleIndex(folder, {}, {}, {}, empty, {}, {}, empty, monolithic=True)


def select(index: ModuleIndex, wanted: Iterable[Want], without: Iterable[str] = ()) -> Selection:
    """Select the wanted modules and, to any depth, their dependencies and softdeps.

    `without` excludes names and folders from wanted folders. A module that a selected one depends
    on is selected all the same.
    """
    excluded = _excluded(index, without)
    chosen: set[str] = set()
    missing: list[Missing] = []
    absent: list[Want] = []
    for want in wanted:
        names = _named(index, want.what, excluded)
        if names is None and want.need is not Need.REQUIRED:
            absent.append(want)
            continue
        if names is None:
            kind = "module folder" if want.what.endswith("/") else "module"
            hint = f"kernel {index.folder.name} has no such {kind}"
            missing.append(Missing(kind, want.what, want.by, hint))
            continue
        chosen.update(names)
    _complete(index, chosen)
    paths = tuple(sorted(index.paths[name] for name in chosen))
    missing.extend(_gone(index, paths))
    return Selection(paths, tuple(missing), tuple(dict.fromkeys(absent)))


def idle(index: ModuleIndex, paths: Iterable[str], names: Iterable[str]) -> tuple[str, ...]:
    """Return the modules with names or folders in `names` that udev would load for a device."""
    buses = (pairs for bus, pairs in index.buses.items() if bus != "devname")  # nodes in /dev
    drivers = {module for pairs in buses for _, module in pairs}
    found = {each for name in names for each in _named(index, name, frozenset()) or ()}
    chosen = {module_name(path) for path in paths}
    return tuple(sorted(found & drivers & chosen))


def _named(index: ModuleIndex, what: str, excluded: Collection[str]) -> tuple[str, ...] | None:
    """Return the modules for a name, an alias or a folder; None if the kernel has none."""
    if what.endswith("/"):
        found = index.below(what)
        return None if found is None else tuple(n for n in found if n not in excluded)
    found = index.resolve(what)
    return None if found is None else index.without_accelerators(found)


def _gone(index: ModuleIndex, paths: Iterable[str]) -> Iterable[Missing]:
    """Yield the files that modules.dep lists and that do not exist, as after a partial removal."""
    hint = f"reinstall the kernel, or run `depmod {index.folder.name}`"
    for path in paths:
        if not (index.folder / path).is_file():
            yield Missing("module file", path, str(index.folder / "modules.dep"), hint)


def _complete(index: ModuleIndex, chosen: set[str]) -> None:
    """Add all dependencies to `chosen`. Ignore softdeps that the kernel lacks."""
    todo = list(chosen)
    while todo:
        name = todo.pop()
        soft = index.soft.get(name, SoftDependencies((), ()))
        needed = list(index.dependencies.get(name, ()))
        for alias in (*soft.pre, *soft.post):
            needed.extend(index.resolve(alias) or ())
        for other in needed:
            if other not in chosen and other in index.paths:
                chosen.add(other)
                todo.append(other)


def _excluded(index: ModuleIndex, without: Iterable[str]) -> set[str]:
    excluded: set[str] = set()
    for what in without:
        if what.endswith("/"):
            excluded.update(index.below(what) or ())
        else:
            excluded.add(canonical(what))
    return excluded


SOFT = ("modules.softdep", "modules.weakdep")  # depmod's; the latter since kmod 33


def module_name(path: str) -> str:
    """Return the name of the module in a file, as the kernel spells it."""
    return canonical(SUFFIXES.sub("", path.strip().rpartition("/")[2]))


def _lines(path: Path) -> list[str]:
    return path.read_text("utf-8", "replace").splitlines() if path.is_file() else []


def modprobe_words(text: str) -> Iterator[list[str]]:
    """Yield the words of each line of modprobe.d(5); a backslash at its end continues a line."""
    yield from filter(None, map(str.split, lines(text.replace("\\\n", " "))))


def _read_soft(paths: Iterable[Path]) -> dict[str, SoftDependencies]:
    """Read lines such as `softdep name pre: a b post: c` and `weakdep name a` (modprobe.d(5)).

    The driver itself asks for the latter when it needs them: an image has them for that.
    """
    found: dict[str, SoftDependencies] = {}
    for words in (each for path in paths for each in modprobe_words("\n".join(_lines(path)))):
        if len(words) < 3 or words[0] not in ("softdep", "weakdep"):
            continue
        lists: dict[str, list[str]] = {"pre:": [], "post:": []}
        into: list[str] = lists["post:"] if words[0] == "weakdep" else []
        for word in words[2:]:
            if word in lists:
                into = lists[word]
            else:
                into.append(word)
        name = canonical(words[1])
        before = found.get(name, SoftDependencies((), ()))
        found[name] = SoftDependencies(
            (*before.pre, *lists["pre:"]), (*before.post, *lists["post:"])
        )
    return found


Table = dict[str, tuple[str, ...]]


def _read_aliases(path: Path, known: Container[str]) -> tuple[Table, Table, list[tuple[str, str]]]:
    """Read `alias PATTERN MODULE` lines: exact aliases, patterns, and aliases of devices.

    kmod passes over a module that is not `known` from modules.dep.
    """
    exact: Table = {}
    patterns: Table = {}
    devices: list[tuple[str, str]] = []
    for line in _lines(path):
        words = line.split()
        if len(words) != 3 or words[0] != "alias":
            continue
        _, alias, module = words
        if canonical(module) not in known:
            continue
        if ":" in alias:
            devices.append((alias, canonical(module)))
        elif WILDCARD.search(alias):
            patterns[alias] = (*patterns.get(alias, ()), canonical(module))
        else:
            exact[alias] = (*exact.get(alias, ()), canonical(module))
    return exact, patterns, devices


def _by_bus(devices: Iterable[tuple[str, str]]) -> dict[str, tuple[tuple[str, str], ...]]:
    found: dict[str, list[tuple[str, str]]] = {}
    for pattern, module in devices:
        found.setdefault(pattern.partition(":")[0], []).append((pattern, module))
    return {bus: tuple(pairs) for bus, pairs in found.items()}


def _read_builtin_aliases(path: Path) -> frozenset[str]:
    """Read `module.alias=NAME` records, split by zero bytes (Documentation/kbuild/kbuild.rst)."""
    if not path.is_file():
        return frozenset()
    records = path.read_bytes().decode(errors="replace").split("\0")
    found = (record.partition(".alias=") for record in records)
    return frozenset(alias for _, separator, alias in found if separator)
