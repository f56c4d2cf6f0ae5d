"""A script for the image's interpreter: import what the image runs, and list the loaded modules.

The builder starts it as a script, isolated and without site-packages, as PID 1 will run. It imports
only `sys`: every module that it imported would go into the image.

Standard input has one instruction a line, words separated by tabs:
    locate  NAME FOLDER   the top-level package NAME is in FOLDER
    block   NAME          make imports of NAME fail
    require NAME          import NAME and report a failure
    try     NAME          import NAME and ignore a failure
Standard output has one result a line:
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
    """Finds packages in the given folders, and makes imports of blocked ones fail."""

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
            raise ModuleNotFoundError(f"{name} is excluded from images", name=name)
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
            # An import may raise anything; the builder reports all failures.
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
    """Return the words of a result line for a loaded module; None if it has no file."""
    spec = getattr(module, "__spec__", None)
    if spec is None or name != spec.name:
        return None
    # Built-in and frozen modules are part of the interpreter.
    if not spec.has_location or spec.origin is None:
        return None
    kind = "source" if spec.origin.endswith(".py") else "extension"
    package = "package" if spec.submodule_search_locations is not None else "module"
    return name, kind, package, spec.origin


if __name__ == "__main__":
    main()
