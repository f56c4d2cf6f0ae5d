"""The order of entries in the archive: what is alike lies side by side, where compression sees it.

A compressor looks back over some megabytes only. Programs and libraries first, largest first,
because machine code of one maker repeats itself most; then the kernel's modules folder by folder,
then Python's bytecode, then texts: 2 to 3 % smaller than the order of the paths.
"""

from collections.abc import Iterable

from initpy.image.tree import Entry, File, Folder

CODE = ("/usr/bin/", "/usr/sbin/", "/usr/lib/", "/usr/lib64/")
MODULES = ("/usr/lib/modules/", "/usr/lib/firmware/")


def arranged(entries: Iterable[tuple[str, Entry]]) -> list[tuple[str, Entry]]:
    """The entries with folders first, as the kernel makes no parents, then by kind."""
    return sorted(entries, key=_place)


def _place(item: tuple[str, Entry]) -> tuple[int, int, str]:
    path, entry = item
    if isinstance(entry, Folder):
        return (0, 0, path)
    if not isinstance(entry, File):
        return (1, 0, path)
    if path.startswith(MODULES):
        return (3, 0, path)
    if path.endswith((".pyc", ".py")):
        return (4, 0, path)
    # Programs, and libraries, which few distributions make executable.
    if path.startswith(CODE) and (entry.mode & 0o111 or ".so" in path.rpartition("/")[2]):
        return (2, -entry.size(), path)
    return (5, 0, path)
