"""Import modules at their first use that hardly any boot uses. Standard library only.

The standard library imports these for rare needs, most of them error messages and debugging, and
each boot waits for its imports. A stand-in takes the place of such a module until somebody asks it
for something.
"""

import sys
from types import ModuleType

# They are imported by asyncio, dataclasses, traceback and subprocess, which use them in functions.
SELDOM_USED = ("inspect", "textwrap", "tokenize", "locale", "asyncio.sslproto")


class Later(ModuleType):
    """The stand-in for a module; it has the module's content from the first use on."""

    def __getattr__(self, name: str) -> object:
        from importlib import import_module

        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        module = import_module(self.__name__)
        self.__dict__.update(vars(module))
        return getattr(module, name)


def postpone(names: tuple[str, ...] = SELDOM_USED) -> None:
    """Put a stand-in in the place of each of these modules that is not imported yet."""
    for name in names:
        sys.modules.setdefault(name, Later(name))
