"""Run by the interpreter that goes into the image: import what the image runs, list what that took.

Not a part of the builder's own process: it is started as a script, isolated
and without site-packages, so that it sees what PID 1 will see. It imports
nothing but `sys` itself, because whatever it imported would end up in the
image.

Standard input has one instruction a line, words separated by tabs:
    locate  NAME FOLDER   the top-level package NAME is in FOLDER
    block   NAME          NAME cannot be imported
    require NAME          import NAME; a failure is reported
    try     NAME          import NAME; a failure is no matter
Standard output has one finding a line:
    module  NAME KIND SHAPE PATH   KIND is source or extension, SHAPE package or module
    failed  NAME MESSAGE
"""

import sys

TYPE_CHECKING = False  # `typing` would end up in the image
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType


class Located:
    """Finds the named packages where the builder said, and refuses the blocked ones."""

    def __init__(self) -> None:
        self.folders: dict[str, str] = {}
        self.blocked: set[str] = set()

    def find_spec(
        self,
        name: str,
        path: "Sequence[str] | None" = None,
        target: "ModuleType | None" = None,
    ) -> "ModuleSpec | None":
        if name in self.blocked:
            raise ModuleNotFoundError(f"{name} is left out of images", name=name)
        if path is None and name in self.folders:
            ordinary = sys.meta_path[-1]  # importlib.machinery.PathFinder
            return ordinary.find_spec(name, [self.folders[name]], target)
        return None


def main() -> None:
    located = Located()
    sys.meta_path.insert(0, located)
    failures: list[tuple[str, str]] = []
    for line in sys.stdin.read().splitlines():
        what, *words = line.split("\t")
        if what == "locate":
            located.folders[words[0]] = words[1]
        elif what == "block":
            located.blocked.add(words[0])
        else:
            # Anything may go wrong while a module runs; the builder wants to hear of all of it.
            try:
                __import__(words[0])
            except Exception as error:  # noqa: BLE001
                if what == "require":
                    failures.append((words[0], f"{type(error).__name__}: {error}"))
    for name, module in sorted(sys.modules.items()):
        described = describe(name, module)
        if described is not None:
            print("module", *described, sep="\t")  # noqa: T201
    for name, message in failures:
        print("failed", name, message.replace("\n", " "), sep="\t")  # noqa: T201


def describe(name: str, module: "ModuleType") -> tuple[str, str, str, str] | None:
    """One line's words about a loaded module; None for what needs no file."""
    spec = getattr(module, "__spec__", None)
    if spec is None or name != spec.name:
        return None
    # What is built in or frozen comes with the interpreter's own file.
    if not spec.has_location or spec.origin is None:
        return None
    kind = "source" if spec.origin.endswith(".py") else "extension"
    package = "package" if spec.submodule_search_locations is not None else "module"
    return name, kind, package, spec.origin


if __name__ == "__main__":
    main()
