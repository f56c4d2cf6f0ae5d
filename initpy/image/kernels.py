"""The kernels that are installed."""

import re
from pathlib import Path

MODULES = Path("/lib/modules")
BOOT = Path("/boot")


def installed_kernels(modules: Path = MODULES, boot: Path = BOOT) -> list[str]:
    """Versions with modules and a kernel to boot them with, oldest first.

    A folder of modules alone may be what a removed kernel's external modules left.
    """
    if not modules.is_dir():
        return []
    found = [
        path.name
        for path in modules.iterdir()
        if (path / "modules.dep").is_file()
        and ((boot / f"vmlinuz-{path.name}").is_file() or (path / "vmlinuz").is_file())
    ]
    return sorted(found, key=_in_order)


def _in_order(version: str) -> list[tuple[int, str]]:
    """A key that puts 6.10 behind 6.9."""
    return [(int(number or 0), text) for number, text in re.findall(r"(\d*)(\D*)", version)]
