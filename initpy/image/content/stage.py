"""Writes an image's content to a folder, and runs ldconfig, ld.so and Python in it."""

import os
import shutil
from collections.abc import Callable, Iterable
from pathlib import Path

from initpy.image import process
from initpy.image.tree import File, Folder, Link, Tree

# Programs do not need kernel modules and firmware.
UNSTAGED = ("/usr/lib/modules", "/usr/lib/firmware")


def write_out(tree: Tree, root: Path, chosen: Callable[[str], bool] = lambda _: True) -> None:
    """Write the chosen files of the tree below `root`, without device nodes, modules and firmware.

    It never copies files that are not world-readable, such as keys. It always writes folders and
    links, unless they exist.
    """
    for path, entry in tree.items():
        if path.startswith(UNSTAGED):
            continue
        target = root / path.lstrip("/")
        match entry:
            case Folder():
                target.mkdir(exist_ok=True)
            case Link(target=pointed):
                if not target.is_symlink():
                    target.symlink_to(pointed)
            case File(mode=mode) if not mode & 0o004 or not chosen(path):
                continue
            case File(source=bytes(data), mode=mode):
                target.write_bytes(data)
                target.chmod(mode)
            case File(source=Path() as source, mode=mode):
                shutil.copyfile(source, target)
                target.chmod(mode)


def library_cache(root: Path) -> bytes:
    """Run ldconfig in the folder; return its /etc/ld.so.cache."""
    process.run(["ldconfig", "-X", "-i", "-r", str(root)], hint="apt install libc-bin")
    return (root / "etc/ld.so.cache").read_bytes()


def check_programs(root: Path, programs: Iterable[tuple[str, str]]) -> list[str]:
    """Load each (program, its ELF interpreter) inside the folder; return the errors."""
    problems: list[str] = []
    for program, interpreter in programs:
        command = process.in_root(root, [interpreter, "--list", program])
        try:
            process.run(command)
        except process.ToolError as error:
            problems.append(str(error))
    return problems


def check_imports(root: Path, interpreter: str, modules: Iterable[str]) -> None:
    """Import the modules inside the folder. Raises ToolError: in PID 1 it would be a panic."""
    names = list(modules)
    command = [interpreter, "-ISB", "-c", f"import {', '.join(names)}"]
    hint = "the image lacks a module or a library that this import needs"
    process.run(process.in_root(root, command), hint=hint)


def may_change_root() -> bool:
    """Return whether this process can chroot: as root, or in a user namespace."""
    if os.geteuid() == 0:
        return True
    try:
        process.run(process.in_root(Path("/"), ["/bin/true"]))
    except process.ToolError:
        return False
    return True
