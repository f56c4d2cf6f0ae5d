"""Tells which programs that command lines name with `init=` the described root has."""

from collections.abc import Iterable, Iterator

from initpy.image.stack.system import System

PRESENT, ABSENT = "inits", "absent inits"  # facts of the root's file system, one path a line


def facts(system: System, base: str, named: Iterable[str | None]) -> Iterator[tuple[str, str]]:
    """Yield both facts of a root that is mounted at `base` ("" for the running system's)."""
    paths = dict.fromkeys(each for each in named if each)
    there = [each for each in paths if _is_there(system, base, each)]
    yield PRESENT, "\n".join(there)
    yield ABSENT, "\n".join(each for each in paths if each not in there)


def _is_there(system: System, base: str, path: str) -> bool:
    if not base:
        return system.real(path) is not None
    # An absolute link leads out of a root that is mounted elsewhere: only the name is looked for.
    folder, _, name = path.rpartition("/")
    return name in system.names(f"{base}{folder}") or system.real(f"{base}{path}") is not None
