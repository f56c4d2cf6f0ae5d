"""Makes User Mode Linux run on processors with more registers than it knows of: see xstate.c."""

import shutil
import tempfile
from functools import cache
from pathlib import Path

from initpy.image.process import ToolError, run
from initpy.lab.cache import cache_folder, digest
from initpy.lab.errors import LabError

_SOURCE = Path(__file__).with_name("xstate.c")
_COMPILER = "gcc"
# The processor's flag for registers that User Mode Linux before 6.13 has no room for.
_TOO_MANY = "amx_tile"
_HELP = "\n  try: apt-get install gcc libc6-dev"


@cache
def needs_help(processors: Path = Path("/proc/cpuinfo")) -> bool:
    """Return whether User Mode Linux panics here at its first process (proc_cpuinfo(5))."""
    lines = processors.read_text().splitlines()
    return any(_TOO_MANY in line.split() for line in lines if line.startswith("flags"))


def preloaded() -> list[str]:
    """Return the words for env(1) that help User Mode Linux: none where it needs no help.

    Raises LabError if the library that helps cannot be compiled.
    """
    return [f"LD_PRELOAD={_library()}"] if needs_help() else []


def _library() -> Path:
    library = cache_folder("uml") / f"xstate-{digest([_SOURCE.read_bytes()])}.so"
    if not library.exists():
        if shutil.which(_COMPILER) is None:
            raise LabError(
                "a processor with AMX needs a library that is to be compiled, and there is no "
                f"{_COMPILER}{_HELP}"
            )
        with tempfile.TemporaryDirectory(dir=library.parent) as folder:
            made = Path(folder, library.name)
            words = [_COMPILER, "-O2", "-shared", "-fPIC", "-o", str(made), str(_SOURCE), "-ldl"]
            try:
                run(words)
            except ToolError as error:
                raise LabError(f"cannot help User Mode Linux on this processor: {error}{_HELP}"
                               ) from error  # fmt: skip
            made.replace(library)
    return library
