"""Reads a kernel's build configuration, if its distribution installs it.

No other file shows whether the kernel supports an initramfs, its compression methods, or a script
as /init (Documentation/kbuild/kconfig-language.rst).
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from initpy.config.textlines import read_file
from initpy.image.formats.compress import NONE

BUILT_IN = re.compile(r"^CONFIG_(\w+)=y$", re.MULTILINE)
LEFT_OUT = re.compile(r"^# CONFIG_(\w+) is not set$", re.MULTILINE)
# Numbers, and strings without their quotes.
TEXT = re.compile(r'^CONFIG_(\w+)="?([^"\n]{2,})"?$', re.MULTILINE)


@dataclass(frozen=True, slots=True)
class KernelConfig:
    """The options set to `y`, and options with a string or number, without `CONFIG_`."""

    path: Path  # of the configuration file
    built_in: frozenset[str]
    texts: Mapping[str, str] = field(default_factory=dict)
    left_out: frozenset[str] = frozenset()  # the file says so

    def __contains__(self, option: str) -> bool:
        return option in self.built_in

    def unpacks(self, method: str) -> bool:
        """Return whether the kernel can decompress an initramfs of this method."""
        return method == NONE or unpacking(method) in self

    @property
    def unpacks_branches(self) -> bool:
        """Return whether the kernel supports xz's branch filter for x86 code."""
        return {"X86", "XZ_DEC_X86"} <= self.built_in


def unpacking(method: str) -> str:
    """Return the option that enables a compression method for the initramfs (usr/Kconfig)."""
    return f"RD_{method.upper()}"


def read_kernel_config(kernel: str, modules: Path) -> KernelConfig | None:
    """Read the configuration of a kernel, given its modules' folder; None if not installed."""
    for path in _places(kernel, modules):
        try:
            text = read_file(path, "replace")
        except OSError:
            continue
        # Ignore a file that sets no option.
        if chosen := frozenset(BUILT_IN.findall(text)):
            left_out = frozenset(LEFT_OUT.findall(text))
            return KernelConfig(path, chosen, dict(TEXT.findall(text)), left_out)
    return None


def _places(kernel: str, modules: Path) -> Iterator[Path]:
    """Yield the possible paths: beside the modules (Fedora), in /boot (Debian). Arch has none."""
    yield modules / "config"
    for root in modules.absolute().parents[2:4]:
        if root.name != "usr":
            yield root / "boot" / f"config-{kernel}"
