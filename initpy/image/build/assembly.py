"""An image being put together: the tree, what is missing so far, what is worth a warning."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from pathlib import Path

from initpy.image import process
from initpy.image.content import programs, udev
from initpy.image.content import shellaliases as aliases
from initpy.image.content.needs import Wanted
from initpy.image.formats.elf import Libraries, configured_folders
from initpy.image.missing import Missing, package_hint
from initpy.image.tree import Entry, File, Folder, Link, Tree, host_file, image_path

# Where ld.so looks without being told (ld.so(8)), the multiarch folders of
# Debian included, which its loader has built in.
STANDARD_FOLDERS = ("/usr/lib", "/usr/lib64", "/usr/lib/*-linux-gnu*")

BUSYBOX = "busybox"


class Assembly:
    """Collects into one tree. Nothing is copied, and nothing missing stops the collecting."""

    def __init__(self) -> None:
        self.tree = Tree()
        self.missing: list[Missing] = []
        self.warnings: list[str] = []
        self._applets: dict[str, str] = {}
        self._busybox = ""
        self._libraries = Libraries(configured_folders())

    def add_entries(self, entries: Mapping[str, Entry]) -> None:
        for path, entry in entries.items():
            self.tree.add(path, entry, replace=True)

    def add_programs(self, wanted: Iterable[programs.Named], *, required: bool = True) -> None:
        """Programs by name or path; those that need not be there are passed over."""
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
        """udev rules with the programs they call and the accounts they name."""
        rules = udev.find_rules([(each.name, each.by) for each in wanted], own)
        self.missing.extend(rules.missing)
        for path in rules.files:
            self.tree.add(f"/usr/lib/udev/rules.d/{path.name}", File(path))
        called = udev.mentions(rules.files)
        for program in called.programs:
            self._add_called(program, f"udev rules that call {program}")
        for table, names in (("/etc/passwd", called.owners), ("/etc/group", called.groups)):
            self.tree.add(table, File(udev.account_lines(Path(table), names).encode()))

    def add_files(self, wanted: Iterable[Wanted], optional: Iterable[Wanted]) -> None:
        """Files of this machine at the same path in the image."""
        for each in wanted:
            if Path(each.name).exists():
                self.tree.add_host(Path(each.name))
            else:
                hint = "create it, or take it out of the file that names it"
                self.missing.append(Missing("file", each.name, each.by, hint))
        for each in optional:
            if Path(each.name).exists():
                self.tree.add_host(Path(each.name))

    def rewrite(self, path: str, change: Callable[[str], str]) -> None:
        """Put a changed text in the place of one that was taken from this machine, if it was."""
        entry = self.tree.get(path)
        if isinstance(entry, File):
            text = entry.read().decode(errors="surrogateescape")
            changed = change(text).encode(errors="surrogateescape")
            self.tree.add(path, replace(entry, source=changed), replace=True)

    def add_placed(self, files: Iterable[tuple[Path, str]]) -> None:
        """Files and folders of this machine at any path in the image, before everything else."""
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
        """Read what `close` will ask of the files that are here, which takes a while."""
        self._libraries.closure(self._elves())

    def close(self, opened: Iterable[tuple[str, str]] = ()) -> None:
        """Add what the programs need: script interpreters, libraries, busybox's links.

        `opened` are (library, who opens it) for libraries opened by name.
        """
        for path, entry in list(self.tree.items()):
            if isinstance(entry, File) and isinstance(entry.source, Path) and entry.mode & 0o111:
                interpreter = programs.script_interpreter(entry.source)
                if interpreter is not None:
                    self._add_called(interpreter, f"the script {path}")
        self._add_libraries(opened)
        self._add_applets()

    def _add_called(self, program: str, by: str) -> None:
        """A program that something calls: busybox's will do, and absence is only reported."""
        name = program.rpartition("/")[2]
        if name in self._applets or (program.startswith("/") and program in self.tree):
            return
        found = programs.find_program(program)
        if found is None:
            self.warnings.append(f"{program} is not there for {by}: {package_hint(program)}")
        else:
            self.tree.add_host(found)

    def _elves(self) -> list[Path]:
        """The programs and libraries that are here."""
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
            found = next((libraries.find(name, elf, ()) for elf in elves), None)
            if found is None:
                self.missing.append(Missing("library", name, by, "install its package"))
            else:
                elves.append(found)
                self.tree.add_host(found)
        closure = libraries.closure(elves)
        self.missing.extend((*closure.missing, *libraries.damaged))
        self.warnings += [
            f"{each.wanted_by} opens {each.opened.names[0]}, which is not here: "
            f"{each.opened.reason}"
            for each in closure.lacking
        ]
        places = [self.tree.add_host(path) for path in closure.paths]
        elsewhere = {str(Path(place).parent) for place in places if _needs_search(place)}
        if elsewhere:
            text = "".join(f"{folder}\n" for folder in sorted(elsewhere))
            self.tree.add("/etc/ld.so.conf", File(text.encode()), replace=True)

    def _add_applets(self) -> None:
        """Links to busybox for each applet of which the image has no real program.

        For the others aliases in its shell.
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


def _needs_search(place: str) -> bool:
    """Whether ld.so finds a library only because ld.so.conf names its folder.

    Libraries below a standard folder were found through their users' RUNPATH,
    which holds in the image as well, or are opened by path.
    """
    folder = Path(place).parent
    below = ("/usr/lib", "/usr/lib64")
    if any(folder.match(pattern) for pattern in STANDARD_FOLDERS):
        return False
    return not any(folder.is_relative_to(start) for start in below)
