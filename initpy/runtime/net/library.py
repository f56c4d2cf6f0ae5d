"""Import single modules of pyroute2 without its `__init__`, which would load all of them."""

import sys
from types import ModuleType

NAME = "pyroute2"


def prepare() -> None:
    """Make `import pyroute2.X` load X alone. Raises ImportError if the image has no pyroute2."""
    if NAME in sys.modules:
        return
    # In an image it is a folder without an `__init__`; the builder's probe has its own finder.
    specs = (finder.find_spec(NAME, None) for finder in sys.meta_path)
    found = next(filter(None, specs), None)
    if found is None or found.submodule_search_locations is None:
        raise ImportError(f"no {NAME} in this image", name=NAME)
    package = ModuleType(NAME)
    package.__path__ = list(found.submodule_search_locations)
    sys.modules[NAME] = package
