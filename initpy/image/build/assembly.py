"""Assembles an image's tree, and collects missing items and warnings."""

import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from initpy.image import process
from initpy.image.content import programs, udev
from initpy.image.content import shellaliases as aliases
from initpy.image.content.needs import Wanted
from initpy.image.formats.elf import Libraries, configured_folders, multiarch_folders
from initpy.image.missing import Missing, package_hint
from initpy.image.tree import Entry, File, Folder, Link, Tree, host_file, image_path

# ld.so's standard folders (ld.so(8)), with the multiarch folders built into Debian's loader.
STANDARD_FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/lib/*-linux-gnu*")

BUSYBOX = "busybox"


class Assembly:
    """Collects entries in one tree; copies nothing, and continues when an item is missing."""

    def __init__(self) -> None:
        self.tree = Tree()
        self.missing: list[Missing] = []
        self.warnings: list[str] = []
        self._applets: dict[str, str] = {}
        self._busybox = ""
        self._libraries = Libraries((*configured_folders(), *multiarch_folders()))

    def add_entries(self, entries: Mapping[str, Entry]) -> None:
        for path, entry in entries.items():
            self.tree.add(path, entry, replace=True)

    def add_programs(self, wanted: Iterable[programs.Named], *, required: bool = True) -> None:
        """Add programs by name or path; unless `required`, skip those not installed."""
        found, missing = programs.find_programs(tuple(wanted))
        for program in found:
            place = self.tree.add_host(program.path)
            if program.path.name == BUSYBOX and not self._busybox:
                self._busybox = place
                listing = process.run([str(program.path), "--list-full"])
                for path in programs.applets(listing):
                    self._applets.setdefault(path.rpartition("/")[2], path)
        if required:
            self.missing.extend(missing)

    def add_rules(self, wanted: Iterable[Wanted], own: Path) -> None:
        """Add udev rules with the programs that they call and the accounts that they name."""
        rules = udev.find_rules([(each.name, each.by) for each in wanted], own)
        self.missing.extend(rules.missing)
        for path in rules.files:
            if udev.is_hidden(path):
                self.warnings.append(f"{path} hides udev's rules of that name in the image, too")
            entry = File(b"") if udev.is_hidden(path) else File(path)
            self.tree.add(f"/usr/lib/udev/rules.d/{path.name}", entry)
        called = udev.mentions(rules.files)
        for program in called.programs:
            self._add_called(program, "udev rules")
        for table, names in (("/etc/passwd", called.owners), ("/etc/group", called.groups)):
            self.tree.add(table, File(_encoded(udev.account_lines(Path(table), names))))

    def add_files(self, wanted: Iterable[Wanted], optional: Iterable[Wanted]) -> None:
        """Add files of this machine at the same path in the image."""
        for each in wanted:
            if Path(each.name).exists():
                self.tree.add_host(Path(each.name))
            else:
                hint = "create it, or remove it from the file that names it"
                self.missing.append(Missing("file", each.name, each.by, hint))
        for each in optional:
            if self._is_usable(Path(each.name)):
                self.tree.add_host(Path(each.name))

    def add_own(self, base: str, paths: Iterable[str]) -> None:
        """Add those files of the machine whose root is at `base` that are there.

        A path may be a pattern: a folder may have files besides that are nobody's business here.
        """
        root = Path(base or "/")
        every = (
            each
            for path in paths
            for each in (sorted(root.glob(path[1:])) if "*" in path else [root / path[1:]])
        )
        for each in every:
            self._add_own(each, f"/{each.relative_to(root)}")

    def _add_own(self, source: Path, path: str) -> None:
        """Add a file of the machine, or what is usable in a folder; warn of the rest."""
        if udev.is_hidden(source):  # a link to /dev/null, which hides the system's file of the name
            self.tree.add(path, File(b""), replace=True)
        elif source.is_dir():
            self.tree.add(path, Folder(source.stat().st_mode & 0o755), replace=True)
            for each in sorted(source.iterdir()):
                self._add_own(each, f"{path}/{each.name}")
        elif self._is_usable(source):
            self.tree.add(path, host_file(source), replace=True)

    def _is_usable(self, path: Path) -> bool:
        """Return whether a file that need not be there is one; warn of what is none."""
        if not path.exists():
            return False
        if path.is_file() or path.is_dir():
            return True
        self.warnings.append(f"{path}: left out of the image, as it is neither a file nor a folder")
        return False

    def rewrite(self, path: str, change: Callable[[str], str]) -> tuple[str, str]:
        """Change the text of a file in the tree; return it before and after, "" without one."""
        entry = self.tree.get(path)
        if not isinstance(entry, File):
            return "", ""
        text = entry.read().decode(errors="surrogateescape")
        changed = change(text)
        source = changed.encode(errors="surrogateescape")
        self.tree.add(path, replace(entry, source=source), replace=True)
        return text, changed

    def add_placed(self, files: Iterable[tuple[Path, str]]) -> None:
        """Add files and folders of this machine at given paths, replacing entries there."""
        for source, path in files:
            if source.is_dir():
                self.tree.add(path, Folder(source.stat().st_mode & 0o755), replace=True)
                inside = sorted(source.iterdir())
                self.add_placed((each, f"{path}/{each.name}") for each in inside)
            elif source.is_file():
                self.tree.add(path, host_file(source), replace=True)
            else:
                self.missing.append(Missing("file", str(source), "the request", "create it"))

    def read_ahead(self) -> None:
        """Read the ELF files that are already in the tree, to save time in `close`."""
        self._libraries.closure(self._elves())

    def close(self, opened: Iterable[tuple[str, str]] = ()) -> None:
        """Add what the programs need: script interpreters, libraries, links to busybox.

        `opened` are (library, module that opens it) for libraries opened by name.
        """
        known: set[str] = set()
        # An interpreter may be a script.
        while new := [each for each in self.tree.items() if each[0] not in known]:
            known |= {path for path, _ in new}
            for path, entry in new:
                self._add_interpreters(path, entry)
        self._add_libraries(opened)
        self._add_applets()

    def _add_interpreters(self, path: str, entry: Entry) -> None:
        """Add what a script of this machine starts with."""
        if not (isinstance(entry, File) and isinstance(entry.source, Path) and entry.mode & 0o111):
            return
        with entry.source.open("rb") as file:
            first = file.readline(programs.LONGEST_FIRST_LINE)
        if programs.has_carriage_return(first):
            self.warnings.append(
                f"script {path}: its first line ends with a carriage return: it does not start"
            )
        for interpreter in programs.interpreters_of(first):
            self._add_called(interpreter, f"script {path}")

    def _add_called(self, program: str, by: str) -> None:
        """Add a program that a script or rule calls, unless busybox has it; warn if missing."""
        name = program.rpartition("/")[2]
        if name in self._applets or (program.startswith("/") and program in self.tree):
            return
        found = programs.find_program(program)
        if found is None:
            self.warnings.append(f"{by}: {program} is not installed: {package_hint(program)}")
        else:
            self.tree.add_host(found)

    def _elves(self) -> list[Path]:
        """Return the sources of the ELF files in the tree, except kernel modules."""
        sources = [
            entry.source
            for path, entry in self.tree.items()
            if isinstance(entry, File)
            and isinstance(entry.source, Path)
            and not path.startswith(("/usr/lib/modules/", "/usr/lib/firmware/"))
        ]
        return [source for source in sources if self._libraries.read(source) is not None]

    def _add_libraries(self, opened: Iterable[tuple[str, str]]) -> None:
        libraries = self._libraries
        elves = self._elves()
        for name, by in opened:
            # The first file may be of another kind than Python: built for musl, or 32 bits wide.
            found = next(filter(None, (libraries.find(name, elf, ()) for elf in elves)), None)
            if found is None:
                self.missing.append(Missing("library", name, by, "install its package"))
            else:
                elves.append(found)
                self.tree.add_host(found)
        closure = libraries.closure(elves)
        self.missing.extend((*closure.missing, *libraries.damaged))
        self.warnings += [
            f"{each.wanted_by} opens {each.opened.names[0]}, which is not installed: "
            f"{each.opened.reason}"
            for each in closure.lacking
        ]
        places = [self.tree.add_host(path) for path in closure.paths]
        elsewhere = {str(Path(place).parent) for place in places if _needs_search(place)}
        if elsewhere:
            text = "".join(f"{folder}\n" for folder in sorted(elsewhere))
            self.tree.add("/etc/ld.so.conf", File(os.fsencode(text)), replace=True)

    def _add_applets(self) -> None:
        """Add a link to busybox for each applet without a program of its name in the image.

        For the others, add an alias to the shell's aliases.
        """
        real = {
            path.rpartition("/")[2]: path
            for folder in ("/usr/bin/", "/usr/sbin/")  # the latter comes first in PATH
            for path, _ in self.tree.items()
            if path.startswith(folder)
        }
        for name, path in self._applets.items():
            if name not in real:
                self.tree.add(image_path(path), Link(self._busybox))
        here = programs.find_program(BUSYBOX)
        if here is not None and (text := aliases.text(self._applets, real, here)):
            self.tree.add(aliases.PATH, File(text.encode()))


def _encoded(text: str) -> bytes:
    """Return the bytes of a file of this machine, in whatever encoding it is."""
    return text.encode("utf-8", "surrogateescape")


def _needs_search(place: str) -> bool:
    """Return whether ld.so finds a library only through ld.so.conf.

    Libraries in a sub-folder of a standard folder were found through a RUNPATH, which works in the
    image too, or are opened by path.
    """
    folder = Path(place).parent
    below = ("/usr/lib", "/usr/lib64")
    if any(folder.match(pattern) for pattern in STANDARD_FOLDERS):
        return False
    return not any(folder.is_relative_to(start) for start in below)
