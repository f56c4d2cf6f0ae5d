"""Explains modules that a kernel lacks and that DKMS builds: why, when to expect them, what next.

DKMS (dkms(8)) builds external modules when a kernel, its headers, or the source is installed. A
build that fails leaves the kernel without the module, and its log in the tree.
"""

import re
import subprocess
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from initpy.config.textlines import read_file

TREE = Path("/var/lib/dkms")
MODULES = Path("/lib/modules")
_BUILT = re.compile(r"""^\s*BUILT_MODULE_NAME(?:\[\d+\])?=["']?([\w-]+)""", re.MULTILINE)
_SECONDS = 20.0
_WIDTH = 16


@dataclass(frozen=True, slots=True)
class Source:
    """A source of external modules that DKMS knows; `log` is that of a build that has failed."""

    name: str
    version: str
    modules: frozenset[str]
    log: Path | None = None


def sources(tree: Path = TREE) -> tuple[Source, ...]:
    """Return what DKMS knows. Sources that cannot be read are left out."""
    found = []
    for config in sorted(tree.glob("*/*/source/dkms.conf")):
        folder = config.parents[1]
        try:
            text = read_file(config, "replace")
        except OSError:
            continue
        logs = (folder / "build" / "make.log", folder / "build" / "config.log")
        log = next((each for each in logs if each.is_file()), None)
        names = frozenset({folder.parent.name, *_BUILT.findall(text)})
        found.append(Source(folder.parent.name, folder.name, names, log))
    return tuple(found)


def screen(
    missing: Iterable[str], release: str, tree: Path = TREE, modules: Path = MODULES
) -> tuple[str, ...]:
    """Return the lines about missing modules that DKMS builds; none if it builds none of them."""
    names = sorted(set(missing))
    lines: list[str] = []
    for source in sources(tree) if names else ():
        built = {_plain(each) for each in source.modules}
        if lacking := [name for name in names if _plain(name) in built]:
            lines += _about(source, lacking, release, modules)
    if lines:
        lines += [
            _row("next try", f"initpy install --kernel {release}"),
            _row("", "by itself at dpkg --configure -a, at the next run of apt,"),
            _row("", "and once the headers of this kernel are installed"),
            _row("until then", "earlier images and boot entries stay as they are"),
        ]
    return tuple(lines)


def _about(source: Source, lacking: list[str], release: str, modules: Path) -> Iterator[str]:
    what = f"{source.name}/{source.version}"
    names = ", ".join(lacking)
    yield _row("what happened", f"DKMS has not built {names} for kernel {release}")
    if not (modules / release / "build").exists():
        yield _row("", f"its headers are missing: apt install linux-headers-{release}")
    elif source.log is not None:
        yield _row("", f"its last build failed: {source.log}")
    found = [each for name in lacking for each in modules.glob(f"*/updates/dkms/{name}.ko*")]
    if others := sorted({each.parents[2].name for each in found}):
        yield _row("", f"other kernels have it: {', '.join(others)}")
    for line in status(source, release):
        yield _row("dkms status", line)
    yield _row("expected", f"once this works: dkms install {what} -k {release}")


def status(source: Source, release: str) -> tuple[str, ...]:
    """Return what dkms(8) says about the source, of this kernel if it can; none without dkms."""
    command = ["dkms", "status", "-m", source.name, "-v", source.version]
    try:
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ()
    lines = [each.strip() for each in done.stdout.splitlines() if each.strip()]
    own = [each for each in lines if release in each]
    return tuple(own or lines[:1])


def _row(label: str, text: str) -> str:
    return f"  {label:<{_WIDTH}}{text}"


def _plain(name: str) -> str:
    return name.replace("-", "_")
