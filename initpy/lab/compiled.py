"""Makes a copy of initpy whose core and busiest simulator modules are compiled with mypyc.

mypyc, a part of mypy, translates the same source to C; simulated worlds take half the time. Images
never contain the compiled copy.
"""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from initpy.config.errors import InputError
from initpy.config.project import PROJECT
from initpy.lab.cache import cache_folder, locked, tree_digest

# Modules of the core that mypyc cannot compile: an enumeration whose members have an __init__, a
# buffer of an unsupported type, and unions that are wider for the type checker than at run time.
NOT_OF_THE_CORE = ("__init__", "instance", "secret", "actions", "events")
OF_THE_SIMULATION = (
    "kernel/disks", "kernel/dm", "kernel/md", "kernel/md_sysfs", "kernel/probe", "kernel/process",
    "kernel/udev",
    "machine/engine", "machine/monitor", "machine/users", "machine/pid1",
    "tools/luks", "tools/lvm", "tools/mdadm", "tools/table",
    "world/agenda", "world/random_faults", "world/redundancy", "world/terminals", "world/waits",
    "world/world",
)  # fmt: skip
BESIDE = ("build", "jobs", "qemu", "rules", "tests")  # the project's folders that initpy reads
OPTIMISATION = "MYPYC_OPT_LEVEL"  # mypyc's variable, default 3
NEEDED = "mypy and a C compiler (pip install mypy; apt install gcc libc6-dev python3-dev)"


def is_compiled() -> bool:
    """Return whether this process runs the compiled copy."""
    found = importlib.util.find_spec("initpy.core.boot")
    return found is not None and not str(found.origin).endswith(".py")


def compiled_path(progress: Callable[[str], None]) -> Path:
    """Return the folder to put first in PYTHONPATH; compile once for each state of the source.

    Raises InputError if the compilation is impossible here; the message says what is missing.
    """
    try:
        compiler = version("mypy")
    except PackageNotFoundError:
        raise InputError("--compiled", "no mypy", NEEDED) from None
    if shutil.which("cc") is None:
        raise InputError("--compiled", "no cc", NEEDED)
    tag = sys.implementation.cache_tag or sys.version
    how = [compiler, tag, os.environ.get(OPTIMISATION, "")]
    path = cache_folder("compiled") / tree_digest([PROJECT / "initpy"], how)
    with locked("compiled"):
        if not path.exists():
            progress("compiling initpy for this machine (a minute or two, once)")
            _make(path)
    return path


def _modules() -> list[str]:
    core = sorted((PROJECT / "initpy" / "core").rglob("*.py"))
    return [
        *(str(each.relative_to(PROJECT)) for each in core if each.stem not in NOT_OF_THE_CORE),
        *(f"initpy/simulation/{each}.py" for each in OF_THE_SIMULATION),
    ]


def _make(path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent) as name:
        making = Path(name, "made")
        leave = shutil.ignore_patterns("__pycache__")
        shutil.copytree(PROJECT / "initpy", making / "initpy", ignore=leave)
        command = [sys.executable, "-m", "mypyc", *_modules()]
        compiling = subprocess.run(command, cwd=making, capture_output=True, text=True, check=False)
        if compiling.returncode:
            said = (compiling.stdout + compiling.stderr).strip().splitlines()
            raise InputError("--compiled", "\n".join(said[-3:]), NEEDED)
        for each in ("build", ".mypy_cache"):
            shutil.rmtree(making / each)
        for each in BESIDE:
            (making / each).symlink_to(PROJECT / each)
        making.rename(path)


def environment(path: Path) -> dict[str, str]:
    """Return the environment in which `python -m initpy` runs the compiled copy."""
    paths = [str(path), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {**os.environ, "PYTHONPATH": os.pathsep.join(paths)}
